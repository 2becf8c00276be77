/*
 * azure_sign.c
 *		Who we are: Shared Key for every attempt, bearer tokens, and SAS for those who may read or write without us.
 *
 * Shared Key signs, with HMAC-SHA256 under the account's key, the method, eleven standard headers, all x-ms- headers sorted,
 * and the resource: "/account" + the path as it is sent + the query's parameters sorted, decoded. With a path-style endpoint
 * (http://host/account/…) the account therefore stands there twice. A body of no bytes has an empty length.
 *
 * The service sorts header names by linguistic weights, not by bytes: hyphens do not count, and '_' comes before digits before
 * letters. By bytes, metadata named a_b and a1b would be signed in the wrong order and refused.
 *
 * A SAS is a secret: it opens the object to whoever has the URL. It stands in URLs and in x-ms-copy-source only.
 */
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "storage/azure/azure.h"

#define QUERY_MAX 16			/* parameters of one of our URLs */
#define KEY_MAX 256				/* bytes of an account key; Azure's have 64 */
#define SAS_EARLIER_US INT64_C(900000000)	/* a presigned URL works at once on a server whose clock is behind */

typedef struct Parameter
{
	char	   *name;
	char	   *value;
} Parameter;

static bool sign_shared_key(CfRequest *request, const CfPlace *place, const char *key, CfArena *arena, CfError *err);
static void drop_header(CfRequest *request, const char *name);
static const char *find_header(const CfRequest *request, const char *name);
static bool add_resource(CfRemoteText *text, const char *url, const char *account, CfError *err);
static void add_headers(CfRemoteText *text, const CfRequest *request);
static bool mac_text(const char *key, const CfRemoteText *text, char mac[CF_BASE64_BYTES(32)], CfError *err);

bool
cf_azure_sign(CfRequest *request, void *ctx, CfArena *arena, int64_t now_us, CfError *err)
{
	const CfPlace *place = ((CfOp *) ctx)->place;
	const char *key = cf_credential(place->credentials, "account_key");
	char		date[40];
	char	   *kept;

	drop_header(request, "x-ms-date");
	drop_header(request, "Authorization");
	cf_remote_time_write(now_us, CF_REMOTE_HTTP, date);
	if ((kept = cf_arena_strdup(arena, date)) == NULL)
		return cf_error_set(err, CF_ERR_MEMORY, "out of memory signing a request to place \"%s\"", place->name);
	if (!cf_net_header(request, "x-ms-date", kept, err))
		return false;
	if (key != NULL)
		return sign_shared_key(request, place, key, arena, err);
	if (cf_azure_token_wanted(place))
	{
		CfRemoteText text = {.arena = arena};

		cf_remote_text_add(&text, "Bearer ");
		cf_remote_text_add(&text, place->token == NULL ? "" : place->token->value);
		if (text.failed)
			return cf_error_set(err, CF_ERR_MEMORY, "out of memory signing a request to place \"%s\"", place->name);
		return cf_net_header(request, "Authorization", text.data, err);
	}
	return true;				/* a SAS is in the URL; without credentials the container must be public */
}

static bool
sign_shared_key(CfRequest *request, const CfPlace *place, const char *key, CfArena *arena, CfError *err)
{
	static const char *const signed_headers[] = {
		"Content-MD5", "Content-Type", "Date", "If-Modified-Since", "If-Match", "If-None-Match", "If-Unmodified-Since", "Range"
	};
	CfRemoteText text = {.arena = arena};
	CfRemoteText authorization = {.arena = arena};
	char		account[64];
	char		number[32];
	char		mac[CF_BASE64_BYTES(32)];

	if (!cf_azure_account(place, account))
		return cf_error_set(err, CF_ERR_INPUT, "place \"%s\" does not tell its storage account", place->name);
	cf_remote_text_add(&text, request->method);
	cf_remote_text_add(&text, "\n");
	cf_remote_text_add(&text, find_header(request, "Content-Encoding"));
	cf_remote_text_add(&text, "\n");
	cf_remote_text_add(&text, find_header(request, "Content-Language"));
	snprintf(number, sizeof(number), "\n%zu", request->body_bytes);
	cf_remote_text_add(&text, request->body_bytes == 0 ? "\n" : number);
	for (size_t i = 0; i < sizeof(signed_headers) / sizeof(signed_headers[0]); i++)
	{
		cf_remote_text_add(&text, "\n");
		cf_remote_text_add(&text, find_header(request, signed_headers[i]));
	}
	cf_remote_text_add(&text, "\n");
	add_headers(&text, request);
	if (!add_resource(&text, request->url, account, err) || !mac_text(key, &text, mac, err))
		return false;
	cf_remote_text_add(&authorization, "SharedKey ");
	cf_remote_text_add(&authorization, account);
	cf_remote_text_add(&authorization, ":");
	cf_remote_text_add(&authorization, mac);
	if (authorization.failed)
		return cf_error_set(err, CF_ERR_MEMORY, "out of memory signing a request to place \"%s\"", place->name);
	return cf_net_header(request, "Authorization", authorization.data, err);
}

