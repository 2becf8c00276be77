/*
 * azure_token.c
 *		Access tokens from Microsoft Entra ID: a client secret, the token of a workload that Entra trusts, or the identity that
 *		Azure gave the machine.
 *
 * The first two are one POST to <authority>/<tenant>/oauth2/v2.0/token; a workload's token (source web_identity) is read from its file
 * each time, since the platform renews it. The machine's (source managed_identity) is a GET at the instance metadata
 * service, whose fixed link-local address the guard of `net` opens to such requests alone. All answer in JSON. The
 * request's body and the answer's token are secrets: neither reaches an error, which tells the service's code alone
 * (invalid_client, AADSTS7000215). Both are wiped when they were used.
 */
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "core/clock.h"
#include "storage/azure/azure.h"
#include "storage/identity.h"

#define AUTHORITY "https://login.microsoftonline.com"
#define SCOPE "https://storage.azure.com/.default"
#define METADATA "http://169.254.169.254"
#define METADATA_TOKEN "/metadata/identity/oauth2/token?api-version=2018-02-01&resource=https%3A%2F%2Fstorage.azure.com%2F"

static const char *credential(const CfPlace *place, const char *name);
static CfStep ask(CfOp *op);
static const char *secret_of(CfOp *op, const char **parameter);
static CfStep ask_metadata(CfOp *op);
static bool take(CfOp *op);
static CfStep token_refused(CfOp *op);

/* cf_azure_token_wanted: account_key comes before sas_token, and that before a token. */
bool
cf_azure_token_wanted(const CfPlace *place)
{
	return credential(place, "account_key")[0] == '\0' && credential(place, "sas_token")[0] == '\0' &&
		(credential(place, "client_id")[0] != '\0' || cf_identity_source(place)[0] != '\0');
}

/* credential gives a sealed credential, or what the place's source knows under that name. */
static const char *
credential(const CfPlace *place, const char *name)
{
	const char *value = cf_credential(place->credentials, name);

	return value == NULL ? cf_identity_value(place, name) : value;
}

/* ask builds the request for a token. */
static CfStep
ask(CfOp *op)
{
	const CfPlace *place = op->place;
	const char *authority = cf_identity_value(place, "authority");
	CfRemoteText url = {.arena = op->arena};
	CfRemoteText body = {.arena = &op->request_arena};
	CfRequest  *request;
	const char *parameter;
	const char *secret;
	size_t		authority_bytes;

	if (strcmp(cf_identity_source(place), "managed_identity") == 0)
		return ask_metadata(op);
	if (authority[0] == '\0')
		authority = cf_storage_option(place, "authority");
	if (authority[0] == '\0')
		authority = AUTHORITY;
	authority_bytes = strlen(authority);
	while (authority_bytes > 0 && authority[authority_bytes - 1] == '/')
		authority_bytes--;
	cf_remote_text_add_bytes(&url, authority, authority_bytes);
	cf_remote_text_add(&url, "/");
	cf_remote_text_encode(&url, credential(place, "tenant_id"));
	cf_remote_text_add(&url, "/oauth2/v2.0/token");
	if (url.failed)
		return cf_remote_memory(op);
	request = cf_identity_request(op, "POST", "GetToken", url.data, false);
	if (request == NULL || (secret = secret_of(op, &parameter)) == NULL)
		return cf_remote_error(op);
	cf_remote_text_add(&body, "grant_type=client_credentials&scope=");
	cf_remote_text_encode(&body, SCOPE);
	cf_remote_text_add(&body, "&client_id=");
	cf_remote_text_encode(&body, credential(place, "client_id"));
	cf_remote_text_add(&body, parameter);
	cf_remote_text_encode(&body, secret);
	if (body.failed)
		return cf_remote_memory(op);
	request->body = body.data;
	request->body_bytes = body.length;
	if (!cf_net_header(request, "Content-Type", "application/x-www-form-urlencoded", &op->err))
		return cf_remote_error(op);
	return cf_remote_send(op, AZURE_ASKED);
}

/* secret_of gives what proves who we are, and the parameters that it is sent as; NULL = op->err tells why not. */
static const char *
secret_of(CfOp *op, const char **parameter)
{
	const CfPlace *place = op->place;
	const char *secret = credential(place, "client_secret");
	const char *assertion = credential(place, "federated_token");
	const char *file = cf_identity_value(place, "token_file");
	char	   *token;

	*parameter = secret[0] != '\0' ? "&client_secret=" :
		"&client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer&client_assertion=";
	if (credential(place, "tenant_id")[0] != '\0' && credential(place, "client_id")[0] != '\0')
	{
		if (secret[0] != '\0' || assertion[0] != '\0')
			return secret[0] != '\0' ? secret : assertion;
		if (file[0] != '\0')
			return cf_identity_token(place, file, &op->request_arena, &token, &op->err) ? token : NULL;
	}
	cf_error_set(&op->err, CF_ERR_DENIED, "credentials of place \"%s\" are not complete", place->name);
	if (cf_identity_source(place)[0] != '\0')
		cf_error_hint(&op->err, "The source web_identity needs AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_FEDERATED_TOKEN_FILE in the "
					  "server's environment, or the options identity_tenant_id, identity_client_id and web_identity_token_file.");
	else
		cf_error_hint(&op->err, "Set account_key, or sas_token, or tenant_id, client_id and client_secret.");
	return NULL;
}

