/*
 * gcs_driver.c
 *		The driver of Google Cloud Storage: its table, what it can do, which places and keys it takes, and how its
 *		requests are put together.
 *
 * The JSON API names an object in the path of a URL as one segment, so every byte outside A-Z a-z 0-9 - . _ ~ is encoded,
 * the slash included: nothing between us and the store can fold "a/../b" or "a//b" there. Signed URLs, which other programs
 * follow, do have the key as a path; that is why keys with "." and ".." as segments are not created here.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "storage/gcs/gcs.h"
#include "storage/identity.h"

static bool gcs_stranger(const CfOp *op);
static bool gcs_validate(const CfPlace *place, CfError *err);
static void gcs_caps(const CfPlace *place, CfCaps *caps);
static bool gcs_key_check(const CfPlace *place, const char *key, CfError *err);
static void gcs_end(CfOp *op);
static CfStep send_to(CfOp *op, int phase, const char *path, const char *query, va_list args);
static bool bucket_check(const CfPlace *place, CfError *err);
static bool endpoint_check(const CfPlace *place, CfError *err);
static bool class_check(const CfPlace *place, CfError *err);

static const char *const gcs_options[] = {"user_project", "metadata_endpoint", "uploads", NULL};
static const char *const gcs_credentials[] = {"service_account_key", "access_token", NULL};
static const char *const gcs_sources[] = {"environment", "web_identity", "metadata_server", NULL};
static const CfRemoteChoice uploads = {
	"uploads", {"session", "compose"}, "It is compose (parts side by side, the default) or session (one stream)."
};
static const char *const gcs_classes[] = {"STANDARD", "NEARLINE", "COLDLINE", "ARCHIVE", NULL};

const CfDriver cf_storage_gcs_driver = {
	.name = "gcs",
	.validate = gcs_validate,
	.caps = gcs_caps,
	.key_check = gcs_key_check,
	.stat = cf_remote_stat,
	.read = cf_remote_read,
	.put = cf_remote_put,
	.upload_begin = cf_gcs_upload_begin,
	.upload_part = cf_remote_upload_part,
	.upload_seal = cf_gcs_upload_seal,
	.upload_commit = cf_gcs_upload_commit,
	.upload_abort = cf_gcs_upload_abort,
	.uploads_find = cf_gcs_uploads_find,
	.remove = cf_remote_remove,
	.list = cf_gcs_list,
	.attributes = cf_gcs_attributes,
	.end = gcs_end,
	.options = gcs_options,
	.credentials = gcs_credentials,
	.sources = gcs_sources,
	.remote = &cf_gcs_remote,
	.credential_next = cf_gcs_credential_next,
	.credentials_check = cf_gcs_credentials_check,
	.copy = cf_gcs_copy,
	.set_class = cf_gcs_set_class,
	.presign = cf_gcs_presign,
	.version_told = cf_gcs_version_told,
	.upload_read = cf_gcs_upload_read,
	.stranger = gcs_stranger,
};

static bool
gcs_validate(const CfPlace *place, CfError *err)
{
	const char *project = cf_storage_option(place, "user_project");

	if (!bucket_check(place, err) || !endpoint_check(place, err) || !class_check(place, err) || !cf_identity_options_check(place, err))
		return false;
	if (!cf_remote_choices_check(place, &uploads, 1, err))
		return false;
	if (strspn(project, "abcdefghijklmnopqrstuvwxyz0123456789-.:") != strlen(project))
		return cf_error_set(err, CF_ERR_INPUT, "invalid value for option \"user_project\" of place \"%s\"", place->name);
	if (strlen(place->prefix) > CF_STORAGE_KEY_MAX - sizeof(CF_GCS_PARTS) - 128)
		return cf_error_set(err, CF_ERR_INPUT, "prefix of place \"%s\" is too long", place->name);
	return true;
}

/* bucket_check holds the bucket's name against Google's rules, so that it can stand in a URL as it is. */
static bool
bucket_check(const CfPlace *place, CfError *err)
{
	const char *bucket = place->bucket;
	size_t		length = strlen(bucket);

	if (length >= 3 && length <= 222 && strspn(bucket, "abcdefghijklmnopqrstuvwxyz0123456789-_.") == length &&
		strchr("-_.", bucket[0]) == NULL && strchr("-_.", bucket[length - 1]) == NULL && strstr(bucket, "..") == NULL)
		return true;
	cf_error_set(err, CF_ERR_INPUT, "invalid bucket of place \"%s\"", place->name);
	return cf_error_hint(err, "A bucket's name has 3 to 222 lower-case letters, digits, dashes, underscores and dots, "
						 "and begins and ends with a letter or digit.");
}

