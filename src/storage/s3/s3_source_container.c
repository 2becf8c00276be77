/*
 * s3_source_container.c
 *		Credentials that an agent of the platform hands to containers: EKS Pod Identity, and the task roles of ECS.
 *
 * The platform puts the address into the server's environment (AWS_CONTAINER_CREDENTIALS_FULL_URI, or _RELATIVE_URI at the
 * agent of ECS) and the token that is shown to the agent into a file, which is read every time since it is renewed. The agent is
 * at a link-local address: the guard of `net` opens the known ones to such requests; others a superuser must list.
 */
#include <string.h>

#include "storage/s3/s3_source.h"

#define PHASE_ASKED 1
#define ECS_AGENT "http://169.254.170.2"
#define URI_MAX 1024
#define WHO "The container's credentials agent"

static CfStep ask(CfOp *op);
static CfStep refused(CfOp *op);

CfStep
cf_s3_source_container(CfOp *op)
{
	if (op->phase != PHASE_ASKED)
		return ask(op);
	if (op->response.status != 200 || op->response.truncated)
		return refused(op);
	return cf_s3_session_json(op, WHO);
}

static CfStep
ask(CfOp *op)
{
	const CfPlace *place = op->place;
	const char *full = cf_identity_value(place, "full_uri");
	const char *relative = cf_identity_value(place, "relative_uri");
	const char *path = cf_identity_value(place, "token_file");
	const char *token = cf_identity_value(place, "token");
	const char *url;
	CfRequest  *request;
	char	   *shown;
	CfError		ignored;
	CfUrl		parts;

	if (full[0] == '\0' && relative[0] != '/')
	{
		cf_identity_fails(op, CF_ERR_STATE, "The server's environment names no agent.");
		cf_error_hint(&op->err, "The source pod_identity works in pods of EKS with a Pod Identity association and in tasks of ECS with a "
					  "role, which set AWS_CONTAINER_CREDENTIALS_FULL_URI or AWS_CONTAINER_CREDENTIALS_RELATIVE_URI.");
		return CF_STEP_ERROR;
	}
	url = full[0] != '\0' ? full : cf_remote_format(op->arena, ECS_AGENT "%s", relative);
	if (url == NULL)
		return cf_remote_memory(op);
	if (strlen(url) > URI_MAX || !cf_url_split(url, &parts, &ignored))
		return cf_identity_fails(op, CF_ERR_STATE, "The address of the agent in the server's environment is no URL.");
	if ((request = cf_identity_request(op, "GET", "GetContainerCredentials", url, true)) == NULL ||
		(path[0] != '\0' && !cf_identity_token(place, path, &op->request_arena, &shown, &op->err)))
		return CF_STEP_ERROR;
	if (path[0] == '\0' && token[0] != '\0' && (shown = cf_arena_strdup(&op->request_arena, token)) == NULL)
		return cf_remote_memory(op);
	if ((path[0] != '\0' || token[0] != '\0') && !cf_net_header(request, "Authorization", shown, &op->err))
		return cf_identity_fails(op, CF_ERR_STATE, "The token for the agent cannot stand in a header.");
	return cf_remote_send(op, PHASE_ASKED);
}

/* refused tells the agent's code, where it has one. */
static CfStep
refused(CfOp *op)
{
	json_t	   *answer = op->response.status == 0 ? NULL : cf_identity_json(op);

	cf_identity_refused(op, WHO, cf_json_text(answer, "code"), "");
	json_decref(answer);
	return CF_STEP_ERROR;
}
