/*
 * storage_s3_sources.c: session credentials of AWS: what each source asks, what it makes of good answers, and that it makes nothing of
 * hostile ones. No error tells a secret.
 */
#include "storage_identity.h"

#include "storage/s3/s3_source.h"

#define KEYS "\"AccessKeyId\":\"ASIA1\",\"SecretAccessKey\":\"" SECRET "\",\"Token\":\"" SECRET "/tok\",\"Expiration\":\"" LATER "\""
#define STS_OPEN "<AssumeRoleWithWebIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><AssumeRoleWithWebIdentityResult><Credentials>"
#define STS_CLOSE "</Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>"
#define STS_KEYS "<AccessKeyId>ASIA1</AccessKeyId><SecretAccessKey>" SECRET "</SecretAccessKey>"

/* signs_with looks at what requests are signed with. */
static void
signs_with(const char *key, const char *session, const char *title)
{
	CfS3Keys	keys;
	CfError		err;

	ok(cf_s3_keys(&place, &arena, &keys, &err) && keys.access_key != NULL && strcmp(keys.access_key, key) == 0 &&
	   strcmp(keys.secret_key, SECRET) == 0 && strcmp(keys.session_token, session) == 0, "%s", title);
}

/* giant makes a text of so many bytes. */
static const char *
giant(size_t length)
{
	static char text[128 * 1024];

	memset(text, 'x', sizeof(text));
	text[length < sizeof(text) ? length : sizeof(text) - 1] = '\0';
	return text;
}

