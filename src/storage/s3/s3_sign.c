/*
 * s3_sign.c
 *		Signature Version 4, in a header and in a presigned URL.
 *
 * All headers that a request has are signed, and the path is signed as it is sent: S3 neither normalises it nor encodes it
 * twice. The digest of the body stands in x-amz-content-sha256, where the builder of the request put it, or is computed here.
 * Canonical text lives in the attempt's arena; the key that is derived from the secret never leaves the stack and is wiped.
 *
 * The same chain of HMACs signs for the XML API of Google Cloud Storage, with other words (CfS3Dialect).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "storage/s3/s3.h"

#define SIGN_PARAMETERS_MAX 64
#define UNSIGNED "UNSIGNED-PAYLOAD"
#define PRESIGN_MAX_SECONDS INT64_C(604800)

const CfS3Dialect cf_s3_aws4 = {"AWS4-HMAC-SHA256", "AWS4", "aws4_request", "s3", "x-amz-", "X-Amz-"};
const CfS3Dialect cf_s3_goog4 = {"GOOG4-HMAC-SHA256", "GOOG4", "goog4_request", "storage", "x-goog-", "X-Goog-"};

typedef struct SignScope
{
	char		time[40];
	char		day[9];
	char		text[160];		/* day/region/service/terminator */
} SignScope;

static bool scope_make(SignScope *scope, const CfS3Keys *keys, int64_t now_us, CfError *err);
static bool signature_make(const CfS3Keys *keys, const SignScope *scope, const CfRemoteText *canonical, CfArena *arena,
						   char signature[CF_HEX_BYTES(32)], CfError *err);
static const char *host_of(CfArena *arena, const char *url, CfUrl *parts, CfError *err);
static bool headers_canonical(const CfRequest *request, const char *host, CfArena *arena, CfRemoteText *canonical,
							  CfRemoteText *names);
static int	header_compare(const void *a, const void *b);
static void value_trimmed(CfRemoteText *text, const char *value);
static bool query_canonical(CfRemoteText *text, const char *query, CfArena *arena);
static int	parameter_compare(const void *a, const void *b);
static const char *dialect_name(CfArena *arena, const CfS3Dialect *dialect, const char *name);
static bool out_of_memory(CfError *err);

/* cf_s3_sign is what the engine calls for each attempt. */
bool
cf_s3_sign(CfRequest *request, void *ctx, CfArena *arena, int64_t now_us, CfError *err)
{
	CfOp	   *op = ctx;
	CfS3Keys	keys;

	if (!cf_s3_keys(cf_remote_asked(op), arena, &keys, err))
		return false;
	return keys.access_key == NULL || cf_s3_sign_request(request, &keys, arena, now_us, err);
}

/*
 * cf_s3_keys finds what signs requests to a place: sealed credentials, or three lines that an exchange of credentials left
 * in the place's token.
 */
bool
cf_s3_keys(const CfPlace *place, CfArena *arena, CfS3Keys *keys, CfError *err)
{
	const CfS3Store *store = cf_s3_store(place);
	const char *session = cf_credential(place->credentials, "session_token");
	char	   *lines;

	*keys = (CfS3Keys) {.dialect = store->dialect, .region = cf_s3_region(place), .service = store->dialect->service};
	keys->access_key = cf_credential(place->credentials, "access_key_id");
	keys->secret_key = cf_credential(place->credentials, "secret_access_key");
	keys->session_token = session == NULL ? "" : session;
	if (place->token != NULL && place->token->value[0] != '\0')
	{
		if ((lines = cf_arena_strdup(arena, place->token->value)) == NULL)
			return out_of_memory(err);
		keys->access_key = strsep(&lines, "\n");
		keys->secret_key = strsep(&lines, "\n");
		keys->session_token = lines == NULL ? "" : strsep(&lines, "\n");
	}
	if (keys->access_key == NULL || (keys->secret_key != NULL && keys->secret_key[0] != '\0'))
		return true;
	cf_error_set(err, CF_ERR_DENIED, "credentials of place \"%s\" are not complete", place->name);
	return cf_error_hint(err, "Set access_key_id and secret_access_key together with cloudflux.set_credentials().");
}

