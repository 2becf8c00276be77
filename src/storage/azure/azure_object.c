/*
 * azure_object.c
 *		One object in one request: looking at it, reading it, creating it, removing it.
 *
 * A create says If-None-Match: * and describes itself: metadata cf_owner_tag tells whose it is, cf_crc64nvme what was sent. When
 * its answer was lost, or an earlier attempt of ours was there first, HEAD settles it: ours is what has our tag, size and digest.
 */
#include <stdio.h>
#include <string.h>

#include "storage/azure/azure.h"
#include "storage/utf8.h"
#include "storage/xml.h"

#define TAGS_MAX 10
#define RANGE_MAX (4 * 1024 * 1024)	/* the service tells no CRC of a longer range */
#define OWNER_TAG "cf_owner_tag"
#define CONTENT_CRC "cf_crc64nvme"

static CfStep stat_tags(CfOp *op, const char *key, CfObjectStat *stat);
static CfStep read_ask(CfOp *op, const CfReadArgs *args, const CfChunk *chunk);
static CfStep read_take(CfOp *op, const CfReadArgs *args, CfChunk *chunk);
static CfStep read_end(CfOp *op, const CfReadArgs *args);
static bool content_range(const char *text, int64_t *total);
static bool describe_lines(CfOp *op, const char *lines, bool of_source);
static bool describe_tags(CfOp *op, const char *lines);

CfStep
cf_azure_stat(CfOp *op, const char *key, CfObjectStat *stat)
{
	int64_t		tags = 0;

	if (op->phase == AZURE_START)
		return cf_azure_look(op, key, AZURE_ASKED);
	if (op->phase == AZURE_ASKED_MORE)
		return stat_tags(op, key, stat);
	if (op->response.status != 200)
		return cf_azure_fail(op, "find object", key);
	if (!cf_azure_stat_fill(op, key, stat))
		return cf_remote_error(op);
	if (!cf_remote_number(cf_net_answer(&op->response, "x-ms-tag-count"), TAGS_MAX, &tags) || tags == 0)
		return cf_remote_done(op);
	if (cf_azure_request(op, "GET", "GetBlobTags", key, "comp=tags") == NULL)
		return cf_remote_error(op);
	return cf_remote_send(op, AZURE_ASKED_MORE);
}

typedef struct TagsVisit
{
	CfRemoteText text;
	char		name[256];
} TagsVisit;

/* take_tag makes "name=value\n" of Tags/TagSet/Tag. */
static bool
take_tag(void *ctx, const char *path, const char *text, size_t length)
{
	TagsVisit  *visit = ctx;

	(void) length;
	if (strcmp(path, "Tags/TagSet/Tag/Key") == 0)
		snprintf(visit->name, sizeof(visit->name), "%s", text);
	if (strcmp(path, "Tags/TagSet/Tag/Value") != 0)
		return true;
	cf_remote_text_add(&visit->text, visit->name);
	cf_remote_text_add(&visit->text, "=");
	cf_remote_text_add(&visit->text, text);
	cf_remote_text_add(&visit->text, "\n");
	return !visit->text.failed;
}

/* stat_tags reads the tags. Without the right to read them they would be lost in a move, so that is an error. */
static CfStep
stat_tags(CfOp *op, const char *key, CfObjectStat *stat)
{
	TagsVisit	visit = {.text = {.arena = op->arena}};

	if (op->response.status != 200)
	{
		cf_azure_fail(op, "read the tags of object", key);
		if (op->err.kind == CF_ERR_DENIED)
			cf_error_hint(&op->err, "The object has tags: the SAS needs permission t, a role the action blobs/tags/read.");
		return CF_STEP_ERROR;
	}
	if (!cf_xml_parse(op->response.body, op->response.body_bytes, take_tag, &visit, &op->err))
		return visit.text.failed ? cf_remote_memory(op) : cf_remote_error(op);
	stat->attributes.tags = visit.text.data == NULL ? "" : visit.text.data;
	return cf_remote_done(op);
}

