/*
 * storage_gcs_federation.c: workload identity federation of Google: the configuration, the exchange, the service account behind it, and
 * answers that are none.
 */
#include "storage_identity.h"

#include "storage/gcs/gcs.h"

static char config[4096];

/* configure writes a configuration with more fields. */
static const char *
configure(const char *more)
{
	snprintf(config, sizeof(config), "{\"type\":\"external_account\",\"audience\":\"//iam/p\",\"subject_token_type\":\"urn:ietf:params:oauth:token-type:jwt\"%s%s}",
			 more[0] == '\0' ? "" : ",", more);
	return TOKEN_FILE("config.json", config);
}

static const char *
file_source(const char *name, const char *format)
{
	static char text[400];

	snprintf(text, sizeof(text), "\"credential_source\":{\"file\":\"%s/%s\"%s}", directory, name, format);
	return text;
}

static void
exchange(void)
{
	char		more[1000];

	note("the exchange");
	TOKEN_FILE("subject", "eyJ." SECRET "\n");
	begin("web_identity", SETTINGS({"credentials_file", configure(file_source("subject", ""))}));
	ok(next() == CF_STEP_SEND && strcmp(op.request.method, "POST") == 0 && !op.request.metadata_service, "the token service is asked");
	is_str(op.request.url, "https://sts.googleapis.com/v1/token", "Google's own");
	ok(strstr(op.request.body, "\"subjectToken\":\"eyJ." SECRET "\"") != NULL && strstr(op.request.body, "\"audience\":\"//iam/p\"") != NULL &&
	   strstr(op.request.body, "devstorage.read_write") != NULL, "with the token, its audience and what is wanted");
	ok(answer(200, "{\"access_token\":\"ya29.x\",\"expires_in\":3599,\"token_type\":\"Bearer\"}") == CF_STEP_DONE && op.phase == 0, "it gives one");
	is_str(token.value, "ya29.x", "which is kept");
	is_int(token.expires_us, NOW_US + INT64_C(3599000000), "as long as it lasts");

	TOKEN_FILE("subject.json", "{\"id\":\"json" SECRET "\"}");
	snprintf(more, sizeof(more), "%s,\"token_url\":\"https://sts.example/x\",\"service_account_impersonation_url\":\"https://iam.example/sa:generateAccessToken\"",
			 file_source("subject.json", ",\"format\":{\"type\":\"json\",\"subject_token_field_name\":\"id\"}"));
	begin("web_identity", SETTINGS({"credentials_file", configure(more)}));
	ok(next() == CF_STEP_SEND && strcmp(op.request.url, "https://sts.example/x") == 0, "another service, as the configuration says");
	ok(strstr(op.request.body, "\"subjectToken\":\"json" SECRET "\"") != NULL && strstr(op.request.body, "cloud-platform") != NULL,
	   "with a token out of JSON, for one that asks for another");
	ok(answer(200, "{\"access_token\":\"first" SECRET "\",\"expires_in\":\"3600\"}") == CF_STEP_SEND, "then the service account is asked");
	is_str(op.request.url, "https://iam.example/sa:generateAccessToken", "where the configuration says");
	is_str(header("Authorization"), "Bearer first" SECRET, "with the first token");
	is_str(op.request.body, "{\"scope\":[\"https://www.googleapis.com/auth/devstorage.read_write\"]}", "for what is wanted");
	ok(answer(200, "{\"accessToken\":\"ya29.y\",\"expireTime\":\"" LATER "\"}") == CF_STEP_DONE, "it gives one");
	ok(strcmp(token.value, "ya29.y") == 0 && token.expires_us == NOW_US + INT64_C(3600000000), "which is kept until it ends");

	note("the service account refuses");
	next();
	answer(200, "{\"access_token\":\"first\",\"expires_in\":3600}");
	token.value[0] = '\0';
	refused(answer(403, "{\"error\":{\"status\":\"PERMISSION_DENIED\",\"message\":\"" SECRET "\"}}"), CF_ERR_DENIED, "workloadIdentityUser", "no permission");
	next();
	answer(200, "{\"access_token\":\"first\",\"expires_in\":3600}");
	refused(answer(200, "{\"accessToken\":\"" SECRET "\",\"expireTime\":\"2020-01-01T00:00:00Z\"}"), CF_ERR_IO, "no token", "one that has ended");
	next();
	answer(200, "{\"access_token\":\"first\",\"expires_in\":3600}");
	refused(answer(200, "{\"accessToken\":\"" SECRET "\"}"), CF_ERR_IO, "no token", "one without an end");
}

