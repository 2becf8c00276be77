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
#define REQUEST_ARENA_BYTES 4096

/* One line per provider; a driver that is NULL comes in a later build. */
static const struct
{
	const char *provider;
	const CfDriver *driver;
}			providers[] = {
	{"AWS", &cf_storage_s3_driver},
	{"Azure", &cf_storage_azure_driver},
	{"GCP", &cf_storage_gcs_driver},
	{"S3", &cf_storage_s3_driver},
	{"LOCAL", &cf_storage_file_driver},
};

static bool op_ready(CfOp *op);
static bool key_given(const char *key, CfError *err);
static CfStep unsupported(CfOp *op, const char *what);
static bool check_tag(CfError *err, const char *owner_tag);
static bool check_upload_args(CfOp *op, const CfUploadArgs *args);
static bool check_upload(CfOp *op, const CfUpload *upload);

void
cf_storage_op_init(CfOp *op, const CfPlace *place, CfArena *arena)
{
	memset(op, 0, sizeof(*op));
	op->place = place;
	op->arena = arena;
	cf_arena_init(&op->request_arena, &arena->allocator, REQUEST_ARENA_BYTES, 0);
}

void
cf_storage_op_end(CfOp *op)
{
	if (op->place != NULL && op->place->driver != NULL)
	{
		cf_storage_renewal_end(op);
		op->place->driver->end(op);
	}
	if (op->place != NULL)
		cf_arena_free(&op->request_arena);
	op->phase = 0;
}

CfRequest *
cf_storage_op_request(CfOp *op, const char *method, const char *verb)
{
	cf_arena_reset(&op->request_arena);
	memset(&op->request, 0, sizeof(op->request));
	memset(&op->response, 0, sizeof(op->response));
	op->request.method = method;
	op->request.verb = verb;
	op->request.place = &op->place->net;
	op->request.ctx = op;
	return &op->request;
}