static void
web_identity(void)
{
	const char *file = TOKEN_FILE("web", "eyJ." SECRET ".x/+\n");
	const CfCredential *settings = SETTINGS({"role_arn", "arn:aws:iam::1:role/a b"}, {"token_file", file});
	char		body[32768];

	note("AssumeRoleWithWebIdentity");
	begin("web_identity", settings);
	ok(next() == CF_STEP_SEND && strcmp(op.request.method, "POST") == 0, "the token service is asked");
	is_str(op.request.url, "https://sts.eu-west-1.amazonaws.com/", "of the region");
	ok(!op.request.metadata_service, "by no privileged request");
	is_str(op.request.body, "Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fa%20b"
		   "&RoleSessionName=cloudflux&WebIdentityToken=eyJ." SECRET ".x%2F%2B", "with role, name and token, each encoded");
	is_str(header("Content-Type"), "application/x-www-form-urlencoded", "as a form");
	ok(answer(200, STS_OPEN STS_KEYS "<SessionToken>" SECRET "/tok</SessionToken><Expiration>" LATER "</Expiration>" STS_CLOSE) == CF_STEP_DONE &&
	   op.phase == 0, "a session is given");
	signs_with("ASIA1", SECRET "/tok", "it signs");
	ok(token.expires_us == NOW_US + INT64_C(3600000000), "until it ends");
	TOKEN_FILE("web", "second");
	begin("web_identity", SETTINGS({"role_arn", "r"}, {"token_file", file}, {"session_name", "me"}, {"sts_endpoint", "http://127.0.0.1:1"}));
	ok(next() == CF_STEP_SEND && strcmp(op.request.url, "http://127.0.0.1:1/") == 0, "another service is asked on option");
	ok(strstr(op.request.body, "RoleSessionName=me&WebIdentityToken=second") != NULL, "with what is in the file by then");
	place.region = "cn-north-1";
	begin("web_identity", settings);
	ok(next() == CF_STEP_SEND && strcmp(op.request.url, "https://sts.cn-north-1.amazonaws.com.cn/") == 0, "partitions have services of their own");
	place.region = "us-isob-east-1";
	begin("web_identity", settings);
	ok(next() == CF_STEP_SEND && strcmp(op.request.url, "https://sts.us-isob-east-1.sc2s.sgov.gov/") == 0, "isolated ones too");
	place.region = "eu-west-1";
	place.provider = "S3";
	begin("web_identity", settings);
	refused(next(), CF_ERR_STATE, "sts_endpoint", "other stores have none that is known");
	place.provider = "AWS";

	note("what is missing");
	begin("web_identity", SETTINGS({"token_file", file}));
	refused(next(), CF_ERR_STATE, "AWS_ROLE_ARN", "a role");
	begin("web_identity", SETTINGS({"role_arn", "r"}));
	refused(next(), CF_ERR_STATE, "no token file", "a file");
	begin("web_identity", SETTINGS({"role_arn", "r"}, {"token_file", "/nowhere/at/all"}));
	refused(next(), CF_ERR_STATE, "/nowhere/at/all", "the file itself");
	begin("web_identity", SETTINGS({"role_arn", "r"}, {"token_file", TOKEN_FILE("lines", SECRET "\nmore")}));
	refused(next(), CF_ERR_STATE, "holds no token", "a token in it");
	begin("web_identity", SETTINGS({"role_arn", "r"}, {"token_file", file}, {"sts_endpoint", "ftp://x"}));
	refused(next(), CF_ERR_INPUT, "no address", "an address");

	note("answers that are none");
	{
		const struct
		{
			int			status;
			const char *body;
			CfErrorKind kind;
			const char *says;
		}			answers[] = {
			{200, STS_OPEN STS_KEYS "<SessionToken>t</SessionToken>" STS_CLOSE, CF_ERR_IO, "did not say when"},
			{200, STS_OPEN STS_KEYS "<Expiration>tomorrow</Expiration>" STS_CLOSE, CF_ERR_IO, "did not say when"},
			{200, STS_OPEN STS_KEYS "<Expiration>2025-12-31T23:59:59Z</Expiration>" STS_CLOSE, CF_ERR_IO, "ended already"},
			{200, STS_OPEN "<AccessKeyId>ASIA1</AccessKeyId><Expiration>" LATER "</Expiration>" STS_CLOSE, CF_ERR_IO, "no complete"},
			{200, STS_OPEN "<AccessKeyId>A\nB</AccessKeyId><SecretAccessKey>" SECRET "</SecretAccessKey><Expiration>" LATER "</Expiration>" STS_CLOSE, CF_ERR_IO, "no complete"},
			{200, STS_OPEN STS_KEYS, CF_ERR_IO, "not XML"},
			{200, "{\"AccessKeyId\": \"" SECRET "\"}", CF_ERR_IO, "not XML"},
			{200, "", CF_ERR_IO, NULL},
			{200, "<html>proxy " SECRET "</html>", CF_ERR_IO, "no complete"},
			{307, "", CF_ERR_DENIED, "redirect"},
			{400, "<ErrorResponse><Error><Code>ExpiredTokenException</Code><Message>" SECRET "</Message></Error></ErrorResponse>", CF_ERR_DENIED, "HTTP 400 ExpiredTokenException"},
			{400, "<ErrorResponse><Error><Code>IDPCommunicationError</Code></Error></ErrorResponse>", CF_ERR_IO, "IDPCommunicationError"},
			{403, "<ErrorResponse><Error><Code>AccessDenied</Code></Error></ErrorResponse>", CF_ERR_DENIED, "trust policy"},
			{403, SECRET, CF_ERR_DENIED, "HTTP 403"},
			{503, "", CF_ERR_IO, "HTTP 503"},
			{0, "", CF_ERR_IO, "the connection was reset"},
		};

		for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++)
		{
			char		title[64];

			begin("web_identity", settings);
			ok(next() == CF_STEP_SEND, "asked");
			snprintf(title, sizeof(title), "answer %zu: %d", i, answers[i].status);
			refused(answer(answers[i].status, answers[i].body), answers[i].kind, answers[i].says, title);
			is_int(op.phase, 0, "%s: it is over", title);
		}
	}
	begin("web_identity", settings);
	next();
	snprintf(body, sizeof(body), STS_OPEN STS_KEYS "<SessionToken>%s</SessionToken><Expiration>" LATER "</Expiration>" STS_CLOSE, giant(9000));
	refused(answer(200, body), CF_ERR_IO, NULL, "a giant of a session");
}

