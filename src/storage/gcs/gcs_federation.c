/*
 * gcs_federation.c
 *		Workload identity federation: a token that another platform mounts into the server's file system is exchanged for one of
 *		Google, and that, where the configuration says so, for one of a service account.
 *
 * The configuration is the JSON file of type external_account that `gcloud iam workload-identity-pools create-cred-config` writes;
 * it holds no secret, names two services of Google and the file with the token. Both files are read for every exchange.
 * One POST to token_url (RFC 8693), then perhaps one to service_account_impersonation_url. Sources of tokens that would have
 * us run a program or ask other URLs are refused.
 */
#include <stdio.h>
#include <string.h>

#include "core/clock.h"
#include "storage/gcs/gcs.h"
#include "storage/identity.h"

#define CONFIG_MAX (64 * 1024)
#define TOKEN_URL "https://sts.googleapis.com/v1/token"
#define CLOUD_SCOPE "https://www.googleapis.com/auth/cloud-platform"	/* of a token that asks for another one */
#define WHO "Google's token service"
#define WHO_ACCOUNT "The service account"

enum
{
	FEDERATION_BEGIN,
	FEDERATION_ASKED,
	FEDERATION_IMPERSONATED
};

static CfStep ask(CfOp *op);
static json_t *config_read(CfOp *op);
static char *subject_read(CfOp *op, const json_t *config);
static bool url_check(CfOp *op, const char *url);
static CfStep exchanged(CfOp *op);
static CfStep impersonate(CfOp *op, const char *url, const char *token);
static CfStep impersonated(CfOp *op);
static CfStep refused(CfOp *op);

CfStep
cf_gcs_federation(CfOp *op)
{
	if (op->phase == FEDERATION_BEGIN)
		return ask(op);
	if (op->response.status != 200 || op->response.truncated)
		return refused(op);
	return op->phase == FEDERATION_ASKED ? exchanged(op) : impersonated(op);
}

/* ask exchanges the platform's token. */
static CfStep
ask(CfOp *op)
{
	json_t	   *config = config_read(op);
	const char *url = cf_json_text(config, "token_url");
	bool		impersonates = cf_json_text(config, "service_account_impersonation_url")[0] != '\0';
	CfRequest  *request;
	char	   *subject = NULL;
	json_t	   *form;
	char	   *body;
	size_t		length;

	if (config == NULL)
		return CF_STEP_ERROR;
	if (url[0] == '\0')
		url = TOKEN_URL;
	request = !url_check(op, url) ? NULL : cf_identity_request(op, "POST", "sts.token", url, false);
	if (request != NULL)
		subject = subject_read(op, config);
	form = subject == NULL ? NULL :
		json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "grantType", "urn:ietf:params:oauth:grant-type:token-exchange", "audience",
				  cf_json_text(config, "audience"), "scope", impersonates ? CLOUD_SCOPE : CF_GCS_SCOPE, "requestedTokenType",
				  "urn:ietf:params:oauth:token-type:access_token", "subjectTokenType", cf_json_text(config, "subject_token_type"),
				  "subjectToken", subject);
	json_decref(config);
	if (subject == NULL)
		return CF_STEP_ERROR;
	explicit_bzero(subject, strlen(subject));
	body = form == NULL ? NULL : cf_arena_alloc(&op->request_arena, 2 * CF_IDENTITY_TOKEN_BYTES);
	length = body == NULL ? 0 : json_dumpb(form, body, 2 * CF_IDENTITY_TOKEN_BYTES, JSON_COMPACT);
	json_decref(form);
	if (body != NULL && (length == 0 || length >= 2 * CF_IDENTITY_TOKEN_BYTES))
		return cf_identity_fails(op, CF_ERR_STATE, "The configuration of its workload identity is too long.");
	if (body != NULL)
		body[length] = '\0';
	return cf_identity_post(op, "application/json", body, FEDERATION_ASKED);
}

/* config_read reads the configuration into the op's arena; NULL = op->err tells why not. The caller gives it back. */
static json_t *
config_read(CfOp *op)
{
	const char *path = cf_identity_value(op->place, "credentials_file");
	json_t	   *config;
	char	   *text;

	if (path[0] == '\0')
	{
		cf_identity_fails(op, CF_ERR_STATE, "No configuration of a workload identity is named.");
		cf_error_hint(&op->err, "Set the option credentials_file of the place, or GOOGLE_APPLICATION_CREDENTIALS in the server's environment.");
		return NULL;
	}
	if (!cf_identity_file(op->place, path, CONFIG_MAX, op->arena, &text, &op->err))
		return NULL;
	config = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	if (strcmp(cf_json_text(config, "type"), "external_account") == 0 && cf_json_text(config, "audience")[0] != '\0' &&
		cf_json_text(config, "subject_token_type")[0] != '\0')
		return config;
	json_decref(config);
	cf_identity_fails(op, CF_ERR_STATE, "File \"%.300s\" is no configuration of a workload identity.", path);
	cf_error_hint(&op->err, "It is the JSON file of type external_account that gcloud iam workload-identity-pools create-cred-config writes; "
				  "the key of a service account is for the source environment, or for cloudflux.set_credentials().");
	return NULL;
}

