/*
 * ingest_batch_sql.c
 *		One transaction of the ingester: messages of one topic into tables, and the positions with them.
 *
 * The rows of the partitions are locked first and must say what this process believes: so whoever else reads the same partition, or sets
 * its position, one of the two does nothing. Everything happens in a subtransaction, so that a failure which is not the messages' fault
 * leaves nothing behind but its words.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "core/error_sql.h"
#include "core/spi_sql.h"
#include "core/worker.h"
#include "events/ingest_sql.h"
#include "security/security.h"

/* What a batch does to a partition. */
typedef struct Move
{
	CfIngestPart *part;
	int64		position;
	int64		last_offset;	/* -1 = no message */
	char		last_digest[CF_DIGEST_BYTES];
	int64		messages;
	int64		records;
	int64		passed_over;
	int64		refused;
} Move;

typedef struct Batch
{
	const char *topic;
	CfIngestPlan *plan;
	const CfConsumerItem *items;
	int			item_count;
	CfIngestWords *words;
	Move	   *moves;
	int			move_count;
	CfLetter   *letters;
	int			letter_count;
} Batch;

static CfSpiPlan lock_parts = {
	"SELECT p.partition, p.position, p.generation FROM cloudflux.ingest_positions p"
	" WHERE p.topic OPERATOR(pg_catalog.=) $1 AND p.partition OPERATOR(pg_catalog.=) ANY ($2)"
	"   AND p.state OPERATOR(pg_catalog.=) 'reading' AND p.wish IS NULL ORDER BY p.partition FOR UPDATE",
	2, {TEXTOID, INT4ARRAYOID}
};
static CfSpiPlan move_part = {
	"UPDATE cloudflux.ingest_positions p SET position = $3, last_offset = COALESCE($4, p.last_offset), last_digest = COALESCE($5, p.last_digest),"
	"   high = GREATEST(p.high, $3), messages = p.messages OPERATOR(pg_catalog.+) $6, records = p.records OPERATOR(pg_catalog.+) $7,"
	"   passed_over = p.passed_over OPERATOR(pg_catalog.+) $8, refused = p.refused OPERATOR(pg_catalog.+) $9, updated_at = pg_catalog.clock_timestamp()"
	" WHERE p.topic OPERATOR(pg_catalog.=) $1 AND p.partition OPERATOR(pg_catalog.=) $2",
	9, {TEXTOID, INT4OID, INT8OID, INT8OID, TEXTOID, INT8OID, INT8OID, INT8OID, INT8OID}
};

static void
fill_headers(const CfConsumerItem *item, CfIngestMessage *message)
{
	int			n = 0;

	while (n < CF_INGEST_HEADERS &&
		   cf_consumer_header(item, (size_t) n, &message->headers[n].name, &message->headers[n].value.text, &message->headers[n].value.length))
		n++;
	message->header_count = n;
}

void
cf_ingest_digest(const CfConsumerItem *item, char digest[CF_DIGEST_BYTES])
{
	CfHash		hash = {0};
	uint8_t		bytes[CF_HASH_SHA256_BYTES];
	int64		head[2] = {item->time_us, item->key == NULL ? -1 : (int64) item->key_length};

	if (!cf_hash_start(&hash) || !cf_hash_update(&hash, head, sizeof(head)) ||
		(item->key_length > 0 && !cf_hash_update(&hash, item->key, item->key_length)) ||
		(item->value_length > 0 && !cf_hash_update(&hash, item->value, item->value_length)) || !cf_hash_finish(&hash, bytes))
		ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("could not compute a digest")));
	cf_hash_end(&hash);
	cf_hex_encode(bytes, sizeof(bytes), digest);
}

/* move_of finds what the batch does to a partition, from nothing on. */
static Move *
move_of(Batch *batch, CfIngestPart *part)
{
	/* Messages of one partition mostly come together. */
	for (int i = batch->move_count - 1; i >= 0; i--)
	{
		if (batch->moves[i].part == part)
			return &batch->moves[i];
	}
	batch->moves[batch->move_count] = (Move){.part = part, .position = part->position, .last_offset = -1};
	return &batch->moves[batch->move_count++];
}

/* open_letters makes letters of the items, and says where the positions will be. */
static void
open_letters(Batch *batch)
{
	const CfConsumerItem **last = palloc0(sizeof(CfConsumerItem *) * (batch->plan->count + 1));

	batch->moves = palloc(sizeof(Move) * (batch->plan->count + 1));
	batch->letters = palloc0(sizeof(CfLetter) * (batch->item_count + 1));
	for (int i = 0; i < batch->item_count; i++)
	{
		const CfConsumerItem *item = &batch->items[i];
		CfIngestPart *part = cf_ingest_find(batch->plan, item->topic, item->partition);
		Move	   *move;
		CfLetter   *letter;

		if (part == NULL || part->doubted || strcmp(item->topic, batch->topic) != 0)
			continue;
		move = move_of(batch, part);
		if (item->what == CF_CONSUMER_END)
			move->position = Max(move->position, item->offset);
		if (item->what != CF_CONSUMER_MESSAGE || item->offset < move->position)
			continue;
		letter = &batch->letters[batch->letter_count++];
		letter->partition = item->partition;
		letter->offset = item->offset;
		letter->time_us = item->time_us;
		letter->key = (CfText){item->key, item->key_length};
		letter->message.value = (CfText){item->value, item->value_length};
		fill_headers(item, &letter->message);
		move->position = item->offset + 1;
		move->last_offset = item->offset;
		last[move - batch->moves] = item;
	}
	for (int i = 0; i < batch->move_count; i++)
	{
		if (last[i] != NULL)
			cf_ingest_digest(last[i], batch->moves[i].last_digest);
	}
}