static void
imds(void)
{
	note("EC2 instance metadata, version 2");
	begin("imds", NULL);
	ok(next() == CF_STEP_SEND && strcmp(op.request.method, "PUT") == 0 && op.request.metadata_service, "first a token is asked for");
	is_str(op.request.url, "http://169.254.169.254/latest/api/token", "at the one address");
	is_str(header("X-aws-ec2-metadata-token-ttl-seconds"), "300", "for a while");
	ok(answer(200, "AQ" SECRET "==\n") == CF_STEP_SEND && op.request.metadata_service, "then the role");
	is_str(op.request.url, "http://169.254.169.254/latest/meta-data/iam/security-credentials/", "by its list");
	is_str(header("X-aws-ec2-metadata-token"), "AQ" SECRET "==", "with the token");
	ok(answer(200, "my-role_1\nanother") == CF_STEP_SEND, "then its credentials");
	is_str(op.request.url, "http://169.254.169.254/latest/meta-data/iam/security-credentials/my-role_1", "of the first");
	is_str(header("X-aws-ec2-metadata-token"), "AQ" SECRET "==", "with the token again");
	ok(answer(200, "{\"Code\":\"Success\"," KEYS "}") == CF_STEP_DONE && op.state == NULL && op.phase == 0, "they are given");
	signs_with("ASIA1", SECRET "/tok", "they sign");
	begin("imds", SETTINGS({"metadata_endpoint", "http://[fd00:ec2::254]/"}));
	ok(next() == CF_STEP_SEND && strcmp(op.request.url, "http://[fd00:ec2::254]/latest/api/token") == 0 && op.request.metadata_service,
	   "another address on option, for the guard to judge");
	begin("imds", SETTINGS({"metadata_endpoint", "http://x/path"}));
	refused(next(), CF_ERR_INPUT, "no address", "an address with a path is none");

	note("answers that are none");
	{
		const struct
		{
			int			step;		/* at which request */
			int			status;
			const char *body;
			CfErrorKind kind;
			const char *says;
		}			answers[] = {
			{1, 200, "", CF_ERR_IO, "no token"}, {1, 200, "a b", CF_ERR_IO, "no token"}, {1, 200, "a\r\nX: y", CF_ERR_IO, "no token"},
			{1, 301, "", CF_ERR_DENIED, "redirect"}, {1, 403, "", CF_ERR_DENIED, "hop limit"}, {1, 0, "", CF_ERR_IO, "hop limit"}, {1, 404, SECRET, CF_ERR_DENIED, "HTTP 404"},
			{2, 200, "", CF_ERR_IO, "no role"}, {2, 200, "../x", CF_ERR_IO, "no role"}, {2, 200, "a b", CF_ERR_IO, "no role"}, {2, 200, "<html>", CF_ERR_IO, "no role"},
			{2, 401, "", CF_ERR_DENIED, "HTTP 401"}, {2, 404, "", CF_ERR_DENIED, "no role"}, {2, 302, "", CF_ERR_DENIED, "redirect"},
			{3, 200, "{", CF_ERR_IO, "no JSON"}, {3, 200, "[]", CF_ERR_IO, "no JSON"}, {3, 200, "", CF_ERR_IO, "no JSON"}, {3, 200, "{}", CF_ERR_IO, "no complete"},
			{3, 200, "{\"Code\":\"AssumeRoleUnauthorizedAccess\",\"Message\":\"" SECRET "\"}", CF_ERR_DENIED, "AssumeRoleUnauthorizedAccess"},
			{3, 200, "{\"Code\":\"Success\",\"AccessKeyId\":7,\"SecretAccessKey\":\"" SECRET "\",\"Expiration\":\"" LATER "\"}", CF_ERR_IO, "no complete"},
			{3, 200, "{" KEYS "," KEYS "}", CF_ERR_IO, "no JSON"},
			{3, 200, "{\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"" SECRET "\",\"Token\":\"t\",\"Expiration\":\"2025-01-01T00:00:00Z\"}", CF_ERR_IO, "ended already"},
			{3, 200, "{\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"" SECRET "\",\"Token\":\"t\"}", CF_ERR_IO, "did not say when"},
			{3, 500, SECRET, CF_ERR_IO, "HTTP 500"},
		};

		for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++)
		{
			char		title[64];
			CfStep		step;

			begin("imds", NULL);
			step = next();
			if (answers[i].step > 1)
				step = answer(200, SECRET "token");
			if (answers[i].step > 2)
				step = answer(200, "role");
			snprintf(title, sizeof(title), "answer %zu to request %d: %d", i, answers[i].step, answers[i].status);
			ok(step == CF_STEP_SEND, "%s: asked", title);
			refused(answer(answers[i].status, answers[i].body), answers[i].kind, answers[i].says, title);
			ok(op.phase == 0 && op.state == NULL, "%s: it is over", title);
		}
	}
	begin("imds", NULL);
	next();
	refused(answer(200, giant(600)), CF_ERR_IO, "no token", "a giant of a token");
	begin("imds", NULL);
	next();
	answer(200, "t");
	refused(answer(200, giant(129)), CF_ERR_IO, "no role", "a giant of a role");
}

