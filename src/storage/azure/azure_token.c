/*
 * azure_token.c
 *		Access tokens from Microsoft Entra ID: a client secret, or the token of a workload that Entra trusts.
 *
 * One POST to <authority>/<tenant>/oauth2/v2.0/token; the answer is JSON. The request's body and the answer's token are
 * secrets: neither reaches an error, which tells the service's code alone (invalid_client, AADSTS7000215).
 */
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "core/clock.h"
#include "storage/azure/azure.h"

#define AUTHORITY "https://login.microsoftonline.com"
#define SCOPE "https://storage.azure.com/.default"
#define ASSERTION_TYPE "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
#define ANSWER_MAX (64 * 1024)
#define LIFETIME_MAX (7 * 86400)
#define SPARE_US INT64_C(60000000)

static const char *credential(const CfPlace *place, const char *name);
static CfNetVerdict token_classify(const CfRequest *request, const CfResponse *response, void *ctx);
static CfStep token_refused(CfOp *op, const CfPlace *place);

/* cf_azure_token_wanted: account_key comes before sas_token, and that before a token. */
bool
cf_azure_token_wanted(const CfPlace *place)
{
	return credential(place, "account_key")[0] == '\0' && credential(place, "sas_token")[0] == '\0' &&
		credential(place, "client_id")[0] != '\0';
}

bool
cf_azure_token_fresh(const CfPlace *place)
{
	return place->token != NULL && place->token->expires_us > cf_clock_now_us() + SPARE_US;
}

static const char *
credential(const CfPlace *place, const char *name)
{
	const char *value = cf_credential(place->credentials, name);

	return value == NULL ? "" : value;
}

/* cf_azure_token_ask builds the request for a token of place, which may be the source of a copy. */
CfStep
cf_azure_token_ask(CfOp *op, const CfPlace *place, int phase)
{
	const char *authority = cf_storage_option(place, "authority");
	const char *secret = credential(place, "client_secret");
	const char *assertion = credential(place, "federated_token");
	CfRequest  *request = cf_storage_op_request(op, "POST", "GetToken");
	CfAzureText url = {.arena = &op->request_arena};
	CfAzureText body = {.arena = &op->request_arena};
	size_t		authority_bytes;

	if (credential(place, "tenant_id")[0] == '\0' || (secret[0] == '\0' && assertion[0] == '\0'))
	{
		cf_error_set(&op->err, CF_ERR_DENIED, "credentials of place \"%s\" are not complete", place->name);
		cf_error_hint(&op->err, "Set account_key, or sas_token, or tenant_id, client_id and client_secret.");
		return cf_azure_error(op);
	}
	if (authority[0] == '\0')
		authority = AUTHORITY;
	authority_bytes = strlen(authority);
	while (authority_bytes > 0 && authority[authority_bytes - 1] == '/')
		authority_bytes--;
	cf_azure_text_add_bytes(&url, authority, authority_bytes);
	cf_azure_text_add(&url, "/");
	cf_azure_text_encode(&url, credential(place, "tenant_id"));
	cf_azure_text_add(&url, "/oauth2/v2.0/token");
	cf_azure_text_add(&body, "grant_type=client_credentials&scope=");
	cf_azure_text_encode(&body, SCOPE);
	cf_azure_text_add(&body, "&client_id=");
	cf_azure_text_encode(&body, credential(place, "client_id"));
	if (secret[0] != '\0')
		cf_azure_text_add(&body, "&client_secret=");
	else
	{
		cf_azure_text_add(&body, "&client_assertion_type=");
		cf_azure_text_encode(&body, ASSERTION_TYPE);
		cf_azure_text_add(&body, "&client_assertion=");
	}
	cf_azure_text_encode(&body, secret[0] != '\0' ? secret : assertion);
	if (url.failed || body.failed)
		return cf_azure_memory(op);
	request->url = url.data;
	request->body = body.data;
	request->body_bytes = body.length;
	request->answer_max = ANSWER_MAX;
	request->classify = token_classify;
	request->ctx = op;
	if (!cf_net_header(request, "Content-Type", "application/x-www-form-urlencoded", &op->err))
		return cf_azure_error(op);
	return cf_azure_send(op, phase);
}

