/*
 * gcs_answer.c
 *		What the store says: verdicts for the engine, object resources by jansson, and errors in our words.
 *
 * Everything here is hostile until read: a resource without size or generation is no object, a checksum of another length
 * is none, texts are taken as UTF-8 without NUL (jansson refuses the rest), numbers have at most 18 digits. jansson nests at most
 * 2,048 levels and works with malloc; nothing in between can jump, so every value is given back.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/calendar.h"
#include "core/json.h"
#include "storage/gcs/gcs.h"

static const char *error_reason(const json_t *error);
static json_t *body_read(const CfResponse *response);
static bool digits(const char **text, int count, int *value);
static const char *kept(CfOp *op, const json_t *resource, const char *name, bool *good);
static const char *metadata_read(CfOp *op, const json_t *metadata, bool *good);

CfNetVerdict
cf_gcs_classify(const CfRequest *request, const CfResponse *response, void *ctx)
{
	(void) request;
	(void) ctx;
	if (response->truncated)
		return CF_NET_RETRY;
	switch (response->status)
	{
		case 401:
			return CF_NET_REAUTHENTICATE;
		case 408:
		case 500:
		case 502:
		case 503:
		case 504:
			return CF_NET_RETRY;
		case 429:
			return CF_NET_SLOW_DOWN;
		case 403:
			{
				/* What the older error table calls rateLimitExceeded came as a 403. */
				json_t	   *error = body_read(response);
				bool		limited = strstr(error_reason(error), "ateLimitExceeded") != NULL;

				json_decref(error);
				return limited ? CF_NET_SLOW_DOWN : CF_NET_FINAL;
			}
		default:
			return cf_gcs_error_inside(response) ? CF_NET_RETRY : CF_NET_FINAL;
	}
}

/* cf_gcs_error_inside tells whether an answer of success holds an error: read as a listing, it would say that nothing is there. */
bool
cf_gcs_error_inside(const CfResponse *response)
{
	json_t	   *answer;
	bool		inside;

	if (response->status < 200 || response->status > 299 || response->body_bytes == 0 || response->body_bytes > 4096)
		return false;
	answer = body_read(response);
	inside = json_object_get(answer, "error") != NULL;
	json_decref(answer);
	return inside;
}

/* cf_gcs_answer reads an answer's body, a JSON object; the caller gives it back. NULL = it is none, told in op->err. */
json_t *
cf_gcs_answer(CfOp *op)
{
	json_t	   *answer = body_read(&op->response);

	if (answer != NULL && json_is_object(answer) && !cf_gcs_error_inside(&op->response))
		return answer;
	json_decref(answer);
	cf_gcs_fails(op, CF_ERR_IO, true, "could not read what the store of place \"%s\" answered", op->place->name);
	cf_error_detail(&op->err, "A JSON object was expected after status %d, there came %zu bytes that are none.",
					op->response.status, op->response.body_bytes);
	return NULL;
}

/* cf_gcs_text gives a text of an object, "" when it is not there or no text. */
const char *
cf_gcs_text(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));

	return text == NULL ? "" : text;
}

/* cf_gcs_object takes what a resource says of an object; texts go to op->arena. */
bool
cf_gcs_object(CfOp *op, const json_t *resource, CfObjectStat *stat)
{
	const char *generation = cf_gcs_text(resource, "generation");
	int64_t		number;
	bool		good = true;

	memset(stat, 0, sizeof(*stat));
	if (!cf_gcs_number(cf_gcs_text(resource, "size"), &stat->size_bytes) || !cf_gcs_number(generation, &number) ||
		number == 0)
	{
		cf_gcs_fails(op, CF_ERR_IO, true, "could not read what the store of place \"%s\" answered", op->place->name);
		return cf_error_detail(&op->err, "It describes an object without size or generation.");
	}
	snprintf(stat->version, sizeof(stat->version), "%lld", (long long) number);
	/* When these bytes were written: `updated` also moves when only metadata change. */
	if (!cf_gcs_time(cf_gcs_text(resource, "timeCreated"), &stat->mtime_us) &&
		!cf_gcs_time(cf_gcs_text(resource, "updated"), &stat->mtime_us))
		stat->mtime_us = 0;
	cf_remote_digest_crc32c(&stat->digests, cf_gcs_text(resource, "crc32c"));
	cf_remote_digest_md5(&stat->digests, cf_gcs_text(resource, "md5Hash"));
	stat->storage_class = kept(op, resource, "storageClass", &good);
	stat->content_type = kept(op, resource, "contentType", &good);
	stat->attributes.cache_control = kept(op, resource, "cacheControl", &good);
	stat->attributes.content_disposition = kept(op, resource, "contentDisposition", &good);
	stat->attributes.content_encoding = kept(op, resource, "contentEncoding", &good);
	stat->attributes.content_language = kept(op, resource, "contentLanguage", &good);
	stat->attributes.metadata = metadata_read(op, json_object_get(resource, "metadata"), &good);
	stat->attributes.tags = "";
	return good || cf_gcs_memory(op) == CF_STEP_DONE;
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
	const char *text = cf_gcs_text(resource, name);

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
			*end++ = *s >= 'A' && *s <= 'Z' ? *s + ('a' - 'A') : *s;
		*end++ = '=';
		for (const char *s = json_string_value(value); *s != '\0'; s++)
			*end++ = *s == '\n' || *s == '\r' ? ' ' : *s;
		*end++ = '\n';
	}
	*end = '\0';
	return text;
}

