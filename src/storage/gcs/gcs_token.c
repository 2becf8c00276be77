/*
 * gcs_token.c
 *		Where the access token of a place comes from.
 *
 * With the credential service_account_key, the JSON text of a service account's key, we sign a short-lived JWT (RS256) and
 * exchange it at the key's token_uri (RFC 7523). With the source metadata_server the token is that of the machine the server runs
 * on (Compute Engine, or GKE with workload identity), with web_identity it comes from gcs_federation.c; whoever may choose a
 * source lends out the server's identity. A fixed access_token is used as it is, and without any credential requests go out
 * unsigned, for emulators and public buckets; both need no exchange.
 *
 * The token goes into place->token, which all openings of the place in this process share. The JWT and the answer are wiped
 * as soon as they were used; the engine redacts what it logs.
 */
#include <string.h>

#include "core/clock.h"
#include "storage/gcs/gcs.h"
#include "storage/identity.h"

#define TOKEN_URI "https://oauth2.googleapis.com/token"
#define METADATA_TOKEN "/computeMetadata/v1/instance/service-accounts/default/token?scopes="
#define GRANT "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion="
#define JWT_SECONDS 3600
#define SIGNATURE_BYTES 1024
#define TOKEN_SECONDS_MAX 86400
#define SKEW_US INT64_C(60000000)	/* clocks that are nearer than this are not why a JWT is refused */

enum
{
	TOKEN_BEGIN,
	TOKEN_ASKED,
	TOKEN_CORRECTED				/* asked again, with the endpoint's time in the JWT */
};

static CfStep ask_metadata(CfOp *op);
static CfStep answered(CfOp *op);
static CfStep ask_key(CfOp *op, int phase, int64_t now_us);
static bool token_uri_check(CfOp *op, const char *token_uri);
static char *jwt_make(CfOp *op, const json_t *key, const char *token_uri, int64_t now_s);
static char *jwt_part(CfArena *arena, json_t *value);
static CfStep refused(CfOp *op, const char *who);

CfStep
cf_gcs_credential_next(CfOp *op)
{
	if (strcmp(cf_identity_source(op->place), "web_identity") == 0)
		return cf_gcs_federation(op);
	if (op->phase != TOKEN_BEGIN)
		return answered(op);
	if (cf_credential(op->place->credentials, "access_token") != NULL)
		return CF_STEP_DONE;
	if (cf_credential(op->place->credentials, "service_account_key") != NULL)
		return ask_key(op, TOKEN_ASKED, cf_clock_now_us());
	if (strcmp(cf_identity_source(op->place), "metadata_server") == 0)
		return ask_metadata(op);
	return CF_STEP_DONE;
}

/* ask_metadata asks the machine for its own token. */
static CfStep
ask_metadata(CfOp *op)
{
	CfRequest  *request = cf_identity_metadata(op, "GET", "metadata.token", METADATA_TOKEN CF_GCS_SCOPE);

	if (request == NULL || !cf_net_header(request, "Metadata-Flavor", "Google", &op->err))
		return cf_remote_error(op);
	return cf_remote_send(op, TOKEN_ASKED);
}

/* ask_key exchanges a JWT that was signed at now_us for a token. */
static CfStep
ask_key(CfOp *op, int phase, int64_t now_us)
{
	const char *token_uri;
	json_t	   *key;
	char	   *jwt;
	char	   *body;

	if (!cf_gcs_key_read(op->place, &key, &op->err))
		return cf_remote_error(op);
	token_uri = cf_json_text(key, "token_uri");
	if (token_uri[0] == '\0')
		token_uri = TOKEN_URI;
	jwt = token_uri_check(op, token_uri) && cf_identity_request(op, "POST", "oauth2.token", token_uri, false) != NULL ?
		jwt_make(op, key, token_uri, now_us / 1000000) : NULL;
	json_decref(key);
	if (jwt == NULL)
		return cf_remote_error(op);
	body = cf_remote_format(&op->request_arena, "%s%s", GRANT, jwt);
	explicit_bzero(jwt, strlen(jwt));
	return cf_identity_post(op, CF_IDENTITY_FORM, body, phase);
}