static CfNetVerdict
token_classify(const CfRequest *request, const CfResponse *response, void *ctx)
{
	(void) request;
	(void) ctx;
	if (response->status == 429)
		return CF_NET_SLOW_DOWN;
	if (response->truncated || response->status == 408 || response->status >= 500)
		return CF_NET_RETRY;
	return CF_NET_FINAL;
}

/* cf_azure_token_take reads the answer into place->token; false = op->err tells. */
bool
cf_azure_token_take(CfOp *op, const CfPlace *place)
{
	json_t	   *root;
	const char *token;
	json_t	   *lifetime;
	int64_t		seconds = 0;
	bool		taken = false;

	if (op->response.status != 200)
		return token_refused(op, place), false;
	root = json_loadb(op->response.body, op->response.body_bytes, 0, NULL);
	token = json_string_value(json_object_get(root, "access_token"));
	lifetime = json_object_get(root, "expires_in");
	if (json_is_integer(lifetime))
		seconds = json_integer_value(lifetime);
	else if (json_is_string(lifetime) && !cf_azure_number(json_string_value(lifetime), INT32_MAX, &seconds))
		seconds = 0;
	if (token == NULL || token[0] == '\0' || strlen(token) >= sizeof(place->token->value) || strpbrk(token, "\r\n") != NULL || seconds <= 0)
		cf_error_set(&op->err, CF_ERR_IO, "answer of the token service of place \"%s\" is not what was expected", place->name);
	else
	{
		snprintf(place->token->value, sizeof(place->token->value), "%s", token);
		place->token->expires_us = cf_clock_now_us() + (seconds < LIFETIME_MAX ? seconds : LIFETIME_MAX) * INT64_C(1000000);
		taken = true;
	}
	json_decref(root);
	return taken;
}

/* token_refused tells why there is no token: the codes of the service, and nothing else of its answer. */
static CfStep
token_refused(CfOp *op, const CfPlace *place)
{
	const CfResponse *response = &op->response;
	json_t	   *root = NULL;
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
		return CF_STEP_ERROR;
	}
	root = json_loadb(response->body, response->body_bytes, 0, NULL);
	code = json_string_value(json_object_get(root, "error"));
	text = json_string_value(json_object_get(root, "error_description"));
	if (code != NULL && (length = strspn(code, "abcdefghijklmnopqrstuvwxyz_")) > 0)
		snprintf(shown, sizeof(shown), " %.*s", (int) (length < 40 ? length : 40), code);
	if (text != NULL && strncmp(text, "AADSTS", 6) == 0)
		snprintf(aadsts, sizeof(aadsts), " AADSTS%.*s", (int) (strspn(text + 6, "0123456789") < 16 ? strspn(text + 6, "0123456789") : 16), text + 6);
	json_decref(root);
	cf_error_set(&op->err, response->status >= 500 || response->status == 429 ? CF_ERR_IO : CF_ERR_DENIED,
				 "could not obtain a token for place \"%s\": HTTP %d%s%s", place->name, response->status, shown, aadsts);
	if (op->err.kind == CF_ERR_DENIED)
		cf_error_hint(&op->err, "Look at tenant_id, client_id and client_secret: a secret may have expired.");
	return CF_STEP_ERROR;
}

CfStep
cf_azure_credential_next(CfOp *op)
{
	if (!cf_azure_token_wanted(op->place) || op->place->token == NULL)
		return cf_azure_done(op);
	if (op->phase == AZURE_START)
		return cf_azure_token_ask(op, op->place, AZURE_ASKED);
	if (!cf_azure_token_take(op, op->place))
		return cf_azure_error(op);
	return cf_azure_done(op);
}