/* cf_s3_sign_request adds date, session token and authorisation to a request. */
bool
cf_s3_sign_request(CfRequest *request, const CfS3Keys *keys, CfArena *arena, int64_t now_us, CfError *err)
{
	const char *digest_name = dialect_name(arena, keys->dialect, "content-sha256");
	const char *date_name = dialect_name(arena, keys->dialect, "date");
	const char *token_name = dialect_name(arena, keys->dialect, "security-token");
	const char *digest = NULL;
	const char *host;
	char		computed[CF_HEX_BYTES(32)];
	char		signature[CF_HEX_BYTES(32)];
	uint8_t		sha256[32];
	SignScope	scope;
	CfUrl		url;
	CfRemoteText canonical = {.arena = arena};
	CfRemoteText names = {.arena = arena};
	CfRemoteText authorization = {.arena = arena};
	char	   *date;

	if (!scope_make(&scope, keys, now_us, err) || (host = host_of(arena, request->url, &url, err)) == NULL)
		return false;
	date = cf_arena_strdup(arena, scope.time);
	if (digest_name == NULL || date_name == NULL || token_name == NULL || date == NULL)
		return out_of_memory(err);
	if (!cf_net_header(request, date_name, date, err) ||
		(keys->session_token[0] != '\0' && !cf_net_header(request, token_name, keys->session_token, err)))
		return false;
	for (int i = 0; i < request->header_count; i++)
	{
		if (strcmp(request->headers[i].name, digest_name) == 0)
			digest = request->headers[i].value;
	}
	if (digest == NULL)
	{
		if (!cf_sha256(request->body == NULL ? "" : request->body, request->body_bytes, sha256))
			return out_of_memory(err);
		cf_hex_encode(sha256, sizeof(sha256), computed);
		digest = computed;
	}
	cf_remote_text_add(&canonical, request->method);
	cf_remote_text_add(&canonical, "\n");
	cf_remote_text_add_bytes(&canonical, url.path, url.path_bytes);
	cf_remote_text_add(&canonical, url.path_bytes == 0 ? "/\n" : "\n");
	if (!query_canonical(&canonical, url.query, arena) || !headers_canonical(request, host, arena, &canonical, &names))
		return out_of_memory(err);
	cf_remote_text_add(&canonical, digest);
	if (!signature_make(keys, &scope, &canonical, arena, signature, err))
		return false;
	cf_remote_text_add(&authorization, keys->dialect->algorithm);
	cf_remote_text_add(&authorization, " Credential=");
	cf_remote_text_add(&authorization, keys->access_key);
	cf_remote_text_add(&authorization, "/");
	cf_remote_text_add(&authorization, scope.text);
	cf_remote_text_add(&authorization, ",SignedHeaders=");
	cf_remote_text_add(&authorization, names.data);
	cf_remote_text_add(&authorization, ",Signature=");
	cf_remote_text_add(&authorization, signature);
	if (authorization.failed)
		return out_of_memory(err);
	return cf_net_header(request, "Authorization", authorization.data, err);
}