/* ask_metadata asks the machine for a token of its identity, or of the one of client_id where it has several. */
static CfStep
ask_metadata(CfOp *op)
{
	const CfPlace *place = op->place;
	const char *endpoint = cf_identity_value(place, "metadata_endpoint");
	CfRemoteText url = {.arena = op->arena};
	CfRequest  *request;

	if (endpoint[0] == '\0')
		endpoint = METADATA;
	if (!cf_identity_endpoint(place, endpoint, &op->err))
		return cf_remote_error(op);
	cf_remote_text_add_bytes(&url, endpoint, strlen(endpoint) - (endpoint[strlen(endpoint) - 1] == '/'));
	cf_remote_text_add(&url, METADATA_TOKEN);
	if (credential(place, "client_id")[0] != '\0')
	{
		cf_remote_text_add(&url, "&client_id=");
		cf_remote_text_encode(&url, credential(place, "client_id"));
	}
	if (url.failed)
		return cf_remote_memory(op);
	request = cf_identity_request(op, "GET", "GetMetadataToken", url.data, true);
	if (request == NULL || !cf_net_header(request, "Metadata", "true", &op->err))
		return cf_remote_error(op);
	return cf_remote_send(op, AZURE_ASKED);
}

/* take reads the answer into the place's token; false = op->err tells. */
static bool
take(CfOp *op)
{
	json_t	   *answer;
	const char *token;
	int64_t		seconds;
	bool		taken;

	if (op->response.status != 200)
		return token_refused(op), false;
	answer = cf_identity_json(op);
	token = cf_json_text(answer, "access_token");
	taken = strpbrk(token, "\r\n") == NULL && cf_identity_seconds(json_object_get(answer, "expires_in"), &seconds) &&
		cf_identity_keep(op, token, cf_clock_now_us() + seconds * INT64_C(1000000));
	if (!taken)
	{
		cf_error_set(&op->err, CF_ERR_IO, "answer of the token service of place \"%s\" is not what was expected", op->place->name);
		cf_identity_wipe(op);
	}
	json_decref(answer);
	return taken;
}

/* token_refused tells why there is no token: the codes of the service, and nothing else of its answer. */
static CfStep
token_refused(CfOp *op)
{
	const CfPlace *place = op->place;
	const CfResponse *response = &op->response;
	json_t	   *answer;
	const char *code;
	const char *text;
	char		shown[64] = "";
	char		aadsts[32] = "";
	size_t		length;

	if (response->status == 0)
	{
		cf_error_set(&op->err, response->err.kind == CF_ERR_NONE ? CF_ERR_IO : response->err.kind,
					 "could not obtain a token for place \"%s\"", place->name);
		op->err.retryable = response->err.retryable;
		if (response->err.message[0] != '\0')
			cf_error_detail(&op->err, "%s.", response->err.message);
		cf_identity_wipe(op);
		return CF_STEP_ERROR;
	}
	answer = cf_identity_json(op);
	code = cf_json_text(answer, "error");
	text = cf_json_text(answer, "error_description");
	if ((length = strspn(code, "abcdefghijklmnopqrstuvwxyz_")) > 0)
		snprintf(shown, sizeof(shown), " %.*s", (int) (length < 40 ? length : 40), code);
	if (strncmp(text, "AADSTS", 6) == 0)
		snprintf(aadsts, sizeof(aadsts), " AADSTS%.*s", (int) (strspn(text + 6, "0123456789") < 16 ? strspn(text + 6, "0123456789") : 16), text + 6);
	json_decref(answer);
	cf_identity_wipe(op);
	cf_error_set(&op->err, response->status >= 500 || response->status == 429 ? CF_ERR_IO : CF_ERR_DENIED,
				 "could not obtain a token for place \"%s\": HTTP %d%s%s", place->name, response->status, shown, aadsts);
	if (response->status >= 300 && response->status < 400)
		cf_error_detail(&op->err, "The token service answered with a redirect, which is not followed.");
	if (op->request.metadata_service && op->err.kind == CF_ERR_DENIED)
		cf_error_hint(&op->err, "The source managed_identity works on machines of Azure that have an identity; one of several is chosen by "
					  "the option identity_client_id.");
	else if (op->err.kind == CF_ERR_DENIED && cf_identity_source(place)[0] != '\0')
		cf_error_hint(&op->err, "Look at the federated credential of the application: issuer, subject and audience must be those of the token.");
	else if (op->err.kind == CF_ERR_DENIED)
		cf_error_hint(&op->err, "Look at tenant_id, client_id and client_secret: a secret may have expired.");
	return CF_STEP_ERROR;
}

CfStep
cf_azure_credential_next(CfOp *op)
{
	if (!cf_azure_token_wanted(op->place) || op->place->token == NULL)
		return cf_remote_done(op);
	if (op->phase == AZURE_START)
		return ask(op);
	if (!take(op))
		return cf_remote_error(op);
	return cf_remote_done(op);
}