static void
container(void)
{
	const char *file = TOKEN_FILE("pod", "pod" SECRET);

	note("agents of containers");
	begin("pod_identity", SETTINGS({"full_uri", "http://169.254.170.23/v1/credentials"}, {"token_file", file}));
	ok(next() == CF_STEP_SEND && strcmp(op.request.method, "GET") == 0 && op.request.metadata_service, "the agent is asked");
	is_str(op.request.url, "http://169.254.170.23/v1/credentials", "at its address");
	is_str(header("Authorization"), "pod" SECRET, "with the token of the file");
	ok(answer(200, "{" KEYS "}") == CF_STEP_DONE, "credentials are given");
	signs_with("ASIA1", SECRET "/tok", "they sign");
	TOKEN_FILE("pod", "new" SECRET);
	token.expires_us = 0;
	ok(next() == CF_STEP_SEND && strcmp(header("Authorization"), "new" SECRET) == 0, "the file is read again");
	begin("pod_identity", SETTINGS({"relative_uri", "/v2/credentials/1"}, {"token", "tok" SECRET}));
	ok(next() == CF_STEP_SEND && strcmp(op.request.url, "http://169.254.170.2/v2/credentials/1") == 0 &&
	   strcmp(header("Authorization"), "tok" SECRET) == 0, "ECS has an agent and a path of its own");
	begin("pod_identity", SETTINGS({"relative_uri", "/v2/credentials/1"}));
	ok(next() == CF_STEP_SEND && header("Authorization")[0] == '\0', "which may want no token");
	begin("pod_identity", NULL);
	refused(next(), CF_ERR_STATE, "names no agent", "no address");
	begin("pod_identity", SETTINGS({"relative_uri", "evil.example/"}));
	refused(next(), CF_ERR_STATE, "names no agent", "a path that is none");
	begin("pod_identity", SETTINGS({"full_uri", "file:///etc/passwd"}));
	refused(next(), CF_ERR_STATE, "no URL", "a URL of another kind");
	begin("pod_identity", SETTINGS({"full_uri", "http://h/"}, {"token", SECRET "\r\nX: y"}));
	refused(next(), CF_ERR_STATE, "cannot stand in a header", "a token of two lines");
	begin("pod_identity", SETTINGS({"full_uri", "http://h/"}, {"token_file", "/nowhere"}));
	refused(next(), CF_ERR_STATE, "/nowhere", "a file that is not there");
	begin("pod_identity", SETTINGS({"full_uri", "http://h/"}));
	next();
	refused(answer(400, "{\"code\":\"InvalidTokenException\",\"message\":\"" SECRET "\"}"), CF_ERR_DENIED, "HTTP 400 InvalidTokenException", "a refusal");
	next();
	refused(answer(307, ""), CF_ERR_DENIED, "redirect", "a redirect");
	next();
	refused(answer(0, ""), CF_ERR_IO, "did not answer", "no answer");
}

