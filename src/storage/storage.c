/*
 * storage.c
 *		The front of all drivers: checks arguments once, forwards, and knows the list of providers.
 *
 * A driver may lean on what is checked here: a place with a driver, texts that are not NULL, an owner_tag that
 * is safe as a file name, ranges that do not overflow. A failed check is CF_ERR_INPUT and reaches no driver.
 */
#include <string.h>

#include "storage/driver.h"

#define TAG_MAX 64

/* One line per provider; a driver that is NULL comes in a later build. */
static const struct
{
	const char *provider;
	const CfDriver *driver;
}			providers[] = {
	{"AWS", NULL},
	{"Azure", NULL},
	{"GCP", NULL},
	{"S3", NULL},
	{"LOCAL", &cf_storage_file_driver},
};

static bool op_ready(CfOp *op);
static bool check_tag(CfError *err, const char *owner_tag);
static bool check_upload_args(CfOp *op, const CfUploadArgs *args);
static bool check_upload(CfOp *op, const CfUpload *upload);

void
cf_storage_op_init(CfOp *op, const CfPlace *place, CfArena *arena)
{
	memset(op, 0, sizeof(*op));
	op->place = place;
	op->arena = arena;
}

void
cf_storage_op_end(CfOp *op)
{
	if (op->place != NULL && op->place->driver != NULL)
		op->place->driver->end(op);
	op->phase = 0;
}

const CfDriver *
cf_storage_driver(const char *provider)
{
	for (size_t i = 0; i < sizeof(providers) / sizeof(providers[0]); i++)
	{
		if (strcmp(providers[i].provider, provider) == 0)
			return providers[i].driver;
	}
	return NULL;
}

bool
cf_storage_provider_known(const char *provider)
{
	for (size_t i = 0; i < sizeof(providers) / sizeof(providers[0]); i++)
	{
		if (strcmp(providers[i].provider, provider) == 0)
			return true;
	}
	return false;
}

void
cf_storage_caps(const CfPlace *place, CfCaps *caps)
{
	memset(caps, 0, sizeof(*caps));
	if (place->driver != NULL)
		place->driver->caps(place, caps);
}

bool
cf_storage_place_check(const CfPlace *place, CfError *err)
{
	if (place->driver == NULL)
	{
		cf_error_set(err, CF_ERR_UNSUPPORTED, "place \"%s\" cannot be used: no driver for provider %s",
					 place->name, place->provider);
		return cf_error_hint(err, "This build moves bytes on places of provider LOCAL; places of other "
							 "providers can be catalogued and priced.");
	}
	return place->driver->validate(place, err);
}

bool
cf_storage_key_check(const CfPlace *place, const char *key, CfError *err)
{
	if (place->driver == NULL)
		return cf_storage_place_check(place, err);
	return place->driver->key_check(place, key, err);
}

CfStep
cf_storage_stat(CfOp *op, const char *key, CfObjectStat *stat)
{
	if (!op_ready(op))
		return CF_STEP_ERROR;
	return op->place->driver->stat(op, key, stat);
}

CfStep
cf_storage_read(CfOp *op, const CfReadArgs *args, CfChunk *chunk)
{
	if (!op_ready(op))
		return CF_STEP_ERROR;
	chunk->length = 0;
	if (args->offset < 0 || args->length < -1 || args->length > INT64_MAX - args->offset)
	{
		cf_error_set(&op->err, CF_ERR_INPUT, "invalid range of object \"%s\"", args->key);
		return CF_STEP_ERROR;
	}
	if (chunk->data == NULL || chunk->capacity == 0)
	{
		cf_error_set(&op->err, CF_ERR_INPUT, "no buffer to read object \"%s\" into", args->key);
		return CF_STEP_ERROR;
	}
	return op->place->driver->read(op, args, chunk);
}

CfStep
cf_storage_put(CfOp *op, const CfUploadArgs *args, const void *data, size_t length, CfObjectStat *stat)
{
	if (!op_ready(op) || !check_upload_args(op, args))
		return CF_STEP_ERROR;
	if ((uint64_t) args->size_bytes != length)
	{
		cf_error_set(&op->err, CF_ERR_INPUT, "object \"%s\" is announced with another size than its data",
					 args->key);
		return CF_STEP_ERROR;
	}
	return op->place->driver->put(op, args, data, length, stat);
}

CfStep
cf_storage_upload_begin(CfOp *op, const CfUploadArgs *args, CfUpload *upload)
{
	CfUploadArgs wanted = *args;	/* args may be those in the upload, of an earlier attempt */

	if (!op_ready(op) || !check_upload_args(op, args))
		return CF_STEP_ERROR;
	memset(upload, 0, sizeof(*upload));
	upload->args = wanted;
	return op->place->driver->upload_begin(op, &upload->args, upload);
}

CfStep
cf_storage_upload_part(CfOp *op, CfUpload *upload, CfPart *part, const void *data, size_t length)
{
	if (!op_ready(op) || !check_upload(op, upload))
		return CF_STEP_ERROR;
	if (part->number < 1 || part->offset < 0 || part->length < 1 ||
		part->length > upload->args.size_bytes ||
		part->offset > upload->args.size_bytes - part->length)
	{
		cf_error_set(&op->err, CF_ERR_INPUT, "part %d does not lie inside object \"%s\"", part->number,
					 upload->args.key);
		return CF_STEP_ERROR;
	}
	return op->place->driver->upload_part(op, upload, part, data, length);
}