/* cf_azure_look asks for the headers of a blob. */
CfStep
cf_azure_look(CfOp *op, const char *key, int phase)
{
	if (cf_azure_request(op, "HEAD", "GetBlobProperties", key, NULL) == NULL)
		return cf_remote_error(op);
	return cf_remote_send(op, phase);
}

/* cf_azure_read reads as much as the caller's buffer holds with each request, under the pin. */
CfStep
cf_azure_read(CfOp *op, const CfReadArgs *args, CfChunk *chunk)
{
	CfAzureState *state = cf_azure_state(op);
	CfStep		step;

	if (state == NULL)
		return CF_STEP_ERROR;
	if (op->phase == AZURE_START && !state->reading)
	{
		state->done = 0;
		if (args->version != NULL && strlen(args->version) > CF_STORAGE_VERSION_MAX)
			return cf_remote_changed(op, args->key);
		snprintf(state->version, sizeof(state->version), "%s", args->version == NULL ? "" : args->version);
		state->reading = true;
	}
	if (op->phase == AZURE_START)
		step = read_ask(op, args, chunk);
	else if (op->phase == AZURE_ASKED)
		step = read_take(op, args, chunk);
	else
		step = read_end(op, args);
	if (step == CF_STEP_DONE || step == CF_STEP_ERROR)
		state->reading = false;
	return step;
}

/*
 * read_ask asks for the next range; when none is wanted, for the headers. Many blobs have no digest of their own, so the service is
 * asked for the CRC-64 of each range: what it read from its disks is what arrives here, or it is asked for again.
 */
static CfStep
read_ask(CfOp *op, const CfReadArgs *args, const CfChunk *chunk)
{
	CfAzureState *state = op->state;
	int64_t		from = args->offset + state->done;
	int64_t		want = chunk->capacity > RANGE_MAX ? RANGE_MAX : (int64_t) chunk->capacity;
	bool		nothing = args->length == 0;
	CfRequest  *request;
	char		range[64];

	if (args->length >= 0 && want > args->length - state->done)
		want = args->length - state->done;
	request = cf_azure_request(op, nothing ? "HEAD" : "GET", nothing ? "GetBlobProperties" : "GetBlob", args->key, NULL);
	if (request == NULL || !cf_azure_pin(op, "If-Match", state->version))
		return cf_remote_error(op);
	if (nothing)
		return cf_remote_send(op, AZURE_ASKED_MORE);
	snprintf(range, sizeof(range), "bytes=%lld-%lld", (long long) from, (long long) (from > INT64_MAX - want ? INT64_MAX : from + want - 1));
	if (!cf_azure_header(op, "x-ms-range", range) ||
		((op->place->learned == NULL || !op->place->learned->no_range_digest) && !cf_azure_header(op, CF_AZURE_RANGE_CRC, "true")))
		return cf_remote_error(op);
	request->sink = chunk->data;
	request->sink_bytes = (size_t) want;
	request->net_class = CF_NET_BODY;
	return cf_remote_send(op, AZURE_ASKED);
}

