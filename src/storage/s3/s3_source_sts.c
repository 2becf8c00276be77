/*
 * s3_source_sts.c
 *		AssumeRoleWithWebIdentity: a token that the platform mounts into the server's file system is exchanged for a session
 *		of a role at the Security Token Service (EKS service accounts, GitHub runners, any OIDC provider that the account trusts).
 *
 * One POST to the region's own endpoint (the global one is a single point of failure), answered in XML. The token file is read
 * for every exchange. Neither its token nor the session reaches an error.
 */
#include <string.h>

#include "storage/s3/s3_source.h"

#define PHASE_ASKED 1
#define SESSION_NAME "cloudflux"
#define RESULT "AssumeRoleWithWebIdentityResponse/AssumeRoleWithWebIdentityResult/Credentials/"
#define WHO "The token service"

static const struct
{
	const char *code;
	const char *hint;
}			hints[] = {
	{"ExpiredTokenException", "The token in the file has expired: whatever mounts it has stopped renewing it."},
	{"InvalidIdentityToken", "The account does not know who issued the token: look at its identity provider."},
	{"AccessDenied", "The role's trust policy does not let this identity assume it."},
	{"RegionDisabledException", "The token service is not activated in this region; set the option sts_endpoint."},
};

static CfStep ask(CfOp *op);
static const char *endpoint_of(CfOp *op);
static CfStep take(CfOp *op);
static CfStep refused(CfOp *op);

CfStep
cf_s3_source_sts(CfOp *op)
{
	if (op->phase != PHASE_ASKED)
		return ask(op);
	return op->response.status == 200 && !op->response.truncated ? take(op) : refused(op);
}

/* ask builds the request. */
static CfStep
ask(CfOp *op)
{
	const CfPlace *place = op->place;
	const char *role = cf_identity_value(place, "role_arn");
	const char *path = cf_identity_value(place, "token_file");
	const char *name = cf_identity_value(place, "session_name");
	CfRemoteText body = {.arena = &op->request_arena};
	const char *url;
	char	   *token;

	if (role[0] == '\0' || path[0] == '\0')
	{
		cf_identity_fails(op, CF_ERR_STATE, "There is no %s.", role[0] == '\0' ? "role to be assumed" : "token file");
		cf_error_hint(&op->err, "Set the options role_arn and web_identity_token_file of the place, or the server's environment: "
					  "AWS_ROLE_ARN, AWS_WEB_IDENTITY_TOKEN_FILE.");
		return CF_STEP_ERROR;
	}
	if ((url = endpoint_of(op)) == NULL || cf_identity_request(op, "POST", "AssumeRoleWithWebIdentity", url, false) == NULL ||
		!cf_identity_token(place, path, &op->request_arena, &token, &op->err))
		return CF_STEP_ERROR;
	cf_remote_text_add(&body, "Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn=");
	cf_remote_text_encode(&body, role);
	cf_remote_text_add(&body, "&RoleSessionName=");
	cf_remote_text_encode(&body, name[0] == '\0' ? SESSION_NAME : name);
	cf_remote_text_add(&body, "&WebIdentityToken=");
	cf_remote_text_encode(&body, token);
	explicit_bzero(token, strlen(token));
	return cf_identity_post(op, CF_IDENTITY_FORM, cf_remote_text_end(&body), PHASE_ASKED);
}

/* endpoint_of finds the token service: the option's, else that of the region where the place is AWS's own. NULL = op->err tells why not. */
static const char *
endpoint_of(CfOp *op)
{
	const CfPlace *place = op->place;
	const char *endpoint = cf_identity_value(place, "sts_endpoint");
	const char *region = cf_s3_region(place);
	const char *url;

	if (endpoint[0] == '\0' && strcmp(cf_s3_store(place)->preset, "aws") != 0)
	{
		cf_identity_fails(op, CF_ERR_STATE, "No token service is known for stores of preset \"%s\".", cf_s3_store(place)->preset);
		cf_error_hint(&op->err, "Set the option sts_endpoint of the place.");
		return NULL;
	}
	url = endpoint[0] == '\0' ? cf_remote_format(op->arena, "https://sts.%s.%s/", region, cf_s3_partition(region)) :
		cf_remote_format(op->arena, "%s%s", endpoint, endpoint[strlen(endpoint) - 1] == '/' ? "" : "/");
	if (url == NULL)
		cf_remote_memory(op);
	return url != NULL && cf_identity_endpoint(place, url, &op->err) ? url : NULL;
}

/* take reads the session out of the answer. */
static CfStep
take(CfOp *op)
{
	CfS3Session session = {.access_key = ""};
	CfXmlField	fields[] = {
		{RESULT "AccessKeyId", session.access_key, sizeof(session.access_key)},
		{RESULT "SecretAccessKey", session.secret_key, sizeof(session.secret_key)},
		{RESULT "SessionToken", session.token, sizeof(session.token)},
		{RESULT "Expiration", session.expiration, sizeof(session.expiration)},
	};
	CfError		ignored;

	if (cf_xml_fields(op->response.body, op->response.body_bytes, fields, 4, &ignored))
		return cf_s3_session_take(op, WHO, &session, 0);
	explicit_bzero(&session, sizeof(session));
	return cf_identity_fails(op, CF_ERR_IO, WHO " answered %zu bytes that are not XML.", op->response.body_bytes);
}

/* refused tells why there is no session: the service's code, and what helps. */
static CfStep
refused(CfOp *op)
{
	char		code[64] = "";
	CfXmlField	field = {"ErrorResponse/Error/Code", code, sizeof(code)};
	CfError		ignored;

	if (op->response.status != 0)
		(void) cf_xml_fields(op->response.body, op->response.body_bytes, &field, 1, &ignored);
	cf_identity_refused(op, WHO, code, "");
	for (size_t i = 0; i < sizeof(hints) / sizeof(hints[0]); i++)
	{
		if (strcmp(hints[i].code, code) == 0)
			cf_error_hint(&op->err, "%s", hints[i].hint);
	}
	if (strcmp(code, "IDPCommunicationError") == 0 || strcmp(code, "Throttling") == 0)
	{
		op->err.kind = CF_ERR_IO;
		op->err.retryable = true;
	}
	return CF_STEP_ERROR;
}