/* cf_gcs_ours tells whether an object carries our owner tag. */
bool
cf_gcs_ours(const CfObjectStat *stat, const char *owner_tag)
{
	const char *line = stat->attributes.metadata;
	size_t		tag = owner_tag == NULL ? 0 : strlen(owner_tag);

	while (tag > 0 && line != NULL && *line != '\0')
	{
		size_t		length = strcspn(line, "\n");

		if (length == sizeof(CF_GCS_TAG) + tag && strncmp(line, CF_GCS_TAG "=", sizeof(CF_GCS_TAG)) == 0 &&
			strncmp(line + sizeof(CF_GCS_TAG), owner_tag, tag) == 0)
			return true;
		line += length + (line[length] == '\n');
	}
	return false;
}

/* body_read takes a body apart; NULL when it is not what Google documents (errors of media answers are plain text), or far too much. */
static json_t *
body_read(const CfResponse *response)
{
	const char *body = response->body == NULL ? "" : response->body;

	return cf_json_bounded(body, response->body_bytes) ? json_loadb(body, response->body_bytes, JSON_REJECT_DUPLICATES, NULL) : NULL;
}

/* error_reason gives the first error's reason, "" when there is none. */
static const char *
error_reason(const json_t *error)
{
	return cf_gcs_text(json_array_get(json_object_get(json_object_get(error, "error"), "errors"), 0), "reason");
}

/* cf_gcs_no_bucket tells whether a 404 means the bucket: an object that cannot be looked for is not gone. */
bool
cf_gcs_no_bucket(const CfOp *op)
{
	static const char words[] = "The specified bucket does not exist";
	json_t	   *error = body_read(&op->response);
	const char *message = cf_gcs_text(json_object_get(error, "error"), "message");
	bool		missing = strncmp(message, words, strlen(words)) == 0 ||
		(op->response.body != NULL && strncmp(op->response.body, words, strlen(words)) == 0);

	json_decref(error);
	return missing;
}

/* cf_gcs_held tells whether a 403 means retention or a hold, and says in the store's words why. */
bool
cf_gcs_held(const CfOp *op, char *reason, size_t room)
{
	json_t	   *error = body_read(&op->response);
	const char *word = error_reason(error);
	const char *message = cf_gcs_text(json_object_get(error, "error"), "message");
	bool		held = strcasestr(word, "retention") != NULL || strstr(word, "Hold") != NULL ||
		(strstr(message, "under active") != NULL && strcasestr(message, "hold") != NULL) ||
		strstr(message, "retention p") != NULL || strstr(message, "object retention") != NULL;

	cf_gcs_shown(message[0] == '\0' ? word : message, reason, room);
	json_decref(error);
	return held;
}

/* One row per status: which kind of error it is, whether later may be better, and what may help. */
static const struct
{
	int			status;
	CfErrorKind kind;
	bool		retryable;
	const char *hint;
}			statuses[] = {
	{400, CF_ERR_INPUT, false, "A bucket whose requester pays wants the option user_project on the place."},
	{401, CF_ERR_DENIED, true, "The token has expired or was revoked; check the credentials of the place if this comes back."},
	{403, CF_ERR_DENIED, false, "docs/storage.md lists the permissions that the service account needs on the bucket."},
	{404, CF_ERR_NOT_FOUND, false, NULL},
	{408, CF_ERR_IO, true, NULL},
	{409, CF_ERR_BUSY, true, NULL},
	{412, CF_ERR_CHANGED, false, NULL},
	{413, CF_ERR_RANGE, false, NULL},
	{429, CF_ERR_BUSY, true, "The store asks for fewer requests: lower requests_per_second or max_connections of the place."},
};