static bool
endpoint_check(const CfPlace *place, CfError *err)
{
	if (place->endpoint[0] == '\0' || cf_remote_host(place->endpoint))
		return true;
	cf_error_set(err, CF_ERR_INPUT, "invalid endpoint of place \"%s\"", place->name);
	return cf_error_hint(err, "It is a scheme, a host and perhaps a port: https://storage.googleapis.com");
}

static bool
class_check(const CfPlace *place, CfError *err)
{
	if (place->storage_class[0] == '\0')
		return true;
	for (int i = 0; gcs_classes[i] != NULL; i++)
	{
		if (strcmp(gcs_classes[i], place->storage_class) == 0)
			return true;
	}
	cf_error_set(err, CF_ERR_INPUT, "unknown storage class \"%s\" of place \"%s\"", place->storage_class, place->name);
	cf_error_detail(err, "Objects of Google Cloud Storage cannot have it.");
	return cf_error_hint(err, "Google's classes are STANDARD, NEARLINE, COLDLINE and ARCHIVE.");
}

static void
gcs_caps(const CfPlace *place, CfCaps *caps)
{
	bool		sessions = cf_gcs_sessions(place);

	*caps = (CfCaps) {
		.create_only = true,
		.conditional_delete = true,
		.list_sorted = true,
		.storage_classes = true,
		.server_side_copy = true,
		.remote = true,
		.list_utf8_safe = true,
		.conditional_read = true,
		.copy_conditional = true,
		.conditional_replace = true,
		.parallel_parts = !sessions,
		.digests = CF_DIGEST_CRC32C | CF_DIGEST_MD5,
		.put_max_bytes = CF_GCS_PUT_MAX,
		.parts_gathered = true,
		.copy_max_bytes = INT64_C(5) << 40,
		.max_object_bytes = INT64_C(5) << 40,
		.max_key_bytes = CF_STORAGE_KEY_MAX,
		.part_min_bytes = sessions ? 256 * 1024 : 1,
		.part_max_bytes = INT64_C(1) << 30,
		.parts_max = CF_GCS_PARTS_MAX,
	};
}

static bool
gcs_key_check(const CfPlace *place, const char *key, CfError *err)
{
	char		shown[CF_REMOTE_SHOWN];

	if (!cf_remote_key_check(place, key, shown, err))
		return false;
	for (const char *segment = key;; segment++)
	{
		size_t		bytes = strcspn(segment, "/");

		if (bytes >= 1 && bytes <= 2 && strncmp(segment, "..", bytes) == 0)
			return cf_error_set(err, CF_ERR_INPUT, "key \"%s\" has \".\" or \"..\" as a segment", shown);
		segment += bytes;
		if (*segment == '\0')
			break;
	}
	if (strncmp(key, CF_GCS_PRIVATE, strlen(CF_GCS_PRIVATE)) == 0 ||
		(place->prefix[0] == '\0' && strncmp(key, ".well-known/acme-challenge/", 27) == 0))
		return cf_error_set(err, CF_ERR_INPUT, "key \"%s\" is reserved", shown);
	return true;
}

/* gcs_stranger: Google tells a token that it does not accept (401) from an account that may not (403). */
static bool
gcs_stranger(const CfOp *op)
{
	return op->response.status == 401;
}

static void
gcs_end(CfOp *op)
{
	CfGcsState *state = op->state;

	if (state == NULL)
		return;
	if (state->resource != NULL)
		json_decref(state->resource);
	cf_gcs_session_forget(op);
	cf_remote_free(op, state->pieces);
	cf_remote_free(op, state->row);
	cf_remote_free(op, state->page_token);
	cf_remote_free(op, state->rewrite_token);
	cf_remote_end(op);
}

/*
 * cf_gcs_keep_text keeps a text that the store gave, encoded as it goes into a URL, beyond its answer; what was kept before
 * goes. NULL or "" = nothing.
 */