/* drop_header takes away what an earlier attempt was signed with. */
static void
drop_header(CfRequest *request, const char *name)
{
	int			kept = 0;

	for (int i = 0; i < request->header_count; i++)
	{
		if (strcasecmp(request->headers[i].name, name) != 0)
			request->headers[kept++] = request->headers[i];
	}
	request->header_count = kept;
}

static const char *
find_header(const CfRequest *request, const char *name)
{
	for (int i = 0; i < request->header_count; i++)
	{
		if (strcasecmp(request->headers[i].name, name) == 0)
			return request->headers[i].value;
	}
	return "";
}

/* weight is the place of a character in the service's order of header names; 0 = does not count. */
static int
weight(char c)
{
	if (c == '-')
		return 0;
	if (c == '_')
		return 1;
	if (c >= '0' && c <= '9')
		return 2 + c - '0';
	return 12 + tolower((unsigned char) c);
}

/* header_before compares two names of headers as the service does. */
static bool
header_before(const char *a, const char *b)
{
	const char *x = a;
	const char *y = b;

	for (;;)
	{
		x += strspn(x, "-");
		y += strspn(y, "-");
		if (*x == '\0' || *y == '\0' || weight(*x) != weight(*y))
			break;
		x++;
		y++;
	}
	if (*x == '\0' && *y == '\0')
		return strcasecmp(a, b) < 0;
	return *x == '\0' || (*y != '\0' && weight(*x) < weight(*y));
}

/* add_headers appends "name:value\n" of all x-ms- headers, sorted. */
static void
add_headers(CfRemoteText *text, const CfRequest *request)
{
	const CfHeader *sorted[CF_NET_REQUEST_HEADERS];
	int			count = 0;

	for (int i = 0; i < request->header_count; i++)
	{
		int			at = count;

		if (strncasecmp(request->headers[i].name, "x-ms-", 5) != 0)
			continue;
		while (at > 0 && header_before(request->headers[i].name, sorted[at - 1]->name))
			at--;
		memmove(sorted + at + 1, sorted + at, (size_t) (count - at) * sizeof(sorted[0]));
		sorted[at] = &request->headers[i];
		count++;
	}
	for (int i = 0; i < count; i++)
	{
		const char *value = sorted[i]->value + strspn(sorted[i]->value, " \t");
		size_t		length = strlen(value);

		while (length > 0 && (value[length - 1] == ' ' || value[length - 1] == '\t'))
			length--;
		for (const char *s = sorted[i]->name; *s != '\0'; s++)
		{
			char		lower = (char) tolower((unsigned char) *s);

			cf_remote_text_add_bytes(text, &lower, 1);
		}
		cf_remote_text_add(text, ":");
		cf_remote_text_add_bytes(text, value, length);
		cf_remote_text_add(text, "\n");
	}
}

