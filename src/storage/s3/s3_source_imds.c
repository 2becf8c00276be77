/*
 * s3_source_imds.c
 *		The role of the EC2 instance that the server runs on, from its metadata service, version 2 only.
 *
 * Three requests: PUT for a token of our own (which a forgotten open proxy or a forged request could not do), GET for the
 * role's name, GET for its credentials. The service is at one fixed link-local address, which the guard of `net` opens to such requests and
 * to no others; a redirect is never followed. The answer to the PUT travels one network hop unless the instance allows
 * more, so that a server in a container hears nothing: the hint says so.
 */
#include <string.h>

#include "storage/s3/s3_source.h"

#define ROLES "/latest/meta-data/iam/security-credentials/"
#define TOKEN_MAX 512
#define TOKEN_SECONDS "300"		/* enough for the two requests that follow */
#define ROLE_CHARS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+=,.@_-"
#define WHO "The instance metadata service"

enum
{
	IMDS_BEGIN,
	IMDS_TOKEN,
	IMDS_ROLE,
	IMDS_CREDENTIALS
};

/* op->state during the exchange; in the arena, for an op may end in the middle of one. */
typedef struct ImdsState
{
	CfRemoteState remote;
	char		token[TOKEN_MAX + 1];
} ImdsState;

static CfStep ask_token(CfOp *op);
static CfStep ask(CfOp *op, const char *role, int phase);
static CfStep token_taken(CfOp *op);
static CfStep role_taken(CfOp *op);
static CfStep refused(CfOp *op);
static CfStep done(CfOp *op, CfStep step);

CfStep
cf_s3_source_imds(CfOp *op)
{
	if (op->phase == IMDS_BEGIN)
		return ask_token(op);
	if (op->response.status != 200 || op->response.truncated)
		return done(op, refused(op));
	if (op->phase == IMDS_TOKEN)
		return token_taken(op);
	if (op->phase == IMDS_ROLE)
		return role_taken(op);
	return done(op, cf_s3_session_json(op, WHO));
}

/* ask_token begins: a token of the service for us. */
static CfStep
ask_token(CfOp *op)
{
	CfRequest  *request = cf_identity_metadata(op, "PUT", "GetMetadataToken", "/latest/api/token");

	if (request == NULL || !cf_net_header(request, "X-aws-ec2-metadata-token-ttl-seconds", TOKEN_SECONDS, &op->err))
		return CF_STEP_ERROR;
	return cf_remote_send(op, IMDS_TOKEN);
}

/* token_taken keeps the token until the exchange is over. */
static CfStep
token_taken(CfOp *op)
{
	ImdsState  *state = cf_arena_alloc(op->arena, sizeof(*state));
	const char *text = op->response.body;
	size_t		length = op->response.body_bytes;

	if (state == NULL)
		return cf_remote_memory(op);
	memset(state, 0, sizeof(*state));
	op->state = state;
	while (length > 0 && (text[length - 1] == '\n' || text[length - 1] == '\r'))
		length--;
	for (size_t i = 0; i < length; i++)
	{
		if (text[i] <= 0x20 || text[i] >= 0x7f)
			length = 0;
	}
	if (length == 0 || length > TOKEN_MAX)
		return done(op, cf_identity_fails(op, CF_ERR_IO, WHO " gave no token."));
	memcpy(state->token, text, length);
	cf_identity_wipe(op);
	return ask(op, "", IMDS_ROLE);
}

/* ask asks for the list of roles, or for the credentials of one. */
static CfStep
ask(CfOp *op, const char *role, int phase)
{
	const ImdsState *state = op->state;
	CfRemoteText path = {.arena = op->arena};
	CfRequest  *request;

	cf_remote_text_add(&path, ROLES);
	cf_remote_text_encode(&path, role);
	request = cf_identity_metadata(op, "GET", phase == IMDS_ROLE ? "GetMetadataRole" : "GetMetadataCredentials", cf_remote_text_end(&path));
	if (request == NULL || !cf_net_header(request, "X-aws-ec2-metadata-token", state->token, &op->err))
		return done(op, CF_STEP_ERROR);
	return cf_remote_send(op, phase);
}

/* role_taken takes the first line of the list: an instance has one role. */
static CfStep
role_taken(CfOp *op)
{
	size_t		length = strspn(op->response.body, ROLE_CHARS);
	char		role[129];

	if (length == 0 || length >= sizeof(role) || strchr("\r\n", op->response.body[length]) == NULL)
		return done(op, cf_identity_fails(op, CF_ERR_IO, WHO " named no role."));
	memcpy(role, op->response.body, length);
	role[length] = '\0';
	return ask(op, role, IMDS_CREDENTIALS);
}

/* refused tells at which of the requests it went wrong. */
static CfStep
refused(CfOp *op)
{
	int			phase = op->phase;
	int			status = op->response.status;

	cf_identity_refused(op, WHO, "", "");
	if (phase == IMDS_TOKEN && (status == 0 || status == 403))
		cf_error_hint(&op->err, "The source imds works on EC2 only, where the metadata service is enabled; a server in a container "
					  "also needs an instance whose metadata response hop limit is 2 or more.");
	else if (phase == IMDS_ROLE && status == 404)
		cf_error_hint(&op->err, "The instance has no role: attach an instance profile to it.");
	return CF_STEP_ERROR;
}

/* done forgets the token. */
static CfStep
done(CfOp *op, CfStep step)
{
	if (op->state != NULL)
		explicit_bzero(op->state, sizeof(ImdsState));
	op->state = NULL;
	op->phase = 0;
	return step;
}