const char *
cf_storage_option(const CfPlace *place, const char *name)
{
	for (int i = 0; i < place->option_count; i++)
	{
		if (strcmp(place->options[i].name, name) == 0)
			return place->options[i].value;
	}
	return "";
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
cf_storage_credential_known(const char *name)
{
	for (size_t i = 0; i < sizeof(providers) / sizeof(providers[0]); i++)
	{
		const char *const *known = providers[i].driver == NULL ? NULL : providers[i].driver->credentials;

		for (; known != NULL && *known != NULL; known++)
		{
			if (strcmp(*known, name) == 0)
				return true;
		}
	}
	return false;
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
	if (!place->was_probed)
		return;
	caps->create_only &= place->probed.create_only;
	caps->conditional_delete &= place->probed.conditional_delete;
	caps->delete_hides &= place->probed.delete_hides;
	caps->conditional_read &= place->probed.conditional_read;
	caps->copy_conditional &= place->probed.copy_conditional;
	caps->conditional_replace &= place->probed.conditional_replace;
	caps->server_side_copy &= place->probed.server_side_copy;
	caps->storage_classes &= place->probed.storage_classes;
	caps->digests &= place->probed.digests;
	caps->key_folds |= place->probed.key_folds;
}

bool
cf_storage_remove_allowed(const CfPlace *place, CfError *err)
{
	CfCaps		caps;

	cf_storage_caps(place, &caps);
	if (((caps.conditional_delete || caps.delete_hides) && (place->was_probed || !caps.remote)) ||
		strcmp(cf_storage_option(place, "accept_unconditional_delete"), "true") == 0)
		return true;
	cf_error_set(err, CF_ERR_STATE, "sources at place \"%s\" cannot be deleted", place->name);
	if (!place->was_probed && (caps.conditional_delete || caps.delete_hides))
	{
		cf_error_detail(err, "It was never seen to honour conditions of a delete.");
		return cf_error_hint(err, "Prove it with cloudflux.check_storage(), then try again.");
	}
	cf_error_detail(err, "Its store does not honour conditions of a delete: somebody else's newer version could be removed.");
	return cf_error_hint(err, "Move without deleting the source, or turn versioning of the bucket on and check it again. Who is alone in writing to the place can accept the risk: "
						 "ALTER SERVER … OPTIONS (ADD accept_unconditional_delete 'true').");
}

bool
cf_storage_unproven_allowed(const CfPlace *place)
{
	return strcmp(cf_storage_option(place, "accept_unproven_delete"), "true") == 0;
}

bool
cf_storage_create_allowed(const CfPlace *place, CfError *err)
{
	CfCaps		caps;

	cf_storage_caps(place, &caps);
	if ((caps.create_only && (place->was_probed || !caps.remote)) ||
		strcmp(cf_storage_option(place, "accept_unconditional_create"), "true") == 0)
		return true;
	if (place->driver == NULL)
		return cf_storage_place_check(place, err);
	if (caps.create_only)
	{
		cf_error_set(err, CF_ERR_STATE, "place \"%s\" cannot be a destination before it was checked", place->name);
		cf_error_detail(err, "It was never seen to refuse to overwrite an object.");
		return cf_error_hint(err, "Prove it with cloudflux.check_storage(), then try again.");
	}
	cf_error_set(err, CF_ERR_UNSUPPORTED, "place \"%s\" cannot be a destination: it does not refuse to overwrite", place->name);
	cf_error_detail(err, "Two who create the same object there would both succeed, and one of them would lose it.");
	return cf_error_hint(err, "If the store has changed, let cloudflux.check_storage() try again. Who is alone in writing to the place can "
						 "accept the risk: ALTER SERVER … OPTIONS (ADD accept_unconditional_create 'true').");
}

bool
cf_storage_stranger(const CfOp *op)
{
	if (op->err.kind != CF_ERR_DENIED)
		return false;
	return op->no_token || op->response.status == 401 || op->place->driver->stranger == NULL || op->place->driver->stranger(op);
}

bool
cf_storage_place_check(const CfPlace *place, CfError *err)
{
	if (place->driver == NULL)
	{
		cf_error_set(err, CF_ERR_UNSUPPORTED, "place \"%s\" cannot be used: no driver for provider %s",
					 place->name, place->provider);
		return cf_error_hint(err, "Providers are AWS, Azure, GCP, S3 (any S3-compatible store) and LOCAL (a directory).");
	}
	return place->driver->validate(place, err);
}

bool
cf_storage_credentials_check(const CfPlace *place, CfError *err)
{
	return place->driver == NULL || place->driver->credentials_check == NULL || place->driver->credentials_check(place, err);
}

bool
cf_storage_version_same(const CfPlace *place, const char *a, const char *b)
{
	if (place->driver == NULL || place->driver->version_same == NULL || a[0] == '\0' || b[0] == '\0')
		return strcmp(a, b) == 0;
	return place->driver->version_same(a, b);
}

bool
cf_storage_version_told(const CfPlace *place, const CfToldVersion *told, char version[CF_STORAGE_VERSION_MAX + 1])
{
	return place->driver != NULL && place->driver->version_told != NULL && place->driver->version_told(told, version);
}

bool
cf_storage_key_check(const CfPlace *place, const char *key, CfError *err)
{
	if (place->driver == NULL)
		return cf_storage_place_check(place, err);
	return place->driver->key_check(place, key, err) && cf_storage_fold_check(place, key, err);
}

CfStep
cf_storage_authenticate(CfOp *op)
{
	return op_ready(op) ? cf_storage_renewal(op, NULL) : CF_STEP_ERROR;
}

CfStep
cf_storage_stat(CfOp *op, const char *key, CfObjectStat *stat)
{
	CfStep		step;

	if (!op_ready(op) || !key_given(key, &op->err))
		return CF_STEP_ERROR;
	if ((step = cf_storage_renewal(op, NULL)) != CF_STEP_DONE)
		return step;
	return op->place->driver->stat(op, key, stat);
}

CfStep
cf_storage_read(CfOp *op, const CfReadArgs *args, CfChunk *chunk)
{
	CfStep		step;

	if (!op_ready(op) || !key_given(args->key, &op->err))
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
	if ((step = cf_storage_renewal(op, NULL)) != CF_STEP_DONE)
		return step;
	return op->place->driver->read(op, args, chunk);
}

CfStep
cf_storage_fetch(CfOp *op, const char *key, const char *version, char *data, size_t length, CfObjectStat *stat)
{
	CfCaps		caps;
	CfStep		step;

	if (!op_ready(op))
		return CF_STEP_ERROR;
	cf_storage_caps(op->place, &caps);
	if (caps.fetch_max_bytes == 0)
		return unsupported(op, "look at an object while it reads it");
	if (data == NULL || length == 0 || length > (uint64_t) caps.fetch_max_bytes || version[0] == '\0')
	{
		cf_error_set(&op->err, CF_ERR_INPUT, "object \"%s\" cannot be read by one request", key);
		return CF_STEP_ERROR;
	}
	if ((step = cf_storage_renewal(op, NULL)) != CF_STEP_DONE)
		return step;
	return op->place->driver->fetch(op, key, version, data, length, stat);
}

CfStep
cf_storage_put(CfOp *op, const CfUploadArgs *args, const void *data, size_t length, CfObjectStat *stat)
{
	CfStep		step;

	if (!op_ready(op) || !check_upload_args(op, args))
		return CF_STEP_ERROR;
	if ((uint64_t) args->size_bytes != length)
	{
		cf_error_set(&op->err, CF_ERR_INPUT, "object \"%s\" is announced with another size than its data",
					 args->key);
		return CF_STEP_ERROR;
	}
	if ((step = cf_storage_renewal(op, NULL)) != CF_STEP_DONE)
		return step;
	return op->place->driver->put(op, args, data, length, stat);
}

CfStep
cf_storage_upload_begin(CfOp *op, const CfUploadArgs *args, CfUpload *upload)
{
	CfUploadArgs wanted = *args;	/* args may be those in the upload, of an earlier attempt */
	CfStep		step;

	if (!op_ready(op) || !check_upload_args(op, args))
		return CF_STEP_ERROR;
	/* Later steps find what earlier ones put there. */
	if (op->phase == 0)
	{
		memset(upload, 0, sizeof(*upload));
		upload->args = wanted;
	}
	if ((step = cf_storage_renewal(op, NULL)) != CF_STEP_DONE)
		return step;
	return op->place->driver->upload_begin(op, &upload->args, upload);
}

CfStep
cf_storage_upload_part(CfOp *op, CfUpload *upload, CfPart *part, const void *data, size_t length)
{
	CfStep		step;

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
	if ((step = cf_storage_renewal(op, NULL)) != CF_STEP_DONE)
		return step;
	return op->place->driver->upload_part(op, upload, part, data, length);
}

CfStep
cf_storage_upload_read(CfOp *op, CfUpload *upload, int64_t offset, CfChunk *chunk)
{
	CfStep		step;

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
	if ((step = cf_storage_renewal(op, NULL)) != CF_STEP_DONE)
		return step;
	return op->place->driver->upload_read(op, upload, offset, chunk);
}

CfStep
cf_storage_upload_seal(CfOp *op, CfUpload *upload, CfObjectStat *stat)
{
	CfStep		step;

	if (!op_ready(op) || !check_upload(op, upload))
		return CF_STEP_ERROR;
	if ((step = cf_storage_renewal(op, NULL)) != CF_STEP_DONE)
		return step;
	return op->place->driver->upload_seal(op, upload, stat);
}

CfStep
cf_storage_upload_commit(CfOp *op, CfUpload *upload, CfObjectStat *stat)
{
	CfStep		step;

	if (!op_ready(op) || !check_upload(op, upload))
		return CF_STEP_ERROR;
	if ((step = cf_storage_renewal(op, NULL)) != CF_STEP_DONE)
		return step;
	return op->place->driver->upload_commit(op, upload, stat);
}

CfStep
cf_storage_upload_abort(CfOp *op, CfUpload *upload)
{
	CfStep		step;

	if (!op_ready(op) || (upload->args.owner_tag == NULL && !check_upload(op, upload)))
		return CF_STEP_ERROR;
	if ((step = cf_storage_renewal(op, NULL)) != CF_STEP_DONE)
		return step;
	return op->place->driver->upload_abort(op, upload);
}

CfStep
cf_storage_uploads_find(CfOp *op, int64_t older_than_us, const char *token, CfStalePage *page)
{
	CfStep		step;

	if (!op_ready(op))
		return CF_STEP_ERROR;
	if ((step = cf_storage_renewal(op, NULL)) != CF_STEP_DONE)
		return step;
	return op->place->driver->uploads_find(op, older_than_us, token, page);
}

CfStep
cf_storage_remove(CfOp *op, const char *key, const char *version, const char *owner_tag,
				  CfRemoved *removed)
{
	CfStep		step;

	if (!op_ready(op) || !check_tag(&op->err, owner_tag))
		return CF_STEP_ERROR;
	if (version == NULL || version[0] == '\0')
	{
		cf_error_set(&op->err, CF_ERR_INPUT, "object \"%s\" cannot be removed without its version", key);
		return CF_STEP_ERROR;
	}
	/* Under such a key lies what has another name, and is looked for by it. */
	if (!cf_storage_fold_check(op->place, key, &op->err))
		return CF_STEP_ERROR;
	if ((step = cf_storage_renewal(op, NULL)) != CF_STEP_DONE)
		return step;
	return op->place->driver->remove(op, key, version, owner_tag, removed);
}

CfStep
cf_storage_list(CfOp *op, const char *prefix, const char *token, int max_entries, CfListPage *page)
{
	CfStep		step;

	if (!op_ready(op))
		return CF_STEP_ERROR;
	if (max_entries < 1 || max_entries > CF_STORAGE_LIST_MAX)
	{
		cf_error_set(&op->err, CF_ERR_INPUT, "a page of a listing has 1 to %d entries",
					 CF_STORAGE_LIST_MAX);
		return CF_STEP_ERROR;
	}
	if ((step = cf_storage_renewal(op, NULL)) != CF_STEP_DONE)
		return step;
	return op->place->driver->list(op, prefix == NULL ? "" : prefix, token, max_entries, page);
}

bool
cf_storage_copies_from(const CfPlace *place, const CfPlace *source)
{
	const CfDriver *driver = place->driver;
	CfCaps		caps;

	cf_storage_caps(place, &caps);
	return driver != NULL && driver == source->driver && driver->copy != NULL && caps.server_side_copy &&
		(driver->copies_from == NULL || driver->copies_from(place, source));
}

CfStep
cf_storage_copy(CfOp *op, const CfPlace *source, const char *source_key, const char *source_version,
				const CfUploadArgs *args, char token[CF_STORAGE_COPY_TOKEN], CfObjectStat *stat)
{
	CfStep		step;

	if (!op_ready(op) || !check_upload_args(op, args))
		return CF_STEP_ERROR;
	if (op->place->driver->copy == NULL || source->driver != op->place->driver)
		return unsupported(op, "copy by itself");
	if ((step = cf_storage_renewal(op, source)) != CF_STEP_DONE)
		return step;
	return op->place->driver->copy(op, source, source_key, source_version, args, token, stat);
}

CfStep
cf_storage_set_class(CfOp *op, const char *key, const char *version, const char *storage_class,
					 char token[CF_STORAGE_COPY_TOKEN], CfObjectStat *stat)
{
	CfStep		step;

	if (!op_ready(op))
		return CF_STEP_ERROR;
	if (op->place->driver->set_class == NULL)
		return unsupported(op, "change the class of an object");
	if ((step = cf_storage_renewal(op, NULL)) != CF_STEP_DONE)
		return step;
	return op->place->driver->set_class(op, key, version, storage_class, token, stat);
}

bool
cf_storage_class_allowed(CfOp *op, const char *key, const char *storage_class)
{
	return op->place->driver->class_allowed == NULL || op->place->driver->class_allowed(op, key, storage_class);
}

CfStep
cf_storage_restore(CfOp *op, const char *key, const char *version, int days, const char *priority)
{
	CfStep		step;

	if (!op_ready(op))
		return CF_STEP_ERROR;
	if (op->place->driver->restore == NULL)
		return unsupported(op, "restore archived objects");
	if ((step = cf_storage_renewal(op, NULL)) != CF_STEP_DONE)
		return step;
	return op->place->driver->restore(op, key, version, days, priority);
}

bool
cf_storage_presign(const CfPlace *place, CfArena *arena, const char *method, const char *key,
				   int64_t now_us, int64_t expires_us, char **url, CfError *err)
{
	if (place->driver == NULL)
		return cf_storage_place_check(place, err);
	if (place->driver->presign == NULL)
		return cf_error_set(err, CF_ERR_UNSUPPORTED, "place \"%s\" cannot presign URLs", place->name);
	if (!key_given(key, err))
		return false;
	return place->driver->presign(place, arena, method, key, now_us, expires_us, url, err);
}

/* key_given refuses no key at all: what is asked of it would be asked of the bucket. */
static bool
key_given(const char *key, CfError *err)
{
	return key[0] != '\0' || cf_error_set(err, CF_ERR_INPUT, "a key cannot be empty");
}

/* unsupported says what a place cannot do. */
static CfStep
unsupported(CfOp *op, const char *what)
{
	cf_error_set(&op->err, CF_ERR_UNSUPPORTED, "place \"%s\" cannot %s", op->place->name, what);
	return CF_STEP_ERROR;
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