/* read_take looks whether the answer is the range of the version that was asked for, and nothing else. */
static CfStep
read_take(CfOp *op, const CfReadArgs *args, CfChunk *chunk)
{
	CfAzureState *state = op->state;
	const CfResponse *response = &op->response;
	int64_t		from = args->offset + state->done;
	int64_t		asked = (int64_t) op->request.sink_bytes;
	char		version[CF_STORAGE_VERSION_MAX + 1];
	int64_t		total;
	uint64_t	crc;

	if (response->status == 416)
	{
		CfRequest  *request = cf_azure_request(op, "HEAD", "GetBlobProperties", args->key, NULL);

		if (request == NULL || !cf_azure_pin(op, "If-Match", state->version))
			return cf_remote_error(op);
		return cf_remote_send(op, AZURE_ASKED_MORE);
	}
	if (response->status == 412)
		return cf_remote_changed(op, args->key);
	if (response->status != 206 && !(response->status == 200 && from == 0))
		return cf_azure_fail(op, "read object", args->key);
	if (!cf_azure_etag(cf_net_answer(response, "etag"), version) ||
		!(response->status == 206 ? content_range(cf_net_answer(response, "content-range"), &total) :
		  cf_remote_number(cf_net_answer(response, "content-length"), INT64_MAX, &total)) ||
		total < from || (int64_t) response->sink_bytes != (asked < total - from ? asked : total - from))
	{
		cf_azure_fail(op, "read object", args->key);
		op->err.kind = CF_ERR_IO;
		op->err.retryable = true;
		return CF_STEP_ERROR;
	}
	if (state->version[0] == '\0')
		memcpy(state->version, version, sizeof(version));
	if (strcmp(state->version, version) != 0)
		return cf_remote_changed(op, args->key);
	if (args->length > total - args->offset)
		return cf_remote_outside(op, args->key, total);
	/* Emulators tell none. */
	if (response->status == 206 && cf_azure_crc_read(cf_net_answer(response, "x-ms-content-crc64"), &crc) &&
		crc != cf_crc64nvme(0, chunk->data, response->sink_bytes))
	{
		cf_azure_fail(op, "read object", args->key);
		op->err.kind = CF_ERR_IO;
		op->err.retryable = true;
		cf_error_detail(&op->err, "The bytes were damaged on their way: their CRC-64 is not the one that the service tells.");
		return CF_STEP_ERROR;
	}
	chunk->length = response->sink_bytes;
	state->done += (int64_t) response->sink_bytes;
	op->phase = AZURE_START;
	return args->offset + state->done == (args->length >= 0 ? args->offset + args->length : total) ? CF_STEP_DONE : CF_STEP_AGAIN;
}

/* read_end reads HEAD: a range of nothing is fine inside the object and at its end, where Azure calls it invalid. */
static CfStep
read_end(CfOp *op, const CfReadArgs *args)
{
	CfAzureState *state = op->state;
	CfObjectStat stat;

	if (op->response.status == 412)
		return cf_remote_changed(op, args->key);
	if (op->response.status != 200)
		return cf_azure_fail(op, "read object", args->key);
	if (!cf_azure_stat_fill(op, args->key, &stat))
		return cf_remote_error(op);
	if (state->version[0] != '\0' && strcmp(state->version, stat.version) != 0)
		return cf_remote_changed(op, args->key);
	if (args->offset > stat.size_bytes || args->length > stat.size_bytes - args->offset)
		return cf_remote_outside(op, args->key, stat.size_bytes);
	if (args->length != 0 && args->offset + state->done != stat.size_bytes)
		return cf_remote_changed(op, args->key);	/* it shrank between the two requests */
	return cf_remote_done(op);
}

/* content_range takes the total of "bytes 0-9/100". */
static bool
content_range(const char *text, int64_t *total)
{
	const char *slash = strchr(text, '/');

	return strncmp(text, "bytes ", 6) == 0 && slash != NULL && cf_remote_number(slash + 1, INT64_MAX, total);
}

/* cf_azure_put creates an object that the caller has in memory; an earlier attempt of the same owner counts when it is resumed. */
CfStep
cf_azure_put(CfOp *op, const CfUploadArgs *args, const void *data, size_t length, CfObjectStat *stat)
{
	CfStep		step;

	if (op->phase == AZURE_START)
		return cf_azure_put_send(op, args, NULL, data, length);
	if (op->phase == AZURE_SETTLING)
		return cf_azure_settled(op, args, stat);
	step = cf_azure_created(op, args, args->resume);
	if (step != CF_STEP_DONE)
		return step;
	return cf_azure_put_stat(op, args, stat) ? cf_remote_done(op) : cf_remote_memory(op);
}