/* cf_s3_presign makes a URL that works for one method until expires_us. */
bool
cf_s3_presign(const CfPlace *place, CfArena *arena, const char *method, const char *key, int64_t now_us,
			  int64_t expires_us, char **url, CfError *err)
{
	bool		payer = cf_storage_option(place, "request_payer")[0] != '\0';
	char	   *plain = cf_s3_url(place, arena, key, payer ? "x-amz-request-payer=requester" : "");
	int64_t		seconds = (expires_us - now_us) / 1000000;
	CfS3Keys	keys;

	if (plain == NULL)
		return out_of_memory(err);
	if (!cf_s3_keys(place, arena, &keys, err))
		return false;
	if (cf_credential(place->credentials, "sse_customer_key") != NULL)
		return cf_error_set(err, CF_ERR_UNSUPPORTED, "place \"%s\" cannot presign URLs: its objects are read with a key of the customer",
							place->name);
	if (seconds < 1 || seconds > PRESIGN_MAX_SECONDS)
	{
		cf_error_set(err, CF_ERR_INPUT, "a presigned URL cannot be valid for %lld seconds", (long long) seconds);
		return cf_error_hint(err, "It is valid for at least one second and at most seven days.");
	}
	if (place->token != NULL && place->token->value[0] != '\0' && expires_us > place->token->expires_us)
	{
		cf_error_set(err, CF_ERR_INPUT, "a presigned URL of place \"%s\" cannot outlive the session that signs it", place->name);
		cf_error_detail(err, "The session ends in %lld seconds, the URL is to be valid for %lld.",
						(long long) ((place->token->expires_us - now_us) / 1000000), (long long) seconds);
		return cf_error_hint(err, "Ask for a shorter time, or give the place keys of its own with cloudflux.set_credentials().");
	}
	if (keys.access_key != NULL)
		return cf_s3_presign_url(method, plain, &keys, arena, now_us, seconds, url, err);
	*url = plain;
	return true;
}

/* cf_s3_presign_url adds the signature of one method to a URL's query; only the host is signed with it. */
bool
cf_s3_presign_url(const char *method, const char *url, const CfS3Keys *keys, CfArena *arena, int64_t now_us,
				  int64_t seconds, char **signed_url, CfError *err)
{
	const char *words[][2] = {
		{"Algorithm=", keys->dialect->algorithm}, {"Credential=", ""}, {"Date=", ""}, {"Expires=", ""},
		{"SignedHeaders=", "host"}, {"Security-Token=", keys->session_token}
	};
	const char *host;
	char		expires[24];
	char		signature[CF_HEX_BYTES(32)];
	SignScope	scope;
	CfUrl		parts;
	CfRemoteText credential = {.arena = arena};
	CfRemoteText text = {.arena = arena};
	CfRemoteText canonical = {.arena = arena};

	if (!scope_make(&scope, keys, now_us, err) || (host = host_of(arena, url, &parts, err)) == NULL)
		return false;
	cf_remote_text_add(&credential, keys->access_key);
	cf_remote_text_add(&credential, "/");
	cf_remote_text_add(&credential, scope.text);
	snprintf(expires, sizeof(expires), "%lld", (long long) seconds);
	words[1][1] = credential.failed ? "" : credential.data;
	words[2][1] = scope.time;
	words[3][1] = expires;
	cf_remote_text_add(&text, url);
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
	{
		if (words[i][1][0] == '\0')
			continue;
		cf_remote_text_add(&text, i > 0 || parts.query[0] != '\0' ? "&" : "?");
		cf_remote_text_add(&text, keys->dialect->query);
		cf_remote_text_add(&text, words[i][0]);
		cf_remote_text_encode(&text, words[i][1]);
	}
	if (credential.failed || text.failed || !cf_url_split(text.data, &parts, err))
		return out_of_memory(err);
	cf_remote_text_add(&canonical, method);
	cf_remote_text_add(&canonical, "\n");
	cf_remote_text_add_bytes(&canonical, parts.path, parts.path_bytes);
	cf_remote_text_add(&canonical, parts.path_bytes == 0 ? "/\n" : "\n");
	if (!query_canonical(&canonical, parts.query, arena))
		return out_of_memory(err);
	cf_remote_text_add(&canonical, "host:");
	cf_remote_text_add(&canonical, host);
	cf_remote_text_add(&canonical, "\n\nhost\n" UNSIGNED);
	if (!signature_make(keys, &scope, &canonical, arena, signature, err))
		return false;
	cf_remote_text_add(&text, "&");
	cf_remote_text_add(&text, keys->dialect->query);
	cf_remote_text_add(&text, "Signature=");
	cf_remote_text_add(&text, signature);
	*signed_url = text.data;
	return text.failed ? out_of_memory(err) : true;
}

