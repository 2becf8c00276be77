/*
 * gcs_answer.c
 *		What the store says: verdicts for the engine, object resources by jansson, and errors in our words.
 *
 * Everything here is hostile until read: a resource without size or generation is no object, a checksum of another length
 * is none, texts are taken as UTF-8 without NUL (jansson refuses the rest), numbers have at most 18 digits. jansson nests at most
 * 2,048 levels and works with malloc; nothing in between can jump, so every value is given back.
 */
#include <stdio.h>
#include <string.h>

#include "storage/gcs/gcs.h"

static const char *error_reason(const json_t *error);
static const char *kept(CfOp *op, const json_t *resource, const char *name, bool *good);
static const char *metadata_read(CfOp *op, const json_t *metadata, bool *good);

CfNetVerdict
cf_gcs_classify(const CfRequest *request, const CfResponse *response, void *ctx)
{
	json_t	   *error;
	bool		limited;

	(void) request;
	(void) ctx;
	if (response->status != 403)
		return cf_gcs_error_inside(response) ? CF_NET_RETRY : cf_remote_verdict(response);
	/* What the older error table calls rateLimitExceeded came as a 403. */
	error = cf_json_object(response->body, response->body_bytes);
	limited = strstr(error_reason(error), "ateLimitExceeded") != NULL;
	json_decref(error);
	return limited ? CF_NET_SLOW_DOWN : CF_NET_FINAL;
}

/* cf_gcs_error_inside tells whether an answer of success holds an error: read as a listing, it would say that nothing is there. */
bool
cf_gcs_error_inside(const CfResponse *response)
{
	json_t	   *answer;
	bool		inside;

	if (response->status < 200 || response->status > 299 || response->body_bytes == 0 || response->body_bytes > 4096)
		return false;
	answer = cf_json_object(response->body, response->body_bytes);
	inside = json_object_get(answer, "error") != NULL;
	json_decref(answer);
	return inside;
}

/* cf_gcs_answer reads an answer's body, a JSON object; the caller gives it back. NULL = it is none, told in op->err. */
json_t *
cf_gcs_answer(CfOp *op)
{
	json_t	   *answer = cf_json_object(op->response.body, op->response.body_bytes);

	if (answer != NULL && !cf_gcs_error_inside(&op->response))
		return answer;
	json_decref(answer);
	cf_remote_fails(op, CF_ERR_IO, "could not read what the store of place \"%s\" answered", op->place->name);
	cf_error_detail(&op->err, "A JSON object was expected after status %d, there came %zu bytes that are none.",
					op->response.status, op->response.body_bytes);
	return NULL;
}

/* cf_gcs_object takes what a resource says of an object; texts go to op->arena. */
bool
cf_gcs_object(CfOp *op, const json_t *resource, CfObjectStat *stat)
{
	const char *generation = cf_json_text(resource, "generation");
	int64_t		number;
	bool		good = true;

	memset(stat, 0, sizeof(*stat));
	if (!cf_gcs_number(cf_json_text(resource, "size"), &stat->size_bytes) || !cf_gcs_number(generation, &number) ||
		number == 0)
	{
		cf_remote_fails(op, CF_ERR_IO, "could not read what the store of place \"%s\" answered", op->place->name);
		return cf_error_detail(&op->err, "It describes an object without size or generation.");
	}
	snprintf(stat->version, sizeof(stat->version), "%lld", (long long) number);
	/* When these bytes were written: `updated` also moves when only metadata change. */
	if (!cf_remote_time(cf_json_text(resource, "timeCreated"), &stat->mtime_us) &&
		!cf_remote_time(cf_json_text(resource, "updated"), &stat->mtime_us))
		stat->mtime_us = 0;
	cf_remote_digest_crc32c(&stat->digests, cf_json_text(resource, "crc32c"));
	cf_remote_digest_md5(&stat->digests, cf_json_text(resource, "md5Hash"));
	stat->storage_class = kept(op, resource, "storageClass", &good);
	stat->content_type = kept(op, resource, "contentType", &good);
	stat->attributes.cache_control = kept(op, resource, "cacheControl", &good);
	stat->attributes.content_disposition = kept(op, resource, "contentDisposition", &good);
	stat->attributes.content_encoding = kept(op, resource, "contentEncoding", &good);
	stat->attributes.content_language = kept(op, resource, "contentLanguage", &good);
	stat->attributes.metadata = metadata_read(op, json_object_get(resource, "metadata"), &good);
	stat->attributes.tags = "";
	return good || cf_remote_memory(op) == CF_STEP_DONE;
}

/* cf_gcs_version_told makes a pin of what an inventory tells: the generation, and nothing else will do. */
bool
cf_gcs_version_told(const CfToldVersion *told, char version[CF_STORAGE_VERSION_MAX + 1])
{
	int64_t		number;

	if (!cf_gcs_number(told->generation, &number) || number == 0)
		return false;
	snprintf(version, CF_STORAGE_VERSION_MAX + 1, "%lld", (long long) number);
	return true;
}

/* cf_gcs_answer_object reads an answer that is an object's resource. */
bool
cf_gcs_answer_object(CfOp *op, CfObjectStat *stat)
{
	json_t	   *answer = cf_gcs_answer(op);
	bool		good = answer != NULL && cf_gcs_object(op, answer, stat);

	json_decref(answer);
	return good;
}