/* cf_azure_put_send sends a whole object; known digests are what the caller read, else they are computed of what is sent. */
CfStep
cf_azure_put_send(CfOp *op, const CfUploadArgs *args, const CfDigests *known, const void *data, size_t length)
{
	CfAzureState *state = cf_azure_state(op);
	CfDigests	digests = {.known = 0};
	CfRequest  *request;
	char		crc[CF_BASE64_BYTES(8)];

	if (state == NULL || !cf_azure_attributes_check(args, &op->err))
		return cf_remote_error(op);
	/* Beside a CRC the service takes no MD5; it computes one itself. */
	digests.known = CF_DIGEST_CRC64NVME;
	digests.crc64nvme = known != NULL && (known->known & CF_DIGEST_CRC64NVME) != 0 ? known->crc64nvme : cf_crc64nvme(0, data, length);
	cf_azure_crc_write(digests.crc64nvme, crc);
	request = cf_azure_request(op, "PUT", "PutBlob", args->key, NULL);
	if (request == NULL || !cf_azure_header(op, "x-ms-blob-type", "BlockBlob") || !cf_azure_header(op, "If-None-Match", "*") ||
		!cf_azure_header(op, "Content-Type", "application/octet-stream") || !cf_azure_header(op, "x-ms-content-crc64", crc) ||
		!cf_azure_describe(op, args, &digests))
		return cf_remote_error(op);
	state->body_is_object = true;
	request->body = length > 0 ? data : NULL;
	request->body_bytes = length;
	request->net_class = CF_NET_BODY;
	request->repeat = CF_NET_REPEAT_CONDITIONAL;
	return cf_remote_send(op, AZURE_ASKED);
}

/* cf_azure_put_stat tells of an object what the answer to its Put Blob told, and what was sent. */
bool
cf_azure_put_stat(CfOp *op, const CfUploadArgs *args, CfObjectStat *stat)
{
	CfAzureState *state = op->state;
	const char *tier = cf_azure_tier(args->storage_class != NULL && args->storage_class[0] != '\0' ? args->storage_class : op->place->storage_class);

	memset(stat, 0, sizeof(*stat));
	stat->size_bytes = args->size_bytes;
	memcpy(stat->version, state->version, sizeof(stat->version));
	stat->mtime_us = state->mtime_us;
	stat->digests = state->digests;
	stat->storage_class = tier == NULL ? "" : tier;
	stat->content_type = args->content_type == NULL ? "" : cf_arena_strdup(op->arena, args->content_type);
	cf_azure_class_note(stat, "");
	return stat->content_type != NULL;
}

/*
 * cf_azure_created reads the answer to a create: DONE, what it told is in the state; SEND, it is being settled, and the next
 * answer is for cf_azure_settled; or ERROR. Without always_settle somebody there is only doubted when we sent more than once.
 */
CfStep
cf_azure_created(CfOp *op, const CfUploadArgs *args, bool always_settle)
{
	CfAzureState *state = op->state;
	const CfResponse *response = &op->response;
	bool		committed;
	uint64_t	crc;

	memset(&state->digests, 0, sizeof(state->digests));
	if (response->status == 201 && cf_azure_etag(cf_net_answer(response, "etag"), state->version) &&
		cf_remote_time(cf_net_answer(response, "last-modified"), &state->mtime_us))
	{
		bool		told = state->body_is_object && cf_azure_crc_read(cf_net_answer(response, "x-ms-content-crc64"), &crc);

		/* A service that got our CRC and said 201 has checked it, whether it says so or not. */
		if (told || (state->body_is_object && state->crc_known))
		{
			state->digests.crc64nvme = told ? crc : state->crc;
			state->digests.known = CF_DIGEST_CRC64NVME;
		}
		if (!told || !state->crc_known || crc == state->crc)
			return CF_STEP_DONE;
		cf_azure_fail(op, "create object", args->key);
		op->err.kind = CF_ERR_IO;
		cf_error_detail(&op->err, "The service holds other bytes than were sent.");
		return CF_STEP_ERROR;
	}
	state->conflicted = cf_azure_taken(op);
	committed = cf_azure_code_is(op, "InvalidBlockList");	/* perhaps by ourselves, a moment ago */
	cf_azure_fail(op, "create object", args->key);
	if (state->conflicted)
	{
		cf_error_set(&op->err, CF_ERR_EXISTS, "object \"%s\" of place \"%s\" exists", cf_remote_shown(op, args->key), op->place->name);
	}
	state->told = op->err;
	if ((state->conflicted && (always_settle || response->sends > 1)) ||
		committed || (!state->conflicted && response->sends > 0 && (response->status == 0 || response->status >= 500 || response->status < 300)))
		return cf_azure_look(op, args->key, AZURE_SETTLING);
	return CF_STEP_ERROR;
}