/* query_split takes a query apart into decoded parameters in order of name and value; -1 = it cannot be. */
static int
query_split(const char *query, CfArena *arena, Parameter parameters[QUERY_MAX])
{
	int			count = 0;

	while (*query != '\0')
	{
		size_t		length = strcspn(query, "&");
		const char *equals = memchr(query, '=', length);
		size_t		name_bytes = equals == NULL ? length : (size_t) (equals - query);
		Parameter	one = {NULL, NULL};
		int			at = count;

		if (count == QUERY_MAX || !cf_url_decode(arena, query, name_bytes, false, &one.name) ||
			!cf_url_decode(arena, equals == NULL ? "" : equals + 1, equals == NULL ? 0 : length - name_bytes - 1, false, &one.value))
			return -1;
		for (char *s = one.name; *s != '\0'; s++)
			*s = (char) tolower((unsigned char) *s);
		while (at > 0 && (strcmp(one.name, parameters[at - 1].name) < 0 ||
						  (strcmp(one.name, parameters[at - 1].name) == 0 && strcmp(one.value, parameters[at - 1].value) < 0)))
			at--;
		memmove(parameters + at + 1, parameters + at, (size_t) (count - at) * sizeof(parameters[0]));
		parameters[at] = one;
		count++;
		query += length + (query[length] == '&');
	}
	return count;
}

/* add_resource appends the canonicalized resource of a URL. */
static bool
add_resource(CfRemoteText *text, const char *url, const char *account, CfError *err)
{
	Parameter	parameters[QUERY_MAX];
	CfUrl		parts;
	int			count;

	if (!cf_url_split(url, &parts, err))
		return false;
	if ((count = query_split(parts.query, text->arena, parameters)) < 0)
		return cf_error_set(err, CF_ERR_MEMORY, "could not sign a request: its query cannot be read");
	cf_remote_text_add(text, "/");
	cf_remote_text_add(text, account);
	if (parts.path_bytes == 0)
		cf_remote_text_add(text, "/");
	else
		cf_remote_text_add_bytes(text, parts.path, parts.path_bytes);
	for (int i = 0; i < count; i++)
	{
		if (i > 0 && strcmp(parameters[i].name, parameters[i - 1].name) == 0)
			cf_remote_text_add(text, ",");
		else
		{
			cf_remote_text_add(text, "\n");
			cf_remote_text_add(text, parameters[i].name);
			cf_remote_text_add(text, ":");
		}
		cf_remote_text_add(text, parameters[i].value);
	}
	return true;
}

/* cf_azure_account_key_check wants the base64 of a key, and does not tell what else it was. */
bool
cf_azure_account_key_check(const CfPlace *place, const char *key, CfError *err)
{
	uint8_t		bytes[KEY_MAX];
	long		length = cf_base64_decode(key, bytes, sizeof(bytes));

	explicit_bzero(bytes, sizeof(bytes));
	if (length > 0)
		return true;
	cf_error_set(err, CF_ERR_INPUT, "the credential account_key of place \"%s\" is not a key", place->name);
	cf_error_detail(err, "It is not base64, or longer than %d bytes.", KEY_MAX);
	return cf_error_hint(err, "Copy one of the two access keys of the storage account as it is shown.");
}

/* mac_text signs a text with the account's key, which comes as base64. */
static bool
mac_text(const char *key, const CfRemoteText *text, char mac[CF_BASE64_BYTES(32)], CfError *err)
{
	uint8_t		bytes[KEY_MAX];
	uint8_t		digest[32];
	long		length = cf_base64_decode(key, bytes, sizeof(bytes));
	bool		signed_well;

	if (text->failed)
		return cf_error_set(err, CF_ERR_MEMORY, "out of memory signing a request");
	if (length <= 0)
	{
		cf_error_set(err, CF_ERR_DENIED, "account_key is not a key: it is not base64");
		return cf_error_hint(err, "Copy one of the two access keys of the storage account as it is shown.");
	}
	signed_well = cf_hmac_sha256(bytes, (size_t) length, text->data, text->length, digest);
	explicit_bzero(bytes, sizeof(bytes));
	if (!signed_well)
		return cf_error_set(err, CF_ERR_MEMORY, "could not compute an HMAC-SHA256");
	cf_base64_encode(digest, sizeof(digest), mac);
	return true;
}

/*
 * cf_azure_sas makes the query of a service SAS for one blob, from the account's key: permissions in Azure's letters, in its
 * order (racwdxyltmeopi).
 */
