/*
 * s3_source.c
 *		Session credentials of AWS: which source gives them, and what is kept of its answer.
 *
 * A source (one per file: s3_source_file.c, s3_source_sts.c, s3_source_imds.c, s3_source_container.c) is a step machine that
 * ends in three texts and the moment when they end. They become the place's token, three lines that cf_s3_keys() signs
 * with. Sealed keys and those of the environment need none of this.
 */
#include <stdio.h>
#include <string.h>

#include "core/clock.h"
#include "storage/s3/s3_source.h"

static const struct
{
	const char *name;
	CfStep		(*next) (CfOp *op);
}			sources[] = {
	{"file", cf_s3_source_file},
	{"web_identity", cf_s3_source_sts},
	{"imds", cf_s3_source_imds},
	{"pod_identity", cf_s3_source_container},
};

static bool word(const char *text, bool may_be_empty);

CfStep
cf_s3_credential_next(CfOp *op)
{
	for (size_t i = 0; i < sizeof(sources) / sizeof(sources[0]); i++)
	{
		if (strcmp(sources[i].name, cf_identity_source(op->place)) == 0)
			return sources[i].next(op);
	}
	return CF_STEP_DONE;
}

/* cf_s3_session_take keeps what a source obtained, and wipes it; expires_us = 0: it ends when it says. */
CfStep
cf_s3_session_take(CfOp *op, const char *who, CfS3Session *session, int64_t expires_us)
{
	int64_t		now_us = cf_clock_now_us();
	char		lines[sizeof(op->place->token->value)];
	int			length;
	CfStep		step = CF_STEP_DONE;

	if (!word(session->access_key, false) || !word(session->secret_key, false) || !word(session->token, true) ||
		strlen(session->token) + 1 >= sizeof(session->token))
		step = cf_identity_fails(op, CF_ERR_IO, "%s gave no complete credentials.", who);
	else if (expires_us == 0 && !cf_remote_time(session->expiration, &expires_us))
		step = cf_identity_fails(op, CF_ERR_IO, "%s did not say when its credentials end.", who);
	else if (expires_us <= now_us)
		step = cf_identity_fails(op, CF_ERR_IO, "%s gave credentials that have ended already.", who);
	else
	{
		length = snprintf(lines, sizeof(lines), "%s\n%s\n%s", session->access_key, session->secret_key, session->token);
		if (length < 0 || (size_t) length >= sizeof(lines) || !cf_identity_keep(op, lines, expires_us))
			step = cf_identity_fails(op, CF_ERR_IO, "%s gave credentials that are too long.", who);
		explicit_bzero(lines, sizeof(lines));
	}
	explicit_bzero(session, sizeof(*session));
	return step;
}

/* word tells whether a text can stand in a header and in a line: printable ASCII without blanks. */
static bool
word(const char *text, bool may_be_empty)
{
	for (const char *s = text; *s != '\0'; s++)
	{
		if (*s <= 0x20 || *s >= 0x7f)
			return false;
	}
	return may_be_empty || text[0] != '\0';
}

/* cf_s3_session_json takes credentials out of the JSON answer of a metadata service. */
CfStep
cf_s3_session_json(CfOp *op, const char *who)
{
	json_t	   *answer = cf_identity_json(op);
	const char *code = cf_json_text(answer, "Code");
	CfS3Session session;
	char		shown[64];

	if (answer == NULL)
		return cf_identity_fails(op, CF_ERR_IO, "%s answered %zu bytes that are no JSON object.", who, op->response.body_bytes);
	snprintf(shown, sizeof(shown), "%s", code);
	cf_remote_harmless(shown, "._-");
	snprintf(session.access_key, sizeof(session.access_key), "%s", cf_json_text(answer, "AccessKeyId"));
	snprintf(session.secret_key, sizeof(session.secret_key), "%s", cf_json_text(answer, "SecretAccessKey"));
	snprintf(session.token, sizeof(session.token), "%s", cf_json_text(answer, "Token"));
	snprintf(session.expiration, sizeof(session.expiration), "%s", cf_json_text(answer, "Expiration"));
	/* An answer of 200 may say that there are none. */
	if (code[0] == '\0' || strcmp(code, "Success") == 0)
	{
		json_decref(answer);
		return cf_s3_session_take(op, who, &session, 0);
	}
	explicit_bzero(&session, sizeof(session));
	json_decref(answer);
	return cf_identity_fails(op, CF_ERR_DENIED, "%s answered %s.", who, shown);
}
