/*
 * source_sql.c
 *		Credentials that the machine of the database server has, and where else its environment says that they are to be found.
 *
 * Only a superuser's place reaches this (its option credential_source), since what is found here is the identity of the
 * server's operating system user. "environment" takes long-lived secrets from there. The other sources are asked by the drivers,
 * again and again (CfDriver.credential_next): here they get the paths, names and addresses that they need for it, from options of
 * the place or else from the variables that the platforms set.
 */
#include "postgres.h"

#include "security/security_sql.h"
#include "storage/credentials_sql.h"
#include "storage/driver.h"

static const struct
{
	const char *name;			/* of the credential */
	const char *variable;
	bool		is_file;		/* the variable names a file that holds the value */
}			variables[] = {
	{"access_key_id", "AWS_ACCESS_KEY_ID", false},
	{"secret_access_key", "AWS_SECRET_ACCESS_KEY", false},
	{"session_token", "AWS_SESSION_TOKEN", false},
	{"account_key", "AZURE_STORAGE_KEY", false},
	{"sas_token", "AZURE_STORAGE_SAS_TOKEN", false},
	{"tenant_id", "AZURE_TENANT_ID", false},
	{"client_id", "AZURE_CLIENT_ID", false},
	{"client_secret", "AZURE_CLIENT_SECRET", false},
	{"service_account_key", "GOOGLE_APPLICATION_CREDENTIALS", true},
	{"access_token", "GOOGLE_OAUTH_ACCESS_TOKEN", false},
};

/* What a driver's source needs to know. */
static const struct
{
	const char *driver;
	const char *source;
	const char *name;			/* of the setting */
	const char *option;			/* of the place; NULL = none */
	const char *variable;		/* NULL = none */
}			settings[] = {
	{"s3", "file", "credentials_file", "credentials_file", "AWS_SHARED_CREDENTIALS_FILE"},
	{"s3", "file", "profile", "profile", "AWS_PROFILE"},
	{"s3", "file", "home", NULL, "HOME"},
	{"s3", "web_identity", "role_arn", "role_arn", "AWS_ROLE_ARN"},
	{"s3", "web_identity", "session_name", "role_session_name", "AWS_ROLE_SESSION_NAME"},
	{"s3", "web_identity", "token_file", "web_identity_token_file", "AWS_WEB_IDENTITY_TOKEN_FILE"},
	{"s3", "web_identity", "sts_endpoint", "sts_endpoint", "AWS_ENDPOINT_URL_STS"},
	{"s3", "imds", "metadata_endpoint", "metadata_endpoint", NULL},
	{"s3", "pod_identity", "full_uri", NULL, "AWS_CONTAINER_CREDENTIALS_FULL_URI"},
	{"s3", "pod_identity", "relative_uri", NULL, "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"},
	{"s3", "pod_identity", "token_file", NULL, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"},
	{"s3", "pod_identity", "token", NULL, "AWS_CONTAINER_AUTHORIZATION_TOKEN"},
	{"azure", "web_identity", "tenant_id", "identity_tenant_id", "AZURE_TENANT_ID"},
	{"azure", "web_identity", "client_id", "identity_client_id", "AZURE_CLIENT_ID"},
	{"azure", "web_identity", "token_file", "web_identity_token_file", "AZURE_FEDERATED_TOKEN_FILE"},
	{"azure", "web_identity", "authority", "authority", "AZURE_AUTHORITY_HOST"},
	{"azure", "managed_identity", "client_id", "identity_client_id", "AZURE_CLIENT_ID"},
	{"azure", "managed_identity", "metadata_endpoint", "metadata_endpoint", NULL},
	{"gcs", "web_identity", "credentials_file", "credentials_file", "GOOGLE_APPLICATION_CREDENTIALS"},
	{"gcs", "metadata_server", "metadata_endpoint", "metadata_endpoint", NULL},
};

bool
cf_storage_source_read(const char *name, char **value, CfError *err)
{
	*value = NULL;
	for (int i = 0; i < lengthof(variables); i++)
	{
		const char *found;

		if (strcmp(variables[i].name, name) != 0)
			continue;
		found = getenv(variables[i].variable);
		if (found == NULL || found[0] == '\0')
			return true;
		if (variables[i].is_file)
			return cf_seal_secret_file(found, value, err);
		*value = pstrdup(found);
		return true;
	}
	return true;
}

/* source_reads tells whether a source of a driver, "" = any, reads an option. */
static bool
source_reads(const char *driver, const char *source, const char *option)
{
	for (int i = 0; i < lengthof(settings); i++)
	{
		if (settings[i].option != NULL && strcmp(settings[i].option, option) == 0 && strcmp(settings[i].driver, driver) == 0 &&
			(source[0] == '\0' || strcmp(settings[i].source, source) == 0))
			return true;
	}
	return false;
}

bool
cf_storage_source_options_check(const CfPlace *place, CfError *err)
{
	const char *driver = place->driver->name;
	char		sources[100] = "";

	for (int i = 0; i < place->option_count; i++)
	{
		const char *option = place->options[i].name;

		/* Azure's authority is asked with sealed credentials, too. */
		if (strcmp(option, "authority") == 0 || !source_reads(driver, "", option) ||
			(place->credential_source[0] != '\0' && source_reads(driver, place->credential_source, option)))
			continue;
		for (int j = 0; place->driver->sources[j] != NULL; j++)
		{
			if (source_reads(driver, place->driver->sources[j], option))
				snprintf(sources + strlen(sources), sizeof(sources) - strlen(sources), "%s%s", sources[0] == '\0' ? "" : " or ",
						 place->driver->sources[j]);
		}
		cf_error_set(err, CF_ERR_INPUT, "option \"%s\" of place \"%s\" would not be used", option, place->name);
		if (place->credential_source[0] == '\0')
			cf_error_detail(err, "Without a source of credentials nobody reads it.");
		else
			cf_error_detail(err, "Credentials come from the source %s, which does not read it.", place->credential_source);
		return cf_error_hint(err, "Set the option credential_source to %s as well, or leave \"%s\" away.", sources, option);
	}
	return true;
}

const char *
cf_storage_source_setting(const CfPlace *place, int *at, const char **value)
{
	while (*at < lengthof(settings))
	{
		int			i = (*at)++;

		if (strcmp(settings[i].driver, place->driver->name) != 0 || strcmp(settings[i].source, place->credential_source) != 0)
			continue;
		*value = settings[i].option == NULL ? "" : cf_storage_option(place, settings[i].option);
		if ((*value)[0] == '\0' && settings[i].variable != NULL)
			*value = getenv(settings[i].variable);
		if (*value != NULL && (*value)[0] != '\0')
			return settings[i].name;
	}
	return NULL;
}