static bool
token_uri_check(CfOp *op, const char *token_uri)
{
	if (cf_gcs_service_allowed(op->place, token_uri))
		return true;
	cf_remote_fails(op, CF_ERR_INPUT, "the token_uri in the key of place \"%s\" is not https", op->place->name);
	return cf_error_hint(&op->err, "A key that Google made names " TOKEN_URI ".");
}

/*
 * cf_gcs_service_allowed takes https only for what obtains a token; plain http where the place itself is spoken to so, which is for
 * emulators. Where such an address may lie is for the guard of net to say, as for any other.
 */
bool
cf_gcs_service_allowed(const CfPlace *place, const char *url)
{
	CfError		ignored;
	CfUrl		parts;
	CfUrl		endpoint;

	return strlen(url) <= 1024 && cf_url_split(url, &parts, &ignored) &&
		(parts.https || (cf_url_split(cf_gcs_endpoint(place), &endpoint, &ignored) && !endpoint.https));
}

/* jwt_make makes the assertion (RFC 7519, RS256); NULL = failed, told in op->err. */
static char *
jwt_make(CfOp *op, const json_t *key, const char *token_uri, int64_t now_s)
{
	CfArena    *arena = &op->request_arena;
	const char *id = cf_json_text(key, "private_key_id");
	char	   *header = jwt_part(arena, json_pack("{s:s, s:s, s:s*}", "alg", "RS256", "typ", "JWT", "kid",
												   id[0] == '\0' ? NULL : id));
	char	   *claims = jwt_part(arena, json_pack("{s:s, s:s, s:s, s:I, s:I}", "iss", cf_json_text(key, "client_email"),
												   "scope", CF_GCS_SCOPE, "aud", token_uri, "iat", (json_int_t) now_s,
												   "exp", (json_int_t) (now_s + JWT_SECONDS)));
	char	   *text = header == NULL || claims == NULL ? NULL : cf_remote_format(arena, "%s.%s", header, claims);
	uint8_t		signature[SIGNATURE_BYTES];
	size_t		length = sizeof(signature);
	char		encoded[CF_BASE64_BYTES(SIGNATURE_BYTES)];
	char	   *jwt;

	if (text == NULL)
	{
		cf_remote_memory(op);
		return NULL;
	}
	if (!cf_rsa_sha256_sign(cf_json_text(key, "private_key"), text, strlen(text), signature, &length))
	{
		cf_remote_fails(op, CF_ERR_DENIED, "the private key of place \"%s\" cannot sign", op->place->name);
		cf_error_hint(&op->err, "The credential service_account_key is the JSON text of a key that Google made.");
		return NULL;
	}
	cf_base64url_encode(signature, length, encoded);
	jwt = cf_remote_format(arena, "%s.%s", text, encoded);
	if (jwt == NULL)
		cf_remote_memory(op);
	return jwt;
}

/* jwt_part encodes one JSON object, which it takes over; NULL = out of memory. */
static char *
jwt_part(CfArena *arena, json_t *value)
{
	char		text[8192];
	size_t		length = value == NULL ? 0 : json_dumpb(value, text, sizeof(text), JSON_COMPACT);
	char	   *encoded = length == 0 || length > sizeof(text) ? NULL : cf_arena_alloc(arena, CF_BASE64_BYTES(length));

	if (encoded != NULL)
		cf_base64url_encode(text, length, encoded);
	json_decref(value);
	return encoded;
}

