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
#include <stdio.h>
#include <string.h>

#include "storage/azure/azure.h"
#include "storage/identity.h"

#define AUTHORITY "https://login.microsoftonline.com"
#define SCOPE "https://storage.azure.com/.default"
#define WHO "The token service"
#define METADATA_TOKEN "/metadata/identity/oauth2/token?api-version=2018-02-01&resource=https%3A%2F%2Fstorage.azure.com%2F"

static const char *credential(const CfPlace *place, const char *name);
static CfStep ask(CfOp *op);
static const char *secret_of(CfOp *op, const char **parameter);
static CfStep ask_metadata(CfOp *op);
static CfStep refused(CfOp *op);

/* cf_azure_token_wanted: account_key comes before sas_token, and that before a token. */
bool
cf_azure_token_wanted(const CfPlace *place)
{
	return credential(place, "account_key")[0] == '\0' && credential(place, "sas_token")[0] == '\0' &&
		(credential(place, "client_id")[0] != '\0' || cf_identity_source(place)[0] != '\0');
}

/* cf_azure_credentials_check wants an account key that is one, or else all that makes a token. */
bool
cf_azure_credentials_check(const CfPlace *place, CfError *err)
{
	const CfCredentials *given = place->credentials;
	const char *key = cf_credential(given, "account_key");
	const char *missing = NULL;

	if (key != NULL)
		return cf_azure_account_key_check(place, key, err);
	if (cf_credential(given, "sas_token") != NULL)
		return true;
	if (cf_credential(given, "tenant_id") == NULL)
		missing = "tenant_id";
	else if (cf_credential(given, "client_id") == NULL)
		missing = "client_id";
	else if (cf_credential(given, "client_secret") == NULL && cf_credential(given, "federated_token") == NULL)
		missing = "client_secret";
	if (missing == NULL)
		return true;
	cf_error_set(err, CF_ERR_INPUT, "credentials of place \"%s\" are not complete", place->name);
	cf_error_detail(err, "%s is missing.", missing);
	return cf_error_hint(err, "They are account_key; or sas_token; or tenant_id, client_id and client_secret (or federated_token).");
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
	cf_remote_text_format(&url, "%.*s/", (int) authority_bytes, authority);
	cf_remote_text_encode(&url, credential(place, "tenant_id"));
	cf_remote_text_add(&url, "/oauth2/v2.0/token");
	if (cf_identity_request(op, "POST", "GetToken", cf_remote_text_end(&url), false) == NULL ||
		(secret = secret_of(op, &parameter)) == NULL)
		return cf_remote_error(op);
	cf_remote_text_add(&body, "grant_type=client_credentials&scope=");
	cf_remote_text_encode(&body, SCOPE);
	cf_remote_text_add(&body, "&client_id=");
	cf_remote_text_encode(&body, credential(place, "client_id"));
	cf_remote_text_add(&body, parameter);
	cf_remote_text_encode(&body, secret);
	return cf_identity_post(op, CF_IDENTITY_FORM, cf_remote_text_end(&body), CF_REMOTE_ASKED);
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
	const char *client = credential(op->place, "client_id");
	CfRemoteText path = {.arena = op->arena};
	CfRequest  *request;

	cf_remote_text_add(&path, METADATA_TOKEN);
	if (client[0] != '\0')
		cf_remote_text_add(&path, "&client_id=");
	cf_remote_text_encode(&path, client);
	request = cf_identity_metadata(op, "GET", "GetMetadataToken", cf_remote_text_end(&path));
	if (request == NULL || !cf_net_header(request, "Metadata", "true", &op->err))
		return cf_remote_error(op);
	return cf_remote_send(op, CF_REMOTE_ASKED);
}

/* refused tells why there is no token: the codes of the service, and nothing else of its answer. */
static CfStep
refused(CfOp *op)
{
	json_t	   *answer = cf_identity_json(op);
	const char *text = cf_json_text(answer, "error_description");
	char		code[32] = "";

	if (strncmp(text, "AADSTS", 6) == 0)
	{
		snprintf(code, sizeof(code), "%.24s", text);
		cf_remote_harmless(code, "");
	}
	cf_identity_refused(op, WHO, cf_json_text(answer, "error"), code);
	json_decref(answer);
	if (op->err.kind == CF_ERR_DENIED && op->request.metadata_service)
		cf_error_hint(&op->err, "The source managed_identity works on machines of Azure that have an identity; one of several is chosen by "
					  "the option identity_client_id.");
	else if (op->err.kind == CF_ERR_DENIED && cf_identity_source(op->place)[0] != '\0')
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
	if (op->phase == CF_REMOTE_START)
		return ask(op);
	return op->response.status == 200 ? cf_identity_oauth(op, WHO, CF_IDENTITY_LIFE_MAX_S) : refused(op);
}