/* subject_read reads the platform's token: the file itself, or a field of the JSON object in it. NULL = op->err tells why not. */
static char *
subject_read(CfOp *op, const json_t *config)
{
	const json_t *source = json_object_get(config, "credential_source");
	const json_t *format = json_object_get(source, "format");
	const char *path = cf_json_text(source, "file");
	const char *kind = cf_json_text(format, "type");
	char	   *text;
	char	   *token = NULL;
	json_t	   *object;

	if (path[0] == '\0' || (kind[0] != '\0' && strcmp(kind, "text") != 0 && strcmp(kind, "json") != 0))
	{
		cf_identity_fails(op, CF_ERR_UNSUPPORTED, "The configuration of its workload identity does not name a file with a token.");
		return NULL;
	}
	if (strcmp(kind, "json") != 0)
		return cf_identity_token(op->place, path, &op->request_arena, &text, &op->err) ? text : NULL;
	if (!cf_identity_file(op->place, path, CF_IDENTITY_TOKEN_BYTES, &op->request_arena, &text, &op->err))
		return NULL;
	object = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	explicit_bzero(text, strlen(text));
	if (cf_identity_bearer(cf_json_text(object, cf_json_text(format, "subject_token_field_name"))))
	{
		token = cf_arena_strdup(&op->request_arena, cf_json_text(object, cf_json_text(format, "subject_token_field_name")));
		if (token == NULL)
			cf_remote_memory(op);
	}
	else
		cf_identity_fails(op, CF_ERR_STATE, "File \"%.300s\" has no token under the name that the configuration tells.", path);
	json_decref(object);
	return token;
}

static bool
url_check(CfOp *op, const char *url)
{
	if (cf_gcs_service_allowed(op->place, url))
		return true;
	cf_identity_fails(op, CF_ERR_STATE, "The configuration of its workload identity names a service that is not https.");
	return false;
}

/* exchanged takes Google's token, which is all, or what a service account is asked with. */
static CfStep
exchanged(CfOp *op)
{
	json_t	   *config = config_read(op);
	const char *url = cf_json_text(config, "service_account_impersonation_url");
	json_t	   *answer = cf_identity_json(op);
	const char *token = cf_json_text(answer, "access_token");
	CfStep		step;

	if (config == NULL)
		step = CF_STEP_ERROR;
	else if (url[0] == '\0')
		step = cf_identity_oauth(op, WHO, CF_IDENTITY_LIFE_MAX_S);
	else if (cf_identity_bearer(token))
		step = impersonate(op, url, token);
	else
		step = cf_identity_fails(op, CF_ERR_IO, WHO " answered %zu bytes that are no token.", op->response.body_bytes);
	json_decref(config);
	json_decref(answer);
	return step;
}

/* impersonate asks for a token of a service account, with the one that was just obtained. */
static CfStep
impersonate(CfOp *op, const char *url, const char *token)
{
	CfRequest  *request;
	char	   *header;

	cf_identity_wipe(op);
	if (!url_check(op, url) || (request = cf_identity_request(op, "POST", "iam.token", url, false)) == NULL)
		return CF_STEP_ERROR;
	header = cf_remote_format(&op->request_arena, "Bearer %s", token);
	if (header == NULL)
		return cf_remote_memory(op);
	if (!cf_net_header(request, "Authorization", header, &op->err))
		return cf_remote_error(op);
	return cf_identity_post(op, "application/json", cf_remote_format(&op->request_arena, "{\"scope\":[\"%s\"]}", CF_GCS_SCOPE),
							FEDERATION_IMPERSONATED);
}

/* impersonated takes the service account's token. */
static CfStep
impersonated(CfOp *op)
{
	json_t	   *answer = cf_identity_json(op);
	const char *token = cf_json_text(answer, "accessToken");
	int64_t		expires_us = 0;
	CfStep		step = CF_STEP_DONE;

	if (!cf_identity_bearer(token) || !cf_remote_time(cf_json_text(answer, "expireTime"), &expires_us) || expires_us <= cf_clock_now_us())
		step = cf_identity_fails(op, CF_ERR_IO, WHO_ACCOUNT " answered %zu bytes that are no token.", op->response.body_bytes);
	else if (!cf_identity_keep(op, token, expires_us))
		step = cf_identity_fails(op, CF_ERR_IO, WHO_ACCOUNT " gave a token that is too long.");
	json_decref(answer);
	return step;
}

/* refused tells which of the two services said no, and its code. */
static CfStep
refused(CfOp *op)
{
	bool		account = op->phase == FEDERATION_IMPERSONATED;
	json_t	   *answer = op->response.status == 0 ? NULL : cf_identity_json(op);
	const char *code = account ? cf_json_text(json_object_get(answer, "error"), "status") : cf_json_text(answer, "error");

	cf_identity_refused(op, account ? WHO_ACCOUNT : WHO, code, "");
	if (op->err.kind == CF_ERR_DENIED)
		cf_error_hint(&op->err, "%s", account ? "The identity needs the role roles/iam.workloadIdentityUser on the service account." :
					  "Look at the provider of the workload identity pool: issuer, audience and attribute condition must fit the token.");
	json_decref(answer);
	return CF_STEP_ERROR;
}
