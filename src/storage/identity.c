/*
 * identity.c
 *		What the sources of credentials of all drivers have in common: files of the server, small requests, cautious reading.
 *
 * Token files are read each time credentials are obtained, since whoever mounts them renews them: a rename puts another one in
 * place, often behind a symbolic link, so links are followed. Which files is for a superuser to say. The descriptor lives
 * for an instant. What was read lies in the arena of the request and is short-lived.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/clock.h"
#include "storage/identity.h"
#include "storage/utf8.h"

#define METADATA "http://169.254.169.254"	/* of AWS, Azure and Google alike; compiled in, since a name could be made to lie */

static ssize_t read_all(int fd, char *buffer, size_t room);
static CfNetVerdict identity_classify(const CfRequest *request, const CfResponse *response, void *ctx);

const char *
cf_identity_source(const CfPlace *place)
{
	return place->identity == NULL ? "" : place->identity->source;
}

const char *
cf_identity_value(const CfPlace *place, const char *name)
{
	const char *value = place->identity == NULL ? NULL : cf_credential(&place->identity->settings, name);

	return value == NULL ? "" : value;
}

bool
cf_identity_file(const CfPlace *place, const char *path, size_t max, CfArena *arena, char **text, CfError *err)
{
	int			fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	char	   *buffer = fd < 0 ? NULL : cf_arena_alloc(arena, max + 2);
	struct stat st;
	ssize_t		length = -1;
	bool		failed;

	if (fd >= 0 && buffer == NULL)
	{
		close(fd);
		return cf_error_set(err, CF_ERR_MEMORY, "out of memory for file \"%s\"", path);
	}
	failed = fd < 0 || fstat(fd, &st) < 0 || (S_ISREG(st.st_mode) && (length = read_all(fd, buffer, max + 1)) < 0);
	if (failed)
	{
		cf_error_errno(err, errno, "could not read file", path);
		/* A file that is not there must not look like an object that is gone. */
		if (err->kind == CF_ERR_NOT_FOUND)
			err->kind = CF_ERR_STATE;
		cf_error_detail(err, "Credentials of place \"%s\" are to come from it.", place->name);
	}
	if (fd >= 0)
		close(fd);
	if (failed)
		return false;
	while (length > 0 && strchr(" \t\r\n", buffer[length - 1]) != NULL && buffer[length - 1] != '\0')
		length--;
	if (length > 0 && (size_t) length <= max && memchr(buffer, '\0', (size_t) length) == NULL)
	{
		buffer[length] = '\0';
		*text = buffer;
		return true;
	}
	if (length > 0)
		explicit_bzero(buffer, (size_t) length);
	cf_error_set(err, CF_ERR_STATE, "file \"%s\" holds no credentials for place \"%s\"", path, place->name);
	return cf_error_detail(err, "It is empty, longer than %zu bytes, or not a text file.", max);
}

/* read_all reads until the end, or until there is no room. */
static ssize_t
read_all(int fd, char *buffer, size_t room)
{
	size_t		length = 0;
	ssize_t		got;

	while (length < room && (got = read(fd, buffer + length, room - length)) != 0)
	{
		if (got < 0 && errno != EINTR)
			return -1;
		length += got > 0 ? (size_t) got : 0;
	}
	return (ssize_t) length;
}

bool
cf_identity_token(const CfPlace *place, const char *path, CfArena *arena, char **token, CfError *err)
{
	if (!cf_identity_file(place, path, CF_IDENTITY_TOKEN_BYTES, arena, token, err))
		return false;
	for (const char *s = *token; *s != '\0'; s++)
	{
		if (*s > 0x20 && *s < 0x7f)
			continue;
		explicit_bzero(*token, strlen(*token));
		cf_error_set(err, CF_ERR_STATE, "file \"%s\" holds no token for place \"%s\"", path, place->name);
		return cf_error_detail(err, "It contains blanks, control characters, or more than one line.");
	}
	return true;
}

bool
cf_identity_endpoint(const CfPlace *place, const char *endpoint, CfError *err)
{
	if (strlen(endpoint) <= 255 && cf_remote_host(endpoint))
		return true;
	cf_error_set(err, CF_ERR_INPUT, "credentials of place \"%s\" cannot be asked for: \"%.100s\" is no address", place->name,
				 endpoint);
	return cf_error_hint(err, "It is http://HOST or https://HOST, with or without a :PORT and without a path.");
}