bool
cf_azure_sas(const CfPlace *place, CfArena *arena, const char *key, const char *permissions, int64_t now_us,
			 int64_t expires_us, char **query, CfError *err)
{
	const char *account_key = cf_credential(place->credentials, "account_key");
	CfRemoteText text = {.arena = arena};
	CfRemoteText result = {.arena = arena};
	bool		https = strncmp(place->endpoint, "http:", 5) != 0;
	char		account[64];
	char		start[40];
	char		expiry[40];
	char		mac[CF_BASE64_BYTES(32)];

	if (account_key == NULL || !cf_azure_account(place, account))
		return cf_error_set(err, CF_ERR_UNSUPPORTED, "place \"%s\" cannot make a SAS without its account_key", place->name);
	cf_remote_time_write(now_us - SAS_EARLIER_US, CF_REMOTE_ISO, start);
	cf_remote_time_write(expires_us, CF_REMOTE_ISO, expiry);
	cf_remote_text_add(&text, permissions);
	cf_remote_text_add(&text, "\n");
	cf_remote_text_add(&text, start);
	cf_remote_text_add(&text, "\n");
	cf_remote_text_add(&text, expiry);
	cf_remote_text_add(&text, "\n/blob/");
	cf_remote_text_add(&text, account);
	cf_remote_text_add(&text, "/");
	cf_remote_text_add(&text, place->bucket);
	cf_remote_text_add(&text, "/");
	cf_remote_text_add(&text, place->prefix);
	cf_remote_text_add(&text, key);
	cf_remote_text_add(&text, "\n\n\n");	/* no stored policy, no addresses */
	cf_remote_text_add(&text, https ? "https" : "");
	cf_remote_text_add(&text, "\n" CF_AZURE_VERSION "\nb\n\n\n\n\n\n\n");	/* no snapshot, scope, or headers of the answer */
	if (!mac_text(account_key, &text, mac, err))
		return false;
	cf_remote_text_add(&result, "sv=" CF_AZURE_VERSION "&st=");
	cf_remote_text_encode(&result, start);
	cf_remote_text_add(&result, "&se=");
	cf_remote_text_encode(&result, expiry);
	cf_remote_text_add(&result, https ? "&sr=b&spr=https&sp=" : "&sr=b&sp=");
	cf_remote_text_add(&result, permissions);
	cf_remote_text_add(&result, "&sig=");
	cf_remote_text_encode(&result, mac);
	if (result.failed)
		return cf_error_set(err, CF_ERR_MEMORY, "out of memory making a SAS");
	*query = result.data;
	return true;
}

/* cf_azure_presign makes a URL that works without our credentials; only an account key can vouch without a request. */
bool
cf_azure_presign(const CfPlace *place, CfArena *arena, const char *method, const char *key, int64_t now_us, int64_t expires_us,
				 char **url, CfError *err)
{
	static const struct
	{
		const char *method;
		const char *permissions;
	}			verbs[] = {{"GET", "r"}, {"HEAD", "r"}, {"PUT", "cw"}, {"DELETE", "d"}};
	CfPlace		bare = *place;
	char	   *query = NULL;

	if (cf_credential(place->credentials, "account_key") == NULL)
	{
		cf_error_set(err, CF_ERR_UNSUPPORTED, "place \"%s\" cannot presign URLs", place->name);
		return cf_error_hint(err, "Only credentials with account_key can: a SAS of one's own would be handed out whole, and "
							 "a token cannot sign.");
	}
	if (expires_us <= now_us)
		return cf_error_set(err, CF_ERR_INPUT, "a presigned URL must expire in the future");
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
	{
		if (strcmp(verbs[i].method, method) != 0)
			continue;
		bare.credentials = NULL;	/* the plain URL, without a SAS of the place */
		if (!cf_azure_sas(place, arena, key, verbs[i].permissions, now_us, expires_us, &query, err))
			return false;
		if ((*url = cf_azure_url(&bare, arena, key, query)) == NULL)
			return cf_error_set(err, CF_ERR_MEMORY, "out of memory presigning a URL");
		return true;
	}
	return cf_error_set(err, CF_ERR_INPUT, "a URL cannot be presigned for method %s", method);
}