/* cf_azure_settled reads HEAD: is what is there what we sent? */
CfStep
cf_azure_settled(CfOp *op, const CfUploadArgs *args, CfObjectStat *stat)
{
	CfAzureState *state = op->state;
	const char *told = cf_net_answer(&op->response, "x-ms-meta-" CONTENT_CRC);
	char		crc[CF_BASE64_BYTES(8)];

	cf_azure_crc_write(state->crc, crc);
	if (op->response.status == 200)
	{
		if (!cf_azure_stat_fill(op, args->key, stat))
			return cf_remote_error(op);
		if (cf_azure_ours(op, args->owner_tag) && stat->size_bytes == args->size_bytes &&
			(!state->crc_known || told[0] == '\0' || strcmp(told, crc) == 0))
		{
			if (strcmp(state->version, stat->version) == 0)
				stat->digests = state->digests;
			memcpy(state->version, stat->version, sizeof(state->version));
			state->mtime_us = stat->mtime_us;
			return cf_remote_done(op);
		}
		cf_error_set(&op->err, CF_ERR_EXISTS, "object \"%s\" of place \"%s\" exists", cf_remote_shown(op, args->key), op->place->name);
		if (cf_azure_ours(op, args->owner_tag))
			cf_error_detail(&op->err, "An earlier attempt made it, of other bytes.");
		return cf_remote_error(op);
	}
	op->err = state->told;
	if (state->conflicted && cf_azure_missing(op))
		op->err.retryable = true;	/* it was there a moment ago */
	return cf_remote_error(op);
}

/* cf_azure_ours tells whether the blob that HEAD described carries our owner tag. */
bool
cf_azure_ours(const CfOp *op, const char *owner_tag)
{
	return strcmp(cf_net_answer(&op->response, "x-ms-meta-" OWNER_TAG), owner_tag) == 0;
}

/* metadata_check looks at names and values of one text of metadata and adds up their bytes. */
static bool
metadata_check(const char *lines, size_t *bytes, CfError *err)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789";
	const char *name;
	const char *value;
	size_t		name_bytes;
	size_t		value_bytes;

	while (cf_azure_line_next(&lines, &name, &name_bytes, &value, &value_bytes))
	{
		*bytes += name_bytes + value_bytes;
		if (strspn(name, letters) != name_bytes || (name[0] >= '0' && name[0] <= '9'))
		{
			cf_error_set(err, CF_ERR_INPUT, "metadata \"%.*s\" cannot be kept in Azure", (int) (name_bytes < 100 ? name_bytes : 100), name);
			return cf_error_hint(err, "Names of metadata there are like those of C: letters, digits and \"_\", no digit first.");
		}
		for (size_t i = 0; i < value_bytes; i++)
		{
			if (value[i] >= 0x20 && value[i] < 0x7f)
				continue;
			cf_error_set(err, CF_ERR_INPUT, "the value of metadata \"%.*s\" cannot be kept in Azure", (int) (name_bytes < 100 ? name_bytes : 100), name);
			return cf_error_hint(err, "Values of metadata there are printable ASCII; encode it, for example as base64.");
		}
	}
	return true;
}