static void
answers(void)
{
	static const struct
	{
		int			status;
		const char *body;
		CfErrorKind kind;
		const char *says;
	}			all[] = {
		{200, "", CF_ERR_IO, "no token"}, {200, "[]", CF_ERR_IO, "no token"}, {200, "{", CF_ERR_IO, "no token"},
		{200, "{\"access_token\":\"" SECRET "\"}", CF_ERR_IO, "no token"}, {200, "{\"access_token\":\"" SECRET "\",\"expires_in\":-1}", CF_ERR_IO, "no token"},
		{200, "{\"access_token\":\"" SECRET "\",\"expires_in\":\"1e3\"}", CF_ERR_IO, "no token"}, {200, "{\"access_token\":\"" SECRET "\\r\\nX: y\",\"expires_in\":9}", CF_ERR_IO, "no token"},
		{302, "", CF_ERR_DENIED, "redirect"}, {400, "{\"error\":\"invalid_grant\",\"error_description\":\"" SECRET "\"}", CF_ERR_DENIED, "HTTP 400 invalid_grant"},
		{400, "{\"error\":\"<b>\"}", CF_ERR_DENIED, "answered HTTP 400."}, {500, SECRET, CF_ERR_IO, "HTTP 500"}, {0, "", CF_ERR_IO, "did not answer"},
	};
	char		body[20000];

	note("answers that are none");
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
	{
		char		title[64];

		snprintf(title, sizeof(title), "answer %zu: %d", i, all[i].status);
		begin("web_identity", SETTINGS({"credentials_file", configure(file_source("subject", ""))}));
		ok(next() == CF_STEP_SEND, "%s: asked", title);
		refused(answer(all[i].status, all[i].body), all[i].kind, all[i].says, title);
		is_int(op.phase, 0, "%s: it is over", title);
	}
	memset(config, 'x', sizeof(config) - 1);
	snprintf(body, sizeof(body), "{\"access_token\":\"%s%s%s\",\"expires_in\":9}", config, config, config);
	begin("web_identity", SETTINGS({"credentials_file", configure(file_source("subject", ""))}));
	next();
	refused(answer(200, body), CF_ERR_IO, "too long", "a giant of a token");
}

static void
configurations(void)
{
	static const char *const formats[] = {
		",\"format\":{\"type\":\"xml\"}", ",\"format\":{\"type\":\"json\",\"subject_token_field_name\":\"other\"}", ",\"format\":{\"type\":\"json\"}"
	};

	note("configurations that are none");
	begin("web_identity", NULL);
	refused(next(), CF_ERR_STATE, "GOOGLE_APPLICATION_CREDENTIALS", "none");
	begin("web_identity", SETTINGS({"credentials_file", TOKEN_FILE("config.json", "{\"type\":\"service_account\",\"private_key\":\"" SECRET "\"}")}));
	refused(next(), CF_ERR_STATE, "external_account", "the key of a service account");
	begin("web_identity", SETTINGS({"credentials_file", TOKEN_FILE("config.json", "not JSON " SECRET)}));
	refused(next(), CF_ERR_STATE, "no configuration", "a file with something else");
	begin("web_identity", SETTINGS({"credentials_file", "/nowhere"}));
	refused(next(), CF_ERR_STATE, "/nowhere", "no file");
	begin("web_identity", SETTINGS({"credentials_file", configure("\"credential_source\":{\"url\":\"http://x\"}")}));
	refused(next(), CF_ERR_UNSUPPORTED, "a file with a token", "a token from a URL");
	begin("web_identity", SETTINGS({"credentials_file", configure("\"credential_source\":{\"executable\":{\"command\":\"x\"}}")}));
	refused(next(), CF_ERR_UNSUPPORTED, "a file with a token", "a token from a program");
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++)
	{
		begin("web_identity", SETTINGS({"credentials_file", configure(file_source("subject.json", formats[i]))}));
		refused(next(), i == 0 ? CF_ERR_UNSUPPORTED : CF_ERR_STATE, NULL, "a token that is not where it should be");
	}
	begin("web_identity", SETTINGS({"credentials_file", configure(file_source("gone", ""))}));
	refused(next(), CF_ERR_STATE, "gone", "a token file that is not there");
	begin("web_identity", SETTINGS({"credentials_file", configure(file_source("gone", ",\"format\":{\"type\":\"json\"}"))}));
	refused(next(), CF_ERR_STATE, "gone", "nor as JSON");
	begin("web_identity", SETTINGS({"credentials_file", configure("\"token_url\":\"http://sts.example/\",\"credential_source\":{\"file\":\"/x\"}")}));
	refused(next(), CF_ERR_STATE, "not https", "a service without TLS");
}

static void
memory(void)
{
	char		more[1000];

	note("short of memory");
	snprintf(more, sizeof(more), "%s,\"service_account_impersonation_url\":\"https://iam.example/sa\"",
			 file_source("subject.json", ",\"format\":{\"type\":\"json\",\"subject_token_field_name\":\"id\"}"));
	starving("web_identity", SETTINGS({"credentials_file", configure(more)}), (const char *const[]) {
		"{\"access_token\":\"a\",\"expires_in\":9}", "{\"accessToken\":\"b\",\"expireTime\":\"" LATER "\"}", NULL});
}

int
main(void)
{
	open_identities(&cf_storage_gcs_driver, "GCP");
	exchange();
	answers();
	configurations();
	memory();
	close_identities();
	return done_testing();
}