/* scope_make writes the time and the scope of a signature. */
static bool
scope_make(SignScope *scope, const CfS3Keys *keys, int64_t now_us, CfError *err)
{
	cf_remote_time_write(now_us, CF_REMOTE_BASIC, scope->time);
	memcpy(scope->day, scope->time, 8);
	scope->day[8] = '\0';
	if (snprintf(scope->text, sizeof(scope->text), "%s/%s/%s/%s", scope->day, keys->region, keys->service,
				 keys->dialect->terminator) < (int) sizeof(scope->text))
		return true;
	return cf_error_set(err, CF_ERR_INPUT, "region \"%.64s\" is too long", keys->region);
}

/* signature_make derives the key of the day and signs the digest of a canonical request. */
static bool
signature_make(const CfS3Keys *keys, const SignScope *scope, const CfRemoteText *canonical, CfArena *arena,
			   char signature[CF_HEX_BYTES(32)], CfError *err)
{
	const char *words[] = {scope->day, keys->region, keys->service, keys->dialect->terminator};
	CfRemoteText text = {.arena = arena};
	CfRemoteText secret = {.arena = arena};
	uint8_t		mac[32];
	uint8_t		next[32];
	char		hex[CF_HEX_BYTES(32)];
	bool		good;

	if (canonical->failed || !cf_sha256(canonical->data, canonical->length, mac))
		return out_of_memory(err);
	cf_hex_encode(mac, sizeof(mac), hex);
	cf_remote_text_add(&text, keys->dialect->algorithm);
	cf_remote_text_add(&text, "\n");
	cf_remote_text_add(&text, scope->time);
	cf_remote_text_add(&text, "\n");
	cf_remote_text_add(&text, scope->text);
	cf_remote_text_add(&text, "\n");
	cf_remote_text_add(&text, hex);
	cf_remote_text_add(&secret, keys->dialect->key_prefix);
	cf_remote_text_add(&secret, keys->secret_key);
	good = !text.failed && !secret.failed && cf_hmac_sha256(secret.data, secret.length, words[0], strlen(words[0]), mac);
	for (size_t i = 1; good && i < sizeof(words) / sizeof(words[0]); i++)
	{
		good = cf_hmac_sha256(mac, sizeof(mac), words[i], strlen(words[i]), next);
		memcpy(mac, next, sizeof(mac));
	}
	good = good && cf_hmac_sha256(mac, sizeof(mac), text.data, text.length, next);
	if (secret.data != NULL)
		explicit_bzero(secret.data, secret.length);
	explicit_bzero(mac, sizeof(mac));
	if (!good)
		return out_of_memory(err);
	cf_hex_encode(next, sizeof(next), signature);
	return true;
}

/* host_of gives the value of the Host header as it will be sent: with the port when it is not the scheme's own. */
static const char *
host_of(CfArena *arena, const char *url, CfUrl *parts, CfError *err)
{
	CfRemoteText text = {.arena = arena};
	bool		address;

	if (!cf_url_split(url, parts, err))
		return NULL;
	address = strchr(parts->host, ':') != NULL;
	cf_remote_text_add(&text, address ? "[" : "");
	cf_remote_text_add(&text, parts->host);
	cf_remote_text_add(&text, address ? "]" : "");
	if (!parts->default_port)
	{
		cf_remote_text_add(&text, ":");
		cf_remote_text_number(&text, parts->port);
	}
	if (text.failed)
		out_of_memory(err);
	return text.failed ? NULL : text.data;
}