CfStep
cf_storage_upload_read(CfOp *op, CfUpload *upload, int64_t offset, CfChunk *chunk)
{
	if (!op_ready(op) || !check_upload(op, upload))
		return CF_STEP_ERROR;
	chunk->length = 0;
	if (op->place->driver->upload_read == NULL)
	{
		cf_error_set(&op->err, CF_ERR_UNSUPPORTED, "place \"%s\" cannot read back an unfinished upload",
					 op->place->name);
		return CF_STEP_ERROR;
	}
	if (offset < 0 || chunk->data == NULL || chunk->capacity == 0)
	{
		cf_error_set(&op->err, CF_ERR_INPUT, "invalid range of the upload of object \"%s\"",
					 upload->args.key);
		return CF_STEP_ERROR;
	}
	return op->place->driver->upload_read(op, upload, offset, chunk);
}

CfStep
cf_storage_upload_seal(CfOp *op, CfUpload *upload, CfObjectStat *stat)
{
	if (!op_ready(op) || !check_upload(op, upload))
		return CF_STEP_ERROR;
	return op->place->driver->upload_seal(op, upload, stat);
}

CfStep
cf_storage_upload_commit(CfOp *op, CfUpload *upload, CfObjectStat *stat)
{
	if (!op_ready(op) || !check_upload(op, upload))
		return CF_STEP_ERROR;
	return op->place->driver->upload_commit(op, upload, stat);
}

CfStep
cf_storage_upload_abort(CfOp *op, CfUpload *upload)
{
	if (!op_ready(op) || (upload->args.owner_tag == NULL && !check_upload(op, upload)))
		return CF_STEP_ERROR;
	return op->place->driver->upload_abort(op, upload);
}

CfStep
cf_storage_uploads_find(CfOp *op, int64_t older_than_us, const char *token, CfStalePage *page)
{
	if (!op_ready(op))
		return CF_STEP_ERROR;
	return op->place->driver->uploads_find(op, older_than_us, token, page);
}

CfStep
cf_storage_remove(CfOp *op, const char *key, const char *version, const char *owner_tag,
				  CfRemoved *removed)
{
	if (!op_ready(op) || !check_tag(&op->err, owner_tag))
		return CF_STEP_ERROR;
	if (version == NULL || version[0] == '\0')
	{
		cf_error_set(&op->err, CF_ERR_INPUT, "object \"%s\" cannot be removed without its version", key);
		return CF_STEP_ERROR;
	}
	return op->place->driver->remove(op, key, version, owner_tag, removed);
}

CfStep
cf_storage_list(CfOp *op, const char *prefix, const char *token, int max_entries, CfListPage *page)
{
	if (!op_ready(op))
		return CF_STEP_ERROR;
	if (max_entries < 1 || max_entries > CF_STORAGE_LIST_MAX)
	{
		cf_error_set(&op->err, CF_ERR_INPUT, "a page of a listing has 1 to %d entries",
					 CF_STORAGE_LIST_MAX);
		return CF_STEP_ERROR;
	}
	return op->place->driver->list(op, prefix == NULL ? "" : prefix, token, max_entries, page);
}

/* op_ready tells whether the op's place has a driver in this build. */
static bool
op_ready(CfOp *op)
{
	if (op->place->driver != NULL)
		return true;
	return cf_storage_place_check(op->place, &op->err);
}

/* check_tag accepts [A-Za-z0-9-]{1,64}: the tag becomes part of a file name or a block id. */
static bool
check_tag(CfError *err, const char *owner_tag)
{
	size_t		len = owner_tag == NULL ? 0 : strnlen(owner_tag, TAG_MAX + 1);

	if (len == 0 || len > TAG_MAX)
		return cf_error_set(err, CF_ERR_INPUT, "an owner tag has 1 to %d characters", TAG_MAX);
	for (size_t i = 0; i < len; i++)
	{
		char		c = owner_tag[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-'))
			return cf_error_set(err, CF_ERR_INPUT, "an owner tag consists of letters, digits and \"-\"");
	}
	return true;
}

/* check_upload_args looks at what is asked of a new object: key, tag, size. */
static bool
check_upload_args(CfOp *op, const CfUploadArgs *args)
{
	CfCaps		caps;

	if (!check_tag(&op->err, args->owner_tag) || !cf_storage_key_check(op->place, args->key, &op->err))
		return false;
	if (args->size_bytes < 0 || args->part_bytes < 0)
		return cf_error_set(&op->err, CF_ERR_INPUT, "object \"%s\" has a negative size", args->key);
	cf_storage_caps(op->place, &caps);
	if (caps.max_object_bytes > 0 && args->size_bytes > caps.max_object_bytes)
	{
		cf_error_set(&op->err, CF_ERR_RANGE, "object \"%s\" is too large for place \"%s\"", args->key,
					 op->place->name);
		return cf_error_detail(&op->err, "It has %lld bytes, the limit is %lld.",
							   (long long) args->size_bytes, (long long) caps.max_object_bytes);
	}
	return true;
}

/* check_upload looks at an upload that may come from a checkpoint: its handle must be there. */
static bool
check_upload(CfOp *op, const CfUpload *upload)
{
	if (upload->handle[0] == '\0')
		return cf_error_set(&op->err, CF_ERR_STATE, "upload of object \"%s\" was never begun",
							upload->args.key == NULL ? "" : upload->args.key);
	return true;
}