bool
cf_identity_options_check(const CfPlace *place, CfError *err)
{
	static const char *const names[] = {"sts_endpoint", "metadata_endpoint"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
	{
		const char *value = cf_storage_option(place, names[i]);

		if (value[0] != '\0' && !cf_identity_endpoint(place, value, err))
			return false;
	}
	return true;
}

CfRequest *
cf_identity_request(CfOp *op, const char *method, const char *verb, const char *url, bool metadata)
{
	CfRequest  *request = cf_storage_op_request(op, method, verb);

	request->url = url == NULL ? NULL : cf_arena_strdup(&op->request_arena, url);
	request->metadata_service = metadata;
	request->answer_max = CF_IDENTITY_ANSWER_BYTES;
	request->classify = identity_classify;
	if (request->url != NULL)
		return request;
	cf_remote_memory(op);
	return NULL;
}

CfRequest *
cf_identity_metadata(CfOp *op, const char *method, const char *verb, const char *path)
{
	const char *endpoint = cf_identity_value(op->place, "metadata_endpoint");
	size_t		length;

	if (endpoint[0] == '\0')
		endpoint = METADATA;
	if (!cf_identity_endpoint(op->place, endpoint, &op->err))
		return NULL;
	length = strlen(endpoint);
	if (endpoint[length - 1] == '/')
		length--;
	return cf_identity_request(op, method, verb,
							   path == NULL ? NULL : cf_remote_format(op->arena, "%.*s%s", (int) length, endpoint, path), true);
}

/* identity_classify: what is not transient is for the source to read. A redirect is an answer like any other that is not 200. */
static CfNetVerdict
identity_classify(const CfRequest *request, const CfResponse *response, void *ctx)
{
	(void) request;
	(void) ctx;
	if (response->status == 429)
		return CF_NET_SLOW_DOWN;
	return response->truncated || response->status == 408 || response->status >= 500 ? CF_NET_RETRY : CF_NET_FINAL;
}

CfStep
cf_identity_post(CfOp *op, const char *type, const char *body, int phase)
{
	if (body == NULL)
		return cf_remote_memory(op);
	op->request.body = body;
	op->request.body_bytes = strlen(body);
	if (!cf_net_header(&op->request, "Content-Type", type, &op->err))
		return cf_remote_error(op);
	return cf_remote_send(op, phase);
}

CfStep
cf_identity_refused(CfOp *op, const char *who, const char *code, const char *words)
{
	const CfResponse *response = &op->response;
	bool		transient = response->status == 0 || response->status == 429 || response->status >= 500 || response->truncated;
	bool		retryable = transient && (response->status != 0 || response->err.kind == CF_ERR_NONE || response->err.retryable);
	char		shown[64];
	char		said[320];

	snprintf(shown, sizeof(shown), "%s", code);
	cf_remote_harmless(shown, "._-");
	cf_utf8_shown(said, sizeof(said), words);
	if (response->status == 0)
		cf_identity_fails(op, response->err.kind != CF_ERR_NONE ? response->err.kind : CF_ERR_IO, "%s did not answer: %.300s.", who,
						  response->err.message[0] == '\0' ? "no connection" : response->err.message);
	else if (response->status >= 300 && response->status < 400)
		cf_identity_fails(op, CF_ERR_DENIED, "%s answered with a redirect (HTTP %d), which is not followed.", who, response->status);
	else
		cf_identity_fails(op, transient ? CF_ERR_IO : CF_ERR_DENIED, "%s answered HTTP %d%s%s%s%s.", who, response->status,
						  shown[0] == '\0' ? "" : " ", shown, said[0] == '\0' ? "" : ": ", said);
	op->err.retryable = retryable;
	cf_error_hint(&op->err, "%s", response->status == 0 ? response->err.hint : "");
	return CF_STEP_ERROR;
}

CfStep
cf_identity_fails(CfOp *op, CfErrorKind kind, const char *format, ...)
{
	char		detail[sizeof(op->err.detail)];
	va_list		args;

	va_start(args, format);
	vsnprintf(detail, sizeof(detail), format, args);
	va_end(args);
	cf_error_set(&op->err, kind, "could not obtain credentials for place \"%s\"", op->place->name);
	op->err.retryable = kind == CF_ERR_IO;
	cf_error_detail(&op->err, "%s", detail);
	cf_identity_wipe(op);
	return cf_remote_error(op);
}

json_t *
cf_identity_json(const CfOp *op)
{
	return cf_json_object(op->response.body, op->response.body_bytes);
}

bool
cf_identity_seconds(const json_t *value, int64_t *seconds)
{
	const char *digits = json_string_value(value);

	*seconds = 0;
	if (json_is_integer(value))
		*seconds = json_integer_value(value);
	else if (digits != NULL && digits[0] != '\0' && strlen(digits) <= 10 && strspn(digits, "0123456789") == strlen(digits))
	{
		for (; *digits != '\0'; digits++)
			*seconds = *seconds * 10 + (*digits - '0');
	}
	if (*seconds > CF_IDENTITY_LIFE_MAX_S)
		*seconds = CF_IDENTITY_LIFE_MAX_S;
	return *seconds > 0;
}

bool
cf_identity_bearer(const char *token)
{
	return token[0] != '\0' &&
		strspn(token, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/=") == strlen(token);
}

CfStep
cf_identity_oauth(CfOp *op, const char *who, int64_t longest_s)
{
	json_t	   *answer = cf_identity_json(op);
	const char *token = cf_json_text(answer, "access_token");
	CfStep		step = CF_STEP_DONE;
	int64_t		seconds;

	if (!cf_identity_bearer(token) || !cf_identity_seconds(json_object_get(answer, "expires_in"), &seconds) ||
		seconds > longest_s)
		step = cf_identity_fails(op, CF_ERR_IO, "%s answered %zu bytes that are no token.", who, op->response.body_bytes);
	else if (!cf_identity_keep(op, token, cf_clock_now_us() + seconds * INT64_C(1000000)))
		step = cf_identity_fails(op, CF_ERR_IO, "%s gave a token that is too long.", who);
	json_decref(answer);
	return step;
}

bool
cf_identity_keep(CfOp *op, const char *value, int64_t expires_us)
{
	CfToken    *token = op->place->token;
	size_t		length = strlen(value);
	int64_t		last_us = cf_clock_now_us() + CF_IDENTITY_LIFE_MAX_S * 1000000;

	if (length == 0 || length >= sizeof(token->value))
		return false;
	explicit_bzero(token->value, sizeof(token->value));
	memcpy(token->value, value, length);
	token->expires_us = expires_us < last_us ? expires_us : last_us;
	cf_identity_wipe(op);
	op->phase = 0;
	return true;
}

void
cf_identity_wipe(CfOp *op)
{
	/* Before the first request, op still has that of an earlier operation, whose body is its caller's. */
	if (op->phase == 0)
		return;
	if (op->request.body != NULL)
		explicit_bzero((void *) op->request.body, op->request.body_bytes);
	if (op->response.body != NULL && op->response.body_bytes > 0)
		explicit_bzero((void *) op->response.body, op->response.body_bytes);
}