/* headers_canonical writes all headers, sorted, values trimmed, then their names; names alone go into the second text too. */
static bool
headers_canonical(const CfRequest *request, const char *host, CfArena *arena, CfRemoteText *canonical, CfRemoteText *names)
{
	CfHeader	headers[CF_NET_REQUEST_HEADERS + 1];
	int			count = 0;

	headers[count++] = (CfHeader) {"host", host};
	for (int i = 0; i < request->header_count; i++)
	{
		char	   *name = cf_arena_strdup(arena, request->headers[i].name);

		if (name == NULL)
			return false;
		for (char *c = name; *c != '\0'; c++)
			*c = *c >= 'A' && *c <= 'Z' ? (char) (*c + 'a' - 'A') : *c;
		if (strcmp(name, "host") != 0)
			headers[count++] = (CfHeader) {name, request->headers[i].value};
	}
	/* Equal names keep their order: qsort() may not, so they are few and sorted by insertion. */
	for (int i = 1; i < count; i++)
	{
		CfHeader	header = headers[i];
		int			at = i;

		for (; at > 0 && header_compare(&headers[at - 1], &header) > 0; at--)
			headers[at] = headers[at - 1];
		headers[at] = header;
	}
	for (int i = 0; i < count; i++)
	{
		bool		again = i > 0 && strcmp(headers[i - 1].name, headers[i].name) == 0;

		if (!again)
		{
			cf_remote_text_add(canonical, i > 0 ? "\n" : "");
			cf_remote_text_add(canonical, headers[i].name);
			cf_remote_text_add(names, i > 0 ? ";" : "");
			cf_remote_text_add(names, headers[i].name);
		}
		cf_remote_text_add(canonical, again ? "," : ":");
		value_trimmed(canonical, headers[i].value);
	}
	cf_remote_text_add(canonical, "\n\n");
	if (names->failed)
		return false;
	cf_remote_text_add(canonical, names->data);
	cf_remote_text_add(canonical, "\n");
	return !canonical->failed;
}

static int
header_compare(const void *a, const void *b)
{
	return strcmp(((const CfHeader *) a)->name, ((const CfHeader *) b)->name);
}

/* value_trimmed adds a header's value without blanks at its ends and with one blank for each run of them. */
static void
value_trimmed(CfRemoteText *text, const char *value)
{
	bool		any = false;

	while (*value != '\0')
	{
		size_t		length;

		value += strspn(value, " \t");
		length = strcspn(value, " \t");
		if (length == 0)
			return;
		cf_remote_text_add(text, any ? " " : "");
		cf_remote_text_add_bytes(text, value, length);
		any = true;
		value += length;
	}
}

/* query_canonical adds the parameters of a query, sorted by name and value, each with its "="; then a line's end. */
static bool
query_canonical(CfRemoteText *text, const char *query, CfArena *arena)
{
	char	   *copy = cf_arena_strdup(arena, query);
	char	   *parameters[SIGN_PARAMETERS_MAX];
	char	   *parameter;
	int			count = 0;

	if (copy == NULL)
		return false;
	while (copy != NULL && (parameter = strsep(&copy, "&")) != NULL)
	{
		if (*parameter == '\0')
			continue;
		if (count == SIGN_PARAMETERS_MAX)
			return false;
		parameters[count++] = parameter;
	}
	qsort(parameters, (size_t) count, sizeof(parameters[0]), parameter_compare);
	for (int i = 0; i < count; i++)
	{
		cf_remote_text_add(text, i > 0 ? "&" : "");
		cf_remote_text_add(text, parameters[i]);
		cf_remote_text_add(text, strchr(parameters[i], '=') == NULL ? "=" : "");
	}
	cf_remote_text_add(text, "\n");
	return !text->failed;
}

/* parameter_compare sorts by name, then by value: "=" comes before whatever a longer name goes on with. */
static int
parameter_compare(const void *a, const void *b)
{
	const char *one = *(char *const *) a;
	const char *two = *(char *const *) b;
	size_t		one_bytes = strcspn(one, "=");
	size_t		two_bytes = strcspn(two, "=");
	int			names = strncmp(one, two, one_bytes < two_bytes ? one_bytes : two_bytes);

	if (names != 0 || one_bytes != two_bytes)
		return names != 0 ? names : one_bytes < two_bytes ? -1 : 1;
	return strcmp(one + one_bytes, two + two_bytes);
}

/* dialect_name gives the name of a header in the dialect's own family. */
static const char *
dialect_name(CfArena *arena, const CfS3Dialect *dialect, const char *name)
{
	CfRemoteText text = {.arena = arena};

	cf_remote_text_add(&text, dialect->header);
	cf_remote_text_add(&text, name);
	return text.failed ? NULL : text.data;
}

static bool
out_of_memory(CfError *err)
{
	return cf_error_set(err, CF_ERR_MEMORY, "out of memory signing a request");
}