/* cf_gcs_fail turns the answer at hand into op->err: "could not WHAT object KEY of place …"; key NULL = the place itself. */
CfStep
cf_gcs_fail(CfOp *op, const char *what, const char *key)
{
	int			status = op->response.status;
	const char *request_id = cf_net_answer(&op->response, "x-guploader-uploadid");
	json_t	   *error = NULL;
	bool		retryable = status >= 500 && status != 501 && status != 505;
	CfErrorKind kind = retryable ? CF_ERR_IO : CF_ERR_UNSUPPORTED;
	const char *hint = NULL;
	char		shown[256];
	char		message[400];

	op->phase = 0;
	if (status == 0)
	{
		op->err = op->response.err;
		if (op->err.kind == CF_ERR_NONE)
			cf_gcs_fails(op, CF_ERR_IO, true, "place \"%s\" did not answer", op->place->name);
		return CF_STEP_ERROR;
	}
	for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++)
	{
		if (statuses[i].status != status)
			continue;
		kind = statuses[i].kind;
		retryable = statuses[i].retryable;
		hint = statuses[i].hint;
	}
	if (status == 401 && op->place->token != NULL)
		op->place->token->expires_us = 0;
	if (status == 401 && (op->place->token == NULL || cf_credential(op->place->credentials, "access_token") != NULL))
		retryable = false;		/* nobody can renew it but who gave it */
	if (status == 404 && cf_gcs_no_bucket(op))
	{
		key = NULL;
		hint = "Create the bucket, or correct the option bucket of the place.";
	}
	if (key == NULL)
		cf_gcs_fails(op, kind, retryable, "could not %s place \"%s\"", what, op->place->name);
	else
		cf_gcs_fails(op, kind, retryable, "could not %s object \"%s\" of place \"%s\"", what,
					 cf_gcs_shown(key, shown, sizeof(shown)), op->place->name);
	error = body_read(&op->response);
	cf_gcs_shown(cf_gcs_text(json_object_get(error, "error"), "message"), message, sizeof(message));
	cf_gcs_shown(error_reason(error), shown, sizeof(shown) / 2);
	cf_error_detail(&op->err, "The store of bucket \"%s\" answered %d%s%s%s%s.", op->place->bucket, status,
					shown[0] == '\0' ? "" : " ", shown, message[0] == '\0' ? "" : ": ", message);
	if (request_id[0] != '\0')
	{
		char		text[sizeof(op->err.detail)];

		memcpy(text, op->err.detail, sizeof(text));
		cf_error_detail(&op->err, "%.1000s Request %s.", text, cf_gcs_shown(request_id, shown, 128));
	}
	if (hint != NULL)
		cf_error_hint(&op->err, "%s", hint);
	json_decref(error);
	return CF_STEP_ERROR;
}

/* cf_gcs_fails ends an operation with an error of our own. Keys may stand in it as they are: the message is made fit to be shown. */
CfStep
cf_gcs_fails(CfOp *op, CfErrorKind kind, bool retryable, const char *format, ...)
{
	char		text[sizeof(op->err.message)];
	char		message[sizeof(op->err.message)];
	va_list		args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	cf_gcs_shown(text, message, sizeof(message));
	op->phase = 0;
	cf_error_set(&op->err, kind, "%s", message);
	op->err.retryable = retryable;
	return CF_STEP_ERROR;
}

/* cf_gcs_shown makes text fit to be shown: control characters and what is not valid UTF-8 become '?', what does not fit is cut. */
const char *
cf_gcs_shown(const char *text, char *shown, size_t room)
{
	size_t		used = 0;

	while (*text != '\0')
	{
		size_t		length = cf_utf8_length((const unsigned char *) text);
		bool		plain = length > 0 && (unsigned char) *text >= 0x20 && *text != 0x7f;

		length = plain ? length : 1;
		if (used + length >= room)
			break;
		memcpy(shown + used, plain ? text : "?", length);
		used += length;
		text += length;
	}
	shown[used] = '\0';
	return shown;
}

/* cf_gcs_time reads "2026-11-21T16:40:00.123456Z"; anything else is no time. */
bool
cf_gcs_time(const char *text, int64_t *us)
{
	int			year,
				month,
				day,
				hour,
				minute,
				second;
	int64_t		fraction = 0;
	int64_t		scale = 1000000;

	if (!digits(&text, 4, &year) || *text++ != '-' || !digits(&text, 2, &month) || *text++ != '-' ||
		!digits(&text, 2, &day) || *text++ != 'T' || !digits(&text, 2, &hour) || *text++ != ':' ||
		!digits(&text, 2, &minute) || *text++ != ':' || !digits(&text, 2, &second))
		return false;
	if (*text == '.')
	{
		for (text++; *text >= '0' && *text <= '9'; text++)
		{
			scale /= 10;
			fraction += scale * (*text - '0');
		}
	}
	if (strcmp(text, "Z") != 0 || !cf_calendar_us(year, month, day, hour, minute, second, us))
		return false;
	*us += fraction;
	return true;
}

static bool
digits(const char **text, int count, int *value)
{
	*value = 0;
	for (int i = 0; i < count; i++, (*text)++)
	{
		if (**text < '0' || **text > '9')
			return false;
		*value = *value * 10 + (**text - '0');
	}
	return true;
}
