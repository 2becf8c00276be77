/*
 * gcs_sign.c
 *		Authorisation of a request (a bearer token in a header), and signed URLs for readers who have none.
 *
 * A signed URL is V4, GOOG4-RSA-SHA256: the private key of the service account signs method, path, query and host; the body
 * is not part of it. It is made here, no request is sent; so it cannot be told whether the account may read the object. Who has
 * no private key (a fixed token, the metadata server) cannot sign. The URL is path style, https://HOST/BUCKET/KEY, because
 * a bucket with dots in its name has no valid certificate as a host.
 */
#include <stdio.h>
#include <string.h>

#include "storage/gcs/gcs.h"

#define EXPIRES_MAX_S 604800	/* seven days, by the scheme */
#define SIGNATURE_BYTES 1024	/* RSA keys of up to 8,192 bits */

static bool sign_url(const CfPlace *place, CfArena *arena, const json_t *key, const char *url_start,
					 const char *canonical, const char *query, const char *date, const char *scope, char **url,
					 CfError *err);

/* cf_gcs_sign adds the bearer token; a place without credentials is read as anybody. */
bool
cf_gcs_sign(CfRequest *request, void *ctx, CfArena *arena, int64_t now_us, CfError *err)
{
	const CfOp *op = ctx;
	const CfPlace *place = op->place;
	const char *token = cf_credential(place->credentials, "access_token");
	char	   *header;
	bool		added;

	(void) now_us;
	if (token == NULL && place->token != NULL)
		token = place->token->value;
	if (token == NULL || token[0] == '\0')
		return true;
	header = cf_remote_format(arena, "Bearer %s", token);
	if (header == NULL)
		return cf_error_set(err, CF_ERR_MEMORY, "out of memory for a request to place \"%s\"", place->name);
	added = cf_net_header(request, "Authorization", header, err);
	return added;
}

bool
cf_gcs_presign(const CfPlace *place, CfArena *arena, const char *method, const char *key_name, int64_t now_us,
			   int64_t expires_us, char **url, CfError *err)
{
	const char *project = cf_storage_option(place, "user_project");
	const char *endpoint = cf_gcs_endpoint(place);
	int64_t		seconds = (expires_us - now_us + 999999) / 1000000;
	char	   *name = cf_remote_format(arena, "%s%s", place->prefix, key_name);
	char	   *encoded = name == NULL ? NULL : cf_url_encode(arena, name, strlen(name), true);
	json_t	   *key = NULL;
	char	   *account = NULL;
	char	   *query = NULL;
	char	   *canonical = NULL;
	char	   *start = NULL;
	char		date[40];
	char		scope[64];
	CfUrl		parts;
	bool		good;

	if (seconds < 1 || seconds > EXPIRES_MAX_S)
		return cf_error_set(err, CF_ERR_INPUT, "a signed URL of place \"%s\" works for 1 second to 7 days", place->name);
	if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0 && strcmp(method, "PUT") != 0 &&
		strcmp(method, "DELETE") != 0)
		return cf_error_set(err, CF_ERR_INPUT, "a URL cannot be signed for method %.16s", method);
	if (!cf_url_split(endpoint, &parts, err) || !cf_gcs_key_read(place, &key, err))
		return false;
	cf_remote_time_write(now_us, CF_REMOTE_BASIC, date);
	snprintf(scope, sizeof(scope), "%.8s/auto/storage/goog4_request", date);
	account = cf_remote_format(arena, "%s/%s", cf_json_text(key, "client_email"), scope);
	account = account == NULL ? NULL : cf_url_encode(arena, account, strlen(account), false);
	if (account != NULL)
		query = cf_remote_format(arena, "X-Goog-Algorithm=GOOG4-RSA-SHA256&X-Goog-Credential=%s&X-Goog-Date=%s"
							  "&X-Goog-Expires=%lld&X-Goog-SignedHeaders=host%s%s", account, date, (long long) seconds,
							  project[0] == '\0' ? "" : "&userProject=", project);
	if (query != NULL && encoded != NULL)
	{
		bool		six = strchr(parts.host, ':') != NULL;
		char		port[16] = "";

		if (!parts.default_port)
			snprintf(port, sizeof(port), ":%d", parts.port);
		start = cf_remote_format(arena, "http%s://%s%s%s%s/%s/%s", parts.https ? "s" : "", six ? "[" : "", parts.host,
							  six ? "]" : "", port, place->bucket, encoded);
		canonical = cf_remote_format(arena, "%s\n/%s/%s\n%s\nhost:%s%s%s%s\n\nhost\nUNSIGNED-PAYLOAD", method, place->bucket,
								  encoded, query, six ? "[" : "", parts.host, six ? "]" : "", port);
	}
	good = sign_url(place, arena, key, start, canonical, query, date, scope, url, err);
	json_decref(key);
	return good;
}

/* sign_url signs the canonical request and puts the URL together. */
static bool
sign_url(const CfPlace *place, CfArena *arena, const json_t *key, const char *url_start, const char *canonical,
		 const char *query, const char *date, const char *scope, char **url, CfError *err)
{
	uint8_t		signature[SIGNATURE_BYTES];
	size_t		signature_bytes = sizeof(signature);
	uint8_t		digest[32];
	char		hex[CF_HEX_BYTES(SIGNATURE_BYTES)];
	char	   *text = NULL;

	if (url_start != NULL && canonical != NULL && cf_sha256(canonical, strlen(canonical), digest))
	{
		cf_hex_encode(digest, sizeof(digest), hex);
		text = cf_remote_format(arena, "GOOG4-RSA-SHA256\n%s\n%s\n%s", date, scope, hex);
	}
	if (text == NULL)
		return cf_error_set(err, CF_ERR_MEMORY, "out of memory for a signed URL of place \"%s\"", place->name);
	if (!cf_rsa_sha256_sign(cf_json_text(key, "private_key"), text, strlen(text), signature, &signature_bytes))
	{
		cf_error_set(err, CF_ERR_DENIED, "the private key of place \"%s\" cannot sign", place->name);
		return cf_error_hint(err, "The credential service_account_key is the JSON text of a key that Google made.");
	}
	cf_hex_encode(signature, signature_bytes, hex);
	*url = cf_remote_format(arena, "%s?%s&X-Goog-Signature=%s", url_start, query, hex);
	if (*url == NULL)
		return cf_error_set(err, CF_ERR_MEMORY, "out of memory for a signed URL of place \"%s\"", place->name);
	return true;
}