static void
shared_file(void)
{
	static const char text[] = "# comment\n[default]\naws_access_key_id=AKIA0\naws_secret_access_key = " SECRET "\n\n"
		"[ other ]\n  AWS_Access_Key_Id =  AKIA1  \r\naws_secret_access_key=first\naws_secret_access_key=" SECRET "\naws_session_token = tok/=\n"
		"; aws_access_key_id = commented\nnonsense\n[delegating]\nrole_arn = arn\nsource_profile = default\n[half]\naws_access_key_id = AKIA2\n";
	const char *file = TOKEN_FILE("credentials", text);
	char		path[300];

	note("the shared credentials file");
	begin("file", SETTINGS({"credentials_file", file}));
	ok(next() == CF_STEP_DONE, "it is read, without a request");
	signs_with("AKIA0", "", "the default profile signs");
	is_int(token.expires_us, NOW_US + INT64_C(600000000), "until it is read again");
	begin("file", SETTINGS({"credentials_file", file}, {"profile", "other"}));
	ok(next() == CF_STEP_DONE, "another profile");
	signs_with("AKIA1", "tok/=", "with a session, blanks and case apart, the last value");
	begin("file", SETTINGS({"credentials_file", file}, {"profile", "none"}));
	refused(next(), CF_ERR_STATE, "profile \"none\"", "a profile that is not there");
	begin("file", SETTINGS({"credentials_file", file}, {"profile", "half"}));
	refused(next(), CF_ERR_STATE, "no keys", "one that is not complete");
	begin("file", SETTINGS({"credentials_file", file}, {"profile", "delegating"}));
	refused(next(), CF_ERR_STATE, "delegates", "one that delegates");
	begin("file", NULL);
	refused(next(), CF_ERR_STATE, "credentials_file", "no file and no home");
	snprintf(path, sizeof(path), "%s/.aws", directory);
	if (mkdir(path, 0700) != 0)
		bail("%s", path);
	TOKEN_FILE(".aws/credentials", text);
	begin("file", SETTINGS({"home", directory}));
	ok(next() == CF_STEP_DONE, "the one in the home directory");
	begin("file", SETTINGS({"credentials_file", directory}));
	refused(next(), CF_ERR_STATE, "not a text file", "a directory");
	begin("file", SETTINGS({"credentials_file", TOKEN_FILE("empty", "\n \n")}));
	refused(next(), CF_ERR_STATE, "empty", "an empty one");
	begin("file", SETTINGS({"credentials_file", token_file("binary", "[default]\0x", 11)}));
	refused(next(), CF_ERR_STATE, "not a text file", "one with a NUL");
	begin("file", SETTINGS({"credentials_file", "/nowhere"}));
	refused(next(), CF_ERR_STATE, "/nowhere", "one that is not there");
	begin("file", SETTINGS({"credentials_file", TOKEN_FILE("odd", "[default]\naws_access_key_id=A B\naws_secret_access_key=" SECRET "\n")}));
	refused(next(), CF_ERR_IO, "no complete", "a key with a blank");
}