/* lock_rows locks the partitions' rows; false = one of them is not where we believe it to be. */
static bool
lock_rows(Batch *batch)
{
	Datum	   *numbers = palloc(sizeof(Datum) * (batch->move_count + 1));
	Datum		values[2];
	uint64		found;

	for (int i = 0; i < batch->move_count; i++)
		numbers[i] = Int32GetDatum(batch->moves[i].part->partition);
	values[0] = CStringGetTextDatum(batch->topic);
	values[1] = PointerGetDatum(construct_array(numbers, batch->move_count, INT4OID, 4, true, TYPALIGN_INT));
	found = cf_spi_run(&lock_parts, values, NULL);
	for (uint64 row = 0; row < found; row++)
	{
		CfIngestPart *part = cf_ingest_find(batch->plan, batch->topic, (int) cf_spi_int64(row, 1, NULL));

		if (part == NULL || part->position != cf_spi_int64(row, 2, NULL) || part->generation != cf_spi_int64(row, 3, NULL))
			return false;
	}
	return found == (uint64) batch->move_count;
}

/* count_letters adds up what became of the letters. */
static void
count_letters(Batch *batch)
{
	for (int i = 0; i < batch->letter_count; i++)
	{
		const CfLetter *letter = &batch->letters[i];
		Move	   *move = move_of(batch, cf_ingest_find(batch->plan, batch->topic, letter->partition));

		move->messages++;
		if (letter->reason != NULL)
			move->refused++;
		else if (letter->record_count == 0)
			move->passed_over++;
		else
			move->records += letter->record_count;
	}
}

static void
write_positions(Batch *batch)
{
	for (int i = 0; i < batch->move_count; i++)
	{
		const Move *move = &batch->moves[i];
		Datum		values[9];
		bool		nulls[9] = {false};

		values[0] = CStringGetTextDatum(batch->topic);
		values[1] = Int32GetDatum(move->part->partition);
		values[2] = Int64GetDatum(move->position);
		values[3] = Int64GetDatum(move->last_offset);
		values[4] = CStringGetTextDatum(move->last_digest);
		nulls[3] = nulls[4] = move->last_offset < 0;
		values[5] = Int64GetDatum(move->messages);
		values[6] = Int64GetDatum(move->records);
		values[7] = Int64GetDatum(move->passed_over);
		values[8] = Int64GetDatum(move->refused);
		cf_spi_run(&move_part, values, nulls);
	}
}

/* take is what happens inside the subtransaction. */
static CfIngestOutcome
take(Batch *batch)
{
	CfIngestTarget *target;

	if (!lock_rows(batch))
		return CF_INGEST_MOVED;
	if (batch->letter_count > 0)
	{
		target = cf_ingest_target(batch->topic, batch->words);
		if (target == NULL)
			return batch->words->detail[0] != '\0' ? CF_INGEST_LATER : CF_INGEST_MOVED;
		if (!cf_ingest_letters(target, batch->letters, batch->letter_count, batch->words))
			return CF_INGEST_LATER;
		cf_ingest_bury(batch->topic, batch->letters, batch->letter_count);
		count_letters(batch);
	}
	write_positions(batch);
	return CF_INGEST_DONE;
}

CfIngestOutcome
cf_ingest_guarded(CfIngestOutcome (*body) (void *arg), void *arg, CfIngestWords *words)
{
	MemoryContext outer = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	volatile CfIngestOutcome outcome = CF_INGEST_LATER;

	BeginInternalSubTransaction(NULL);
	PG_TRY();
	{
		MemoryContextSwitchTo(outer);
		outcome = body(arg);
		if (outcome == CF_INGEST_DONE)
			ReleaseCurrentSubTransaction();
		else
			RollbackAndReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		CfError		err;

		cf_error_capture(&err, outer);
		RollbackAndReleaseCurrentSubTransaction();
		snprintf(words->detail, sizeof(words->detail), "%s", err.message);
		snprintf(words->hint, sizeof(words->hint), "%s", err.hint);
		outcome = CF_INGEST_LATER;
	}
	PG_END_TRY();
	MemoryContextSwitchTo(outer);
	CurrentResourceOwner = owner;
	return outcome;
}

static CfIngestOutcome
take_body(void *arg)
{
	return take(arg);
}

CfIngestOutcome
cf_ingest_take(const char *topic, CfIngestPlan *plan, const CfConsumerItem *items, int count, CfIngestWords *words)
{
	Batch		batch = {topic, plan, items, count, words};
	CfIngestOutcome outcome;

	words->detail[0] = words->hint[0] = '\0';
	open_letters(&batch);
	if (batch.letter_count == 0)
	{
		int			moved = 0;

		for (int i = 0; i < batch.move_count; i++)
			moved += batch.moves[i].position != batch.moves[i].part->position;
		if (moved == 0)
			return CF_INGEST_DONE;
	}
	TRIP("ingest_fetched");
	cf_worker_begin("ingesting messages");
	cf_spi_begin();
	outcome = cf_ingest_guarded(take_body, &batch, words);
	cf_spi_end();
	TRIP("ingest_before_commit");
	cf_worker_commit();
	TRIP("ingest_committed");
	for (int i = 0; outcome == CF_INGEST_DONE && i < batch.move_count; i++)
		batch.moves[i].part->position = batch.moves[i].position;
	return outcome;
}