static const char *
kept(CfOp *op, const json_t *resource, const char *name, bool *good)
{
	const char *text = cf_json_text(resource, name);

	if (text[0] == '\0')
		return "";
	text = cf_arena_strdup(op->arena, text);
	*good &= text != NULL;
	return text;
}

/*
 * metadata_read makes "name=value\n…" of an object's metadata. JSON could hold more than the headers that every other
 * store has for them: a line break in a value becomes a space, and a name that no header can have is left out.
 */
static const char *
metadata_read(CfOp *op, const json_t *metadata, bool *good)
{
	size_t		bytes = 1;
	const char *name;
	json_t	   *value;
	char	   *text;
	char	   *end;

	json_object_foreach((json_t *) metadata, name, value)
		bytes += strlen(name) + json_string_length(value) + 2;
	if (bytes == 1)
		return "";
	if ((text = cf_arena_alloc(op->arena, bytes)) == NULL)
	{
		*good = false;
		return "";
	}
	end = text;
	json_object_foreach((json_t *) metadata, name, value)
	{
		if (!json_is_string(value) || name[0] == '\0' || strpbrk(name, "=\r\n") != NULL)
			continue;
		for (const char *s = name; *s != '\0'; s++)
			*end++ = *s;
		*end++ = '=';
		for (const char *s = json_string_value(value); *s != '\0'; s++)
			*end++ = *s == '\n' || *s == '\r' ? ' ' : *s;
		*end++ = '\n';
	}
	*end = '\0';
	return text;
}

/* error_reason gives the first error's reason, "" when there is none. */
static const char *
error_reason(const json_t *error)
{
	return cf_json_text(json_array_get(json_object_get(json_object_get(error, "error"), "errors"), 0), "reason");
}

/* cf_gcs_no_bucket tells whether a 404 means the bucket: an object that cannot be looked for is not gone. */
bool
cf_gcs_no_bucket(const CfOp *op)
{
	static const char words[] = "The specified bucket does not exist";
	json_t	   *error = cf_json_object(op->response.body, op->response.body_bytes);
	const char *message = cf_json_text(json_object_get(error, "error"), "message");
	bool		missing = strncmp(message, words, strlen(words)) == 0 ||
		(op->response.body != NULL && strncmp(op->response.body, words, strlen(words)) == 0);

	json_decref(error);
	return missing;
}

/* cf_gcs_held tells whether a 403 means retention or a hold, and says in the store's words why. */
bool
cf_gcs_held(const CfOp *op, char *reason, size_t room)
{
	json_t	   *error = cf_json_object(op->response.body, op->response.body_bytes);
	const char *word = error_reason(error);
	const char *message = cf_json_text(json_object_get(error, "error"), "message");
	bool		held = strcasestr(word, "retention") != NULL || strstr(word, "Hold") != NULL ||
		(strstr(message, "under active") != NULL && strcasestr(message, "hold") != NULL) ||
		strstr(message, "retention p") != NULL || strstr(message, "object retention") != NULL;

	cf_utf8_shown(reason, room, message[0] == '\0' ? word : message);
	json_decref(error);
	return held;
}

/* What may help against a status. */
static const struct
{
	int			status;
	const char *hint;
}			hints[] = {
	{400, "A bucket whose requester pays wants the option user_project on the place."},
	{401, "The token has expired or was revoked; check the credentials of the place if this comes back."},
	{403, "docs/storage.md lists the permissions that the service account needs on the bucket."},
	{429, "The store asks for fewer requests: lower requests_per_second or max_connections of the place."},
};

/* cf_gcs_fail turns the answer at hand into op->err, and ends the operation; key NULL = it was about the place itself. */
CfStep
cf_gcs_fail(CfOp *op, const char *what, const char *key)
{
	const CfPlace *place = op->place;
	int			status = op->response.status;
	CfRemoteTold told = cf_remote_told(&op->response);
	json_t	   *error = cf_json_object(op->response.body, op->response.body_bytes);

	if (status == 429)
		told.kind = CF_ERR_BUSY;
	told.retryable |= status == 409;
	if (told.kind == CF_ERR_IO && !told.retryable)
		told.kind = CF_ERR_UNSUPPORTED;
	for (size_t i = 0; i < sizeof(hints) / sizeof(hints[0]); i++)
		told.hint = hints[i].status == status ? hints[i].hint : told.hint;
	/* A token that was given, and not obtained, nobody can renew but who gave it. */
	told.token_refused = status == 401 && place->token != NULL && cf_credential(place->credentials, "access_token") == NULL;
	if (status == 404 && cf_gcs_no_bucket(op))
	{
		what = "find the bucket";
		key = NULL;
		told.hint = "Create the bucket, or correct the option bucket of the place.";
	}
	snprintf(told.code, sizeof(told.code), "%s", error_reason(error));
	cf_remote_harmless(told.code, "");
	cf_utf8_shown(told.message, sizeof(told.message), cf_json_text(json_object_get(error, "error"), "message"));
	json_decref(error);
	return cf_remote_refused(op, what, key, cf_net_answer(&op->response, "x-guploader-uploadid"), &told);
}