static void
others(void)
{
	CfError		err = {0};
	char	   *url;

	note("without a source");
	memset(&token, 0, sizeof(token));
	place.identity = NULL;
	ok(next() == CF_STEP_DONE && token.value[0] == '\0', "nothing is obtained");
	begin("environment", NULL);
	ok(next() == CF_STEP_DONE && token.value[0] == '\0', "the environment is read by others");

	note("presigned URLs");
	snprintf(token.value, sizeof(token.value), "ASIA1\n" SECRET "\ntok");
	token.expires_us = NOW_US + INT64_C(60000000);
	ok(cf_storage_presign(&place, &arena, "GET", "k", NOW_US, NOW_US + INT64_C(60000000), &url, &err) &&
	   strstr(url, "X-Amz-Security-Token=tok") != NULL, "a session signs them");
	ok(!cf_storage_presign(&place, &arena, "GET", "k", NOW_US, NOW_US + INT64_C(61000000), &url, &err) && err.kind == CF_ERR_INPUT &&
	   strstr(err.message, "outlive") != NULL, "as long as it lasts");
}

static void
requests(void)
{
	const char *file = TOKEN_FILE("web", "token");
	char		long_endpoint[300];

	note("what the engine is told");
	begin("imds", NULL);
	next();
	ok(op.request.classify(&op.request, &(CfResponse) {.status = 503}, &op) == CF_NET_RETRY &&
	   op.request.classify(&op.request, &(CfResponse) {.status = 408}, &op) == CF_NET_RETRY &&
	   op.request.classify(&op.request, &(CfResponse) {.status = 200, .truncated = true}, &op) == CF_NET_RETRY, "what is transient is tried again");
	ok(op.request.classify(&op.request, &(CfResponse) {.status = 429}, &op) == CF_NET_SLOW_DOWN, "more slowly where that is asked");
	ok(op.request.classify(&op.request, &(CfResponse) {.status = 301}, &op) == CF_NET_FINAL &&
	   op.request.classify(&op.request, &(CfResponse) {.status = 401}, &op) == CF_NET_FINAL, "a redirect and a refusal are for the source");
	is_int(op.request.answer_max, CF_IDENTITY_ANSWER_BYTES, "answers are small");
	memset(long_endpoint, 'a', sizeof(long_endpoint));
	memcpy(long_endpoint, "http://", 7);
	long_endpoint[299] = '\0';
	begin("imds", SETTINGS({"metadata_endpoint", long_endpoint}));
	refused(next(), CF_ERR_INPUT, "no address", "an address that is too long");

	note("options that name addresses");
	{
		static const char *const names[] = {"sts_endpoint", "metadata_endpoint"};
		CfError		err;

		for (size_t i = 0; i < 2; i++)
		{
			place.option_count = 1;
			place_options[0] = (CfPlaceOption) {names[i], "https://10.1.2.3:8443/"};
			ok(cf_storage_place_check(&place, &err), "%s", names[i]);
			place_options[0].value = "10.1.2.3";
			ok(!cf_storage_place_check(&place, &err) && err.kind == CF_ERR_INPUT, "%s is refused when it is written, if it is none", names[i]);
		}
		place.option_count = 0;
	}

	note("short of memory");
	starving("web_identity", SETTINGS({"role_arn", "r"}, {"token_file", file}), (const char *const[]) {
		STS_OPEN STS_KEYS "<SessionToken>t</SessionToken><Expiration>" LATER "</Expiration>" STS_CLOSE, NULL});
	starving("imds", NULL, (const char *const[]) {"token", "role", "{" KEYS "}", NULL});
	starving("pod_identity", SETTINGS({"full_uri", "http://h/x"}, {"token_file", file}), (const char *const[]) {"{" KEYS "}", NULL});
	starving("pod_identity", SETTINGS({"relative_uri", "/x"}, {"token", "t"}), (const char *const[]) {"{" KEYS "}", NULL});
	starving("file", SETTINGS({"credentials_file", TOKEN_FILE("credentials", "[default]\naws_access_key_id=A\naws_secret_access_key=B\n")}), (const char *const[]) {NULL});
}

int
main(void)
{
	open_identities(&cf_storage_s3_driver, "AWS");
	web_identity();
	imds();
	container();
	shared_file();
	requests();
	others();
	close_identities();
	return done_testing();
}
