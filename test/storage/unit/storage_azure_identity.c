/*
 * storage_azure_identity.c: identities of Azure's platforms: a workload's token is exchanged at Entra, a machine's comes from its metadata
 * service.
 */
#include "storage_identity.h"

#include "storage/azure/azure.h"

static void
workload(void)
{
	const char *file = TOKEN_FILE("azure", "eyJ." SECRET ".x+\n");
	const CfCredential *settings = SETTINGS({"tenant_id", "ten/ant"}, {"client_id", "client"}, {"token_file", file});

	note("workload identity");
	begin("web_identity", settings);
	ok(cf_azure_token_wanted(&place), "a token is wanted");
	ok(next() == CF_STEP_SEND && strcmp(op.request.method, "POST") == 0 && !op.request.metadata_service, "Entra is asked");
	is_str(op.request.url, "https://login.microsoftonline.com/ten%2Fant/oauth2/v2.0/token", "for the tenant");
	is_str(op.request.body, "grant_type=client_credentials&scope=https%3A%2F%2Fstorage.azure.com%2F.default&client_id=client&client_assertion_type="
		   "urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer&client_assertion=eyJ." SECRET ".x%2B", "with the statement of the file");
	ok(answer(200, "{\"access_token\":\"tok\",\"expires_in\":3599}") == CF_STEP_DONE && strcmp(token.value, "tok") == 0, "it gives a token");
	TOKEN_FILE("azure", "second");
	ok(next() == CF_STEP_SEND && strstr(op.request.body, "client_assertion=second") != NULL, "the file is read again");
	token.value[0] = '\0';
	refused(answer(401, "{\"error\":\"invalid_client\",\"error_description\":\"AADSTS700213: " SECRET "\"}"), CF_ERR_DENIED, "AADSTS700213", "a refusal");
	ok(strstr(op.err.hint, "federated credential") != NULL, "the hint is about the federation");
	next();
	refused(answer(302, ""), CF_ERR_DENIED, "redirect", "a redirect");
	next();
	refused(answer(200, "{\"access_token\":\"" SECRET "\",\"expires_in\":\"soon\"}"), CF_ERR_IO, NULL, "a life that is no number");
	next();
	refused(answer(200, "{\"access_token\":7,\"expires_in\":9}"), CF_ERR_IO, NULL, "a token that is no text");
	begin("web_identity", SETTINGS({"authority", "https://login.example/"}, {"tenant_id", "t"}, {"client_id", "c"}, {"token_file", file}));
	ok(next() == CF_STEP_SEND && strcmp(op.request.url, "https://login.example/t/oauth2/v2.0/token") == 0, "another cloud has another service");
	begin("web_identity", SETTINGS({"tenant_id", "t"}, {"token_file", file}));
	refused(next(), CF_ERR_DENIED, "AZURE_CLIENT_ID", "no application");
	begin("web_identity", SETTINGS({"tenant_id", "t"}, {"client_id", "c"}));
	refused(next(), CF_ERR_DENIED, "AZURE_FEDERATED_TOKEN_FILE", "no file");
	begin("web_identity", SETTINGS({"tenant_id", "t"}, {"client_id", "c"}, {"token_file", "/nowhere"}));
	refused(next(), CF_ERR_STATE, "/nowhere", "a file that is not there");
	begin("web_identity", SETTINGS({"tenant_id", "t"}, {"client_id", "c"}, {"token_file", TOKEN_FILE("azure2", SECRET "\n" SECRET)}));
	refused(next(), CF_ERR_STATE, "holds no token", "a file of two lines");
}

static void
machine(void)
{
	note("managed identity");
	begin("managed_identity", NULL);
	ok(cf_azure_token_wanted(&place) && next() == CF_STEP_SEND && op.request.metadata_service, "the machine is asked");
	is_str(op.request.url, "http://169.254.169.254/metadata/identity/oauth2/token?api-version=2018-02-01&resource=https%3A%2F%2Fstorage.azure.com%2F",
		   "at the one address, for the store");
	is_str(header("Metadata"), "true", "with its header");
	ok(answer(200, "{\"access_token\":\"tok\",\"expires_in\":\"86399\",\"token_type\":\"Bearer\"}") == CF_STEP_DONE, "it gives a token");
	is_int(token.expires_us, NOW_US + INT64_C(86399000000), "whose life is a text");
	begin("managed_identity", SETTINGS({"client_id", "a&b"}, {"metadata_endpoint", "http://127.0.0.1:9/"}));
	ok(next() == CF_STEP_SEND && strncmp(op.request.url, "http://127.0.0.1:9/metadata/", 28) == 0 && op.request.metadata_service &&
	   strstr(op.request.url, "&client_id=a%26b") != NULL, "one of several identities, and another address, on option");
	refused(answer(400, "{\"error\":\"invalid_request\",\"error_description\":\"Identity not found " SECRET "\"}"), CF_ERR_DENIED, "identity_client_id", "one that it does not have");
	next();
	refused(answer(0, ""), CF_ERR_IO, "the connection was reset", "no answer");
	begin("managed_identity", SETTINGS({"metadata_endpoint", "nowhere"}));
	refused(next(), CF_ERR_INPUT, "no address", "an address that is none");
	place_options[1] = (CfPlaceOption) {"metadata_endpoint", "nowhere"};
	place.option_count = 2;
	ok(!cf_storage_place_check(&place, &op.err) && op.err.kind == CF_ERR_INPUT, "and as an option it is refused when it is written");
	place.option_count = 1;
}

static void
memory(void)
{
	static const char *const bodies[] = {"{\"access_token\":\"tok\",\"expires_in\":9}", NULL};

	note("short of memory");
	starving("web_identity", SETTINGS({"tenant_id", "t"}, {"client_id", "c"}, {"token_file", TOKEN_FILE("azure", "token")}), bodies);
	starving("managed_identity", SETTINGS({"client_id", "c"}), bodies);
}

int
main(void)
{
	place_options[0] = (CfPlaceOption) {"account", "acct"};
	place.option_count = 1;
	open_identities(&cf_storage_azure_driver, "Azure");
	workload();
	machine();
	memory();
	close_identities();
	return done_testing();
}
