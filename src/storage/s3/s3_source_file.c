/*
 * s3_source_file.c
 *		The shared credentials file of the server's operating system user: ~/.aws/credentials, or another one.
 *
 *		[default]
 *		aws_access_key_id = AKIA…
 *		aws_secret_access_key = …
 *		aws_session_token = …			(where a program keeps renewing the file)
 *
 * Lines that begin with # or ; are comments, names do not mind case, of a profile that stands there twice the last value of a
 * name counts. The file does not say when its credentials end, so that it is read again every ten minutes, and when
 * the store refuses them. Profiles that delegate (role_arn, credential_process, …) are refused: no program is ever run.
 */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "core/clock.h"
#include "storage/s3/s3_source.h"

#define FILE_MAX (256 * 1024)
#define READ_AGAIN_US INT64_C(600000000)

static char *trimmed(char *text);

CfStep
cf_s3_source_file(CfOp *op)
{
	const CfPlace *place = op->place;
	const char *profile = cf_identity_value(place, "profile");
	const char *path = cf_identity_value(place, "credentials_file");
	const char *home = cf_identity_value(place, "home");
	CfRemoteText text = {.arena = &op->request_arena};
	CfS3Session session = {.access_key = ""};
	bool		delegates = false;
	char	   *lines;
	bool		found;

	cf_remote_text_add(&text, path[0] != '\0' ? path : home);
	cf_remote_text_add(&text, path[0] != '\0' ? "" : "/.aws/credentials");
	if (text.failed)
		return cf_remote_memory(op);
	if (path[0] == '\0' && home[0] == '\0')
		return cf_identity_fails(op, CF_ERR_STATE, "The server's user has no home directory; set the option credentials_file.");
	if (!cf_identity_file(place, text.data, FILE_MAX, &op->request_arena, &lines, &op->err))
		return CF_STEP_ERROR;
	found = cf_s3_profile_read(lines, profile[0] == '\0' ? "default" : profile, &session, &delegates);
	explicit_bzero(lines, FILE_MAX);
	if (!found || session.access_key[0] == '\0' || session.secret_key[0] == '\0')
	{
		explicit_bzero(&session, sizeof(session));
		cf_identity_fails(op, CF_ERR_STATE, "File \"%.300s\" has no keys in profile \"%.64s\"%s.", text.data,
						  profile[0] == '\0' ? "default" : profile, delegates ? ", which delegates to another source" : "");
		cf_error_hint(&op->err, "A profile has aws_access_key_id and aws_secret_access_key; the option profile chooses it.");
		return CF_STEP_ERROR;
	}
	return cf_s3_session_take(op, "The credentials file", &session, cf_clock_now_us() + READ_AGAIN_US);
}

bool
cf_s3_profile_read(char *text, const char *profile, CfS3Session *session, bool *delegates)
{
	const struct
	{
		const char *name;
		char	   *to;
		size_t		room;
	}			wanted[] = {
		{"aws_access_key_id", session->access_key, sizeof(session->access_key)},
		{"aws_secret_access_key", session->secret_key, sizeof(session->secret_key)},
		{"aws_session_token", session->token, sizeof(session->token)},
	};
	static const char *const delegating[] = {"role_arn", "credential_process", "sso_session", "sso_start_url", "web_identity_token_file"};
	bool		inside = false;
	bool		found = false;
	char	   *line;

	while ((line = strsep(&text, "\n")) != NULL)
	{
		char	   *value;

		line = trimmed(line);
		if (line[0] == '[')
		{
			line[strcspn(line, "]")] = '\0';
			inside = strcmp(trimmed(line + 1), profile) == 0;
			found |= inside;
			continue;
		}
		value = strchr(line, '=');
		if (!inside || line[0] == '#' || line[0] == ';' || value == NULL)
			continue;
		*value++ = '\0';
		line = trimmed(line);
		for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
		{
			if (strcasecmp(line, wanted[i].name) == 0)
				snprintf(wanted[i].to, wanted[i].room, "%s", trimmed(value));
		}
		for (size_t i = 0; i < sizeof(delegating) / sizeof(delegating[0]); i++)
			*delegates |= strcasecmp(line, delegating[i]) == 0;
	}
	return found;
}

/* trimmed cuts blanks off both ends. */
static char *
trimmed(char *text)
{
	size_t		length;

	text += strspn(text, " \t\r");
	length = strlen(text);
	while (length > 0 && strchr(" \t\r", text[length - 1]) != NULL)
		text[--length] = '\0';
	return text;
}