/* cf_azure_attributes_check tells beforehand what Azure would refuse after the bytes were sent. */
bool
cf_azure_attributes_check(const CfUploadArgs *args, CfError *err)
{
	const char *lines = args->attributes.tags;
	const char *name;
	const char *value;
	size_t		name_bytes;
	size_t		value_bytes;
	size_t		bytes = 0;
	int			tags = 0;

	if (cf_azure_tier(args->storage_class == NULL ? "" : args->storage_class) == NULL)
		return cf_error_set(err, CF_ERR_INPUT, "storage class \"%.60s\" is none of Azure's", args->storage_class);
	if (!metadata_check(args->metadata, &bytes, err) || !metadata_check(args->attributes.metadata, &bytes, err))
		return false;
	if (bytes > CF_AZURE_METADATA_MAX - 256)
		return cf_error_set(err, CF_ERR_INPUT, "object \"%.200s\" has %zu bytes of metadata; Azure keeps %d", args->key, bytes, CF_AZURE_METADATA_MAX - 256);
	while (cf_azure_line_next(&lines, &name, &name_bytes, &value, &value_bytes))
	{
		static const char legal[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 +-./:=_";

		if (++tags > TAGS_MAX || name_bytes > 128 || value_bytes > 256 || strspn(name, legal) < name_bytes || strspn(value, legal) < value_bytes)
		{
			cf_error_set(err, CF_ERR_INPUT, "the tags of object \"%.200s\" cannot be kept in Azure", args->key);
			return cf_error_hint(err, "There are %d at most, names up to 128 and values up to 256 characters of A-Z a-z 0-9 space + - . / : = _", TAGS_MAX);
		}
	}
	return true;
}

/* cf_azure_describe adds what a new blob says of itself: properties, class, metadata, tags. */
bool
cf_azure_describe(CfOp *op, const CfUploadArgs *args, const CfDigests *digests)
{
	CfAzureState *state = op->state;
	const CfAttributes *attributes = &args->attributes;
	const char *tier = cf_azure_tier(args->storage_class != NULL && args->storage_class[0] != '\0' ? args->storage_class : op->place->storage_class);
	char		crc[CF_BASE64_BYTES(8)];
	char		md5[CF_BASE64_BYTES(16)];

	state->crc_known = digests != NULL && (digests->known & CF_DIGEST_CRC64NVME) != 0;
	state->crc = state->crc_known ? digests->crc64nvme : 0;
	state->body_is_object = false;
	cf_azure_crc_write(state->crc, crc);
	if (digests != NULL)
		cf_base64_encode(digests->md5, sizeof(digests->md5), md5);
	return cf_azure_header(op, "x-ms-blob-content-type", args->content_type) &&
		cf_azure_header(op, "x-ms-blob-cache-control", attributes->cache_control) &&
		cf_azure_header(op, "x-ms-blob-content-disposition", attributes->content_disposition) &&
		cf_azure_header(op, "x-ms-blob-content-encoding", attributes->content_encoding) &&
		cf_azure_header(op, "x-ms-blob-content-language", attributes->content_language) &&
		(digests == NULL || (digests->known & CF_DIGEST_MD5) == 0 || cf_azure_header(op, "x-ms-blob-content-md5", md5)) &&
		cf_azure_header(op, "x-ms-access-tier", tier) &&
		describe_tags(op, attributes->tags) &&
		describe_lines(op, args->metadata, false) &&
		describe_lines(op, attributes->metadata, true) &&
		(!state->crc_known || cf_azure_header(op, "x-ms-meta-" CONTENT_CRC, crc)) &&
		cf_azure_header(op, "x-ms-meta-" OWNER_TAG, args->owner_tag);
}

/* describe_lines adds one header per line of metadata. What the source said of itself (cf_) is not true of the copy. */
static bool
describe_lines(CfOp *op, const char *lines, bool of_source)
{
	const char *name;
	const char *value;
	size_t		name_bytes;
	size_t		value_bytes;

	while (cf_azure_line_next(&lines, &name, &name_bytes, &value, &value_bytes))
	{
		CfRemoteText header = {.arena = &op->request_arena};
		char	   *kept = cf_arena_strndup(&op->request_arena, value, value_bytes);

		if ((of_source && name_bytes > 3 && memcmp(name, "cf_", 3) == 0) ||
			(name_bytes == strlen(OWNER_TAG) && memcmp(name, OWNER_TAG, name_bytes) == 0) ||
			(name_bytes == strlen(CONTENT_CRC) && memcmp(name, CONTENT_CRC, name_bytes) == 0))
			continue;
		cf_remote_text_add(&header, "x-ms-meta-");
		cf_remote_text_add_bytes(&header, name, name_bytes);
		if (header.failed || kept == NULL)
			return cf_remote_memory(op), false;
		if (!cf_net_header(&op->request, header.data, kept, &op->err))
			return false;
	}
	return true;
}

/* describe_tags adds all tags in one header, as a query has them. */
static bool
describe_tags(CfOp *op, const char *lines)
{
	CfRemoteText text = {.arena = &op->request_arena};
	const char *name;
	const char *value;
	size_t		name_bytes;
	size_t		value_bytes;

	while (cf_azure_line_next(&lines, &name, &name_bytes, &value, &value_bytes))
	{
		char	   *one = cf_url_encode(&op->request_arena, name, name_bytes, false);
		char	   *other = cf_url_encode(&op->request_arena, value, value_bytes, false);

		if (one == NULL || other == NULL)
			return cf_remote_memory(op), false;
		cf_remote_text_add(&text, text.length > 0 ? "&" : "");
		cf_remote_text_add(&text, one);
		cf_remote_text_add(&text, "=");
		cf_remote_text_add(&text, other);
	}
	if (text.failed)
		return cf_remote_memory(op), false;
	return cf_azure_header(op, "x-ms-tags", text.data);
}

/*
 * cf_azure_remove deletes under the pin. What snapshots, leases or policies protect stays, with the reason. The condition fails for
 * another version and for no object alike, so HEAD tells which.
 */
CfStep
cf_azure_remove(CfOp *op, const char *key, const char *version, const char *owner_tag, CfRemoved *removed)
{
	CfRequest  *request;

	(void) owner_tag;
	if (op->phase == AZURE_START)
	{
		op->err.message[0] = '\0';
		request = cf_azure_request(op, "DELETE", "DeleteBlob", key, NULL);
		if (request == NULL || !cf_azure_pin(op, "If-Match", version))
			return cf_remote_error(op);
		request->repeat = CF_NET_REPEAT_CONDITIONAL;
		return cf_remote_send(op, AZURE_ASKED);
	}
	if (cf_azure_missing(op))
		*removed = CF_REMOVED_GONE;
	else if (op->phase == AZURE_ASKED_MORE && op->response.status == 200)
		*removed = CF_REMOVED_CHANGED;
	else if (op->phase == AZURE_ASKED_MORE)
		return cf_azure_fail(op, "look at object", key);
	else if (op->response.status >= 200 && op->response.status < 300)
		*removed = CF_REMOVED_DELETED;
	else if (op->response.status == 412 && (cf_azure_code_is(op, "") || cf_azure_code_is(op, "ConditionNotMet")))
		return cf_azure_look(op, key, AZURE_ASKED_MORE);
	else if (op->response.status == 409 || op->response.status == 412)
	{
		cf_azure_fail(op, "remove object", key);
		if (op->err.kind != CF_ERR_STATE || op->err.retryable)
			return CF_STEP_ERROR;
		*removed = CF_REMOVED_KEPT;
	}
	else
		return cf_azure_fail(op, "remove object", key);
	return cf_remote_done(op);
}
