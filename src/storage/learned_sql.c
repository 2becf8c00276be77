/*
 * learned_sql.c
 *		What answers told of places, kept by this process: so that a wrong region costs one request and not one in two.
 *
 * An entry belongs to a server as it is written now: altered, it is another one. Entries are few and small, as many as places that
 * this process ever opened, and are never given up. Nothing of it is true beyond this process: another one learns it again.
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"

#include "storage/place_sql.h"

typedef struct LearnedKey
{
	Oid			server;
	uint32		written;		/* hash of what the server says of itself */
} LearnedKey;

typedef struct LearnedEntry
{
	LearnedKey	key;
	CfLearned	learned;
} LearnedEntry;

CfLearned *
cf_storage_learned(Oid server, const CfPlace *place)
{
	static HTAB *entries = NULL;
	const char *texts[] = {place->provider, place->endpoint, place->bucket, place->region};
	LearnedKey	key = {.server = server};
	LearnedEntry *entry;
	bool		found;

	if (entries == NULL)
	{
		HASHCTL		control = {.keysize = sizeof(LearnedKey), .entrysize = sizeof(LearnedEntry), .hcxt = TopMemoryContext};

		entries = hash_create("cloudflux places", 16, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	}
	for (int i = 0; i < lengthof(texts); i++)
		key.written = hash_combine(key.written, hash_bytes((const unsigned char *) texts[i], strlen(texts[i])));
	entry = hash_search(entries, &key, HASH_ENTER, &found);
	if (!found)
		memset(&entry->learned, 0, sizeof(entry->learned));
	return &entry->learned;
}