bool
cf_gcs_keep_text(CfOp *op, char **kept, const char *text)
{
	size_t		length = text == NULL ? 0 : strlen(text);
	char	   *encoded = length == 0 ? NULL : cf_url_encode(&op->request_arena, text, length, false);

	cf_remote_free(op, *kept);
	*kept = NULL;
	if (length == 0)
		return true;
	if (encoded == NULL)
		return cf_remote_memory(op) == CF_STEP_DONE;
	length = strlen(encoded);
	if ((*kept = cf_remote_alloc(op, length + 1)) == NULL)
		return false;
	memcpy(*kept, encoded, length + 1);
	return true;
}

const char *
cf_gcs_endpoint(const CfPlace *place)
{
	return place->endpoint[0] == '\0' ? CF_GCS_ENDPOINT : place->endpoint;
}

/* cf_gcs_path gives "/b/BUCKET/o/NAME" and the action behind it, NAME being raw bytes; NULL = out of memory. */
char *
cf_gcs_path(CfOp *op, const char *bucket, const char *name, const char *action)
{
	char	   *encoded = name == NULL ? NULL : cf_url_encode(&op->request_arena, name, strlen(name), false);

	if (encoded == NULL || action == NULL)
		return NULL;
	return cf_remote_format(&op->request_arena, "/storage/v1/b/%s/o/%s%s", bucket, encoded, action);
}

/* cf_gcs_object_path is that of an object in the place's bucket. */
char *
cf_gcs_object_path(CfOp *op, const char *name)
{
	return cf_gcs_path(op, op->place->bucket, name, "");
}

/* cf_gcs_name gives the object's name for a key: the place's prefix comes first. It lives as long as the request. */
char *
cf_gcs_name(CfOp *op, const char *key)
{
	return cf_remote_format(&op->request_arena, "%s%s", op->place->prefix, key);
}

/*
 * cf_gcs_send makes the URL of the request that cf_storage_op_request() began and has it sent; its answer is awaited in
 * phase. A path that is NULL means that there was no memory for it, or for what the caller put into it.
 */
CfStep
cf_gcs_send(CfOp *op, int phase, const char *path, const char *query, ...)
{
	va_list		args;
	CfStep		step;

	va_start(args, query);
	step = send_to(op, phase, path, query, args);
	va_end(args);
	return step;
}

static CfStep
send_to(CfOp *op, int phase, const char *path, const char *query, va_list args)
{
	const char *endpoint = cf_gcs_endpoint(op->place);
	const char *project = cf_storage_option(op->place, "user_project");
	size_t		endpoint_bytes = strlen(endpoint);
	char		asked[4 * CF_GCS_NAME_MAX];
	int			length = vsnprintf(asked, sizeof(asked), query, args);

	if (path == NULL)
		return cf_remote_memory(op);
	if (length < 0 || (size_t) length >= sizeof(asked))
		return cf_remote_fails(op, CF_ERR_INPUT, "request to place \"%s\" is too long", op->place->name);
	if (endpoint[endpoint_bytes - 1] == '/')
		endpoint_bytes--;
	op->request.url = cf_remote_format(&op->request_arena, "%.*s%s%s%s%s%s", (int) endpoint_bytes, endpoint, path,
									   length > 0 || project[0] != '\0' ? "?" : "", asked,
									   project[0] == '\0' ? "" : length > 0 ? "&userProject=" : "userProject=", project);
	if (op->request.url == NULL)
		return cf_remote_memory(op);
	op->request.sign = cf_gcs_sign;
	op->request.classify = cf_gcs_classify;
	return cf_remote_send(op, phase);
}

/* cf_gcs_send_json is cf_gcs_send with a JSON body, which it takes over; NULL = there was no memory for it. */
CfStep
cf_gcs_send_json(CfOp *op, int phase, json_t *body, const char *path, const char *query, ...)
{
	char	   *text = body == NULL ? NULL : json_dumps(body, JSON_COMPACT);
	char	   *kept = text == NULL ? NULL : cf_arena_strdup(&op->request_arena, text);
	va_list		args;
	CfStep		step;

	json_decref(body);
	free(text);
	if (kept == NULL)
		return cf_remote_memory(op);
	op->request.body = kept;
	op->request.body_bytes = strlen(kept);
	if (!cf_net_header(&op->request, "Content-Type", "application/json; charset=UTF-8", &op->err))
		return cf_remote_error(op);
	va_start(args, query);
	step = send_to(op, phase, path, query, args);
	va_end(args);
	return step;
}