/* cf_gcs_key_read takes the service account's key apart; the caller gives it back. */
bool
cf_gcs_key_read(const CfPlace *place, json_t **key, CfError *err)
{
	const char *text = cf_credential(place->credentials, "service_account_key");
	bool		federated;

	if (text == NULL)
	{
		cf_error_set(err, CF_ERR_UNSUPPORTED, "place \"%s\" cannot sign URLs", place->name);
		return cf_error_hint(err, "That takes the key of a service account, the credential service_account_key.");
	}
	*key = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	if (*key != NULL && cf_json_text(*key, "client_email")[0] != '\0' && cf_json_text(*key, "private_key")[0] != '\0')
		return true;
	federated = strcmp(cf_json_text(*key, "type"), "external_account") == 0;
	json_decref(*key);
	cf_error_set(err, CF_ERR_INPUT, "the credential service_account_key of place \"%s\" is not a service account's key",
				 place->name);
	cf_error_detail(err, "It is not JSON, or has no client_email or private_key.");
	if (federated)
		return cf_error_hint(err, "It is the configuration of a workload identity: use the option credential_source 'web_identity'.");
	return cf_error_hint(err, "It is the JSON text that Google gives out once, with client_email and private_key.");
}

/* cf_gcs_credentials_check looks into a service account's key: all that it is needed for must be there, and fit to sign with. */
bool
cf_gcs_credentials_check(const CfPlace *place, CfError *err)
{
	const char *token_uri;
	json_t	   *key;
	bool		signs;
	bool		safe;

	if (cf_credential(place->credentials, "service_account_key") == NULL)
		return true;
	if (!cf_gcs_key_read(place, &key, err))
		return false;
	token_uri = cf_json_text(key, "token_uri");
	signs = cf_rsa_key_valid(cf_json_text(key, "private_key"));
	safe = token_uri[0] == '\0' || cf_gcs_service_allowed(place, token_uri);
	json_decref(key);
	if (signs && safe)
		return true;
	cf_error_set(err, CF_ERR_INPUT, "the credential service_account_key of place \"%s\" is not a service account's key", place->name);
	cf_error_detail(err, "%s", signs ? "Its token_uri is not https." : "Its private_key is not an RSA key in PEM, with its line breaks.");
	return cf_error_hint(err, "It is the JSON text that Google gives out once; take the file as it is: {\"service_account_key\": {\"file\": \"/path\"}}.");
}

/* answered takes the token, from the metadata server only where it says that it is Google's. */
static CfStep
answered(CfOp *op)
{
	const char *who = op->request.metadata_service ? "The metadata server" : "The token endpoint";

	if (op->response.status != 200)
		return refused(op, who);
	if (op->request.metadata_service && strcmp(cf_net_answer(&op->response, "metadata-flavor"), "Google") != 0)
		return cf_identity_fails(op, CF_ERR_IO, "%s is not Google's.", who);
	return cf_identity_oauth(op, who, TOKEN_SECONDS_MAX);
}

/*
 * refused tells why there is no token: the endpoint's own words, which hold no secret. A JWT that is refused while our clock and
 * the endpoint's differ is made once more, with its time.
 */
static CfStep
refused(CfOp *op, const char *who)
{
	int			status = op->response.status;
	int64_t		now_us = cf_clock_now_us();
	json_t	   *answer;
	int64_t		date_us;

	if (op->phase == TOKEN_ASKED && status == 400 && !op->request.metadata_service &&
		cf_net_date(cf_net_answer(&op->response, "date"), &date_us) &&
		(date_us > now_us + SKEW_US || date_us < now_us - SKEW_US))
	{
		cf_identity_wipe(op);
		return ask_key(op, TOKEN_CORRECTED, date_us);
	}
	answer = cf_identity_json(op);
	cf_identity_refused(op, who, cf_json_text(answer, "error"), cf_json_text(answer, "error_description"));
	if (strcmp(cf_json_text(answer, "error"), "invalid_grant") == 0)
		cf_error_hint(&op->err, "The key was deleted, its account is disabled, or the clock of this machine is wrong.");
	else if (op->request.metadata_service && status == 404)
		cf_error_hint(&op->err, "This machine has no service account.");
	json_decref(answer);
	return CF_STEP_ERROR;
}
