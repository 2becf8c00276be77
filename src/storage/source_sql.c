/*
 * source_sql.c
 *		Credentials that the machine of the database server has: its environment, and files that the environment names.
 *
 * Only a superuser's place reaches this (its option credential_source), since what is found here is the identity of the
 * server's operating system user. "environment" takes long-lived secrets, "web_identity" what a workload identity
 * mounts; the metadata services are spoken to by the drivers themselves. Files are read each time a place is opened: a
 * workload identity renews its token file by itself.
 */
#include "postgres.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/crypto.h>

#include "storage/fd.h"

#include "security/security_sql.h"
#include "storage/credentials_sql.h"

static const struct
{
	const char *source;
	const char *name;			/* of the credential */
	const char *variable;
	bool		is_file;		/* the variable names a file that holds the value */
}			variables[] = {
	{"environment", "access_key_id", "AWS_ACCESS_KEY_ID", false},
	{"environment", "secret_access_key", "AWS_SECRET_ACCESS_KEY", false},
	{"environment", "session_token", "AWS_SESSION_TOKEN", false},
	{"environment", "account_key", "AZURE_STORAGE_KEY", false},
	{"environment", "sas_token", "AZURE_STORAGE_SAS_TOKEN", false},
	{"environment", "tenant_id", "AZURE_TENANT_ID", false},
	{"environment", "client_id", "AZURE_CLIENT_ID", false},
	{"environment", "client_secret", "AZURE_CLIENT_SECRET", false},
	{"environment", "service_account_key", "GOOGLE_APPLICATION_CREDENTIALS", true},
	{"environment", "access_token", "GOOGLE_OAUTH_ACCESS_TOKEN", false},
	{"web_identity", "role_arn", "AWS_ROLE_ARN", false},
	{"web_identity", "web_identity_token", "AWS_WEB_IDENTITY_TOKEN_FILE", true},
	{"web_identity", "tenant_id", "AZURE_TENANT_ID", false},
	{"web_identity", "client_id", "AZURE_CLIENT_ID", false},
	{"web_identity", "federated_token", "AZURE_FEDERATED_TOKEN_FILE", true},
};

bool
cf_storage_source_read(const CfPlace *place, const char *source, const char *name, char **value, CfError *err)
{
	*value = NULL;
	for (int i = 0; i < lengthof(variables); i++)
	{
		const char *found;

		if (strcmp(variables[i].source, source) != 0 || strcmp(variables[i].name, name) != 0)
			continue;
		found = getenv(variables[i].variable);
		if (found == NULL || found[0] == '\0')
			return true;
		if (variables[i].is_file)
			return cf_storage_secret_file(found, value, err);
		*value = pstrdup(found);
		return true;
	}
	return true;
}

bool
cf_storage_secret_file(const char *path, char **text, CfError *err)
{
	char	   *buffer = palloc(CF_SEAL_SECRET_MAX + 2);
	int			fd = OpenTransientFile(path, O_RDONLY | O_NONBLOCK | PG_BINARY);
	struct stat st;
	ssize_t		length = -1;

	if (fd >= 0 && fstat(fd, &st) == 0 && !S_ISREG(st.st_mode))
		cf_error_set(err, CF_ERR_INPUT, "\"%s\" is not a file", path);
	else if (fd < 0 || (length = read(fd, buffer, CF_SEAL_SECRET_MAX + 2)) < 0)
		cf_error_errno(err, errno, "could not read file", path);
	if (fd >= 0)
		CloseTransientFile(fd);
	if (length >= 0)
	{
		if (length > 0 && buffer[length - 1] == '\n')
			length--;
		if (length >= 1 && length <= CF_SEAL_SECRET_MAX && memchr(buffer, '\0', length) == NULL)
		{
			buffer[length] = '\0';
			*text = buffer;
			return true;
		}
		cf_error_set(err, CF_ERR_INPUT, "file \"%s\" does not hold a credential", path);
		cf_error_detail(err, "It is empty, longer than %d bytes, or not a text.", CF_SEAL_SECRET_MAX);
	}
	OPENSSL_cleanse(buffer, CF_SEAL_SECRET_MAX + 2);
	pfree(buffer);
	return false;
}
