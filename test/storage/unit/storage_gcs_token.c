/*
 * storage_gcs_token.c: tokens and signed URLs of Google Cloud Storage. What is signed is verified here with the public half of a
 * key made for this run; secrets are in no error and no request they do not belong to.
 */
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "core/clock.h"
#include "harness/tap.h"
#include "storage/gcs/gcs.h"

#define NOW_S INT64_C(1767225600)	/* 2026-01-01 00:00:00 UTC */

static EVP_PKEY *pair;
static char *pem;
static CfArena arena;
static CfOp op;
static CfToken token;
static CfCredentials credentials;
static CfPlaceOption options[2];
static CfPlace place = {.name = "here", .provider = "GCP", .bucket = "bucket", .region = "", .endpoint = "", .prefix = "",
	.storage_class = "", .credentials = &credentials, .token = &token, .options = options, .driver = &cf_storage_gcs_driver};

static void
make_key(void)
{
	BIO		   *bio = BIO_new(BIO_s_mem());
	char	   *text;
	long		length;

	pair = EVP_RSA_gen(2048);
	if (pair == NULL || bio == NULL || !PEM_write_bio_PrivateKey(bio, pair, NULL, NULL, 0, NULL, NULL))
		bail("no key");
	length = BIO_get_mem_data(bio, &text);
	pem = strndup(text, length);
	BIO_free(bio);
}

static bool
verifies(const void *data, size_t length, const uint8_t *signature, size_t signature_length)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool		good = EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL, pair) == 1 &&
		EVP_DigestVerify(ctx, signature, signature_length, data, length) == 1;

	EVP_MD_CTX_free(ctx);
	return good;
}

/* key_text is a service account's key with a token_uri ("" = none). */
static const char *
key_text(const char *token_uri)
{
	static char *text;
	json_t	   *key = json_pack("{s:s, s:s, s:s, s:s}", "type", "service_account", "client_email",
								"mover@project.iam.gserviceaccount.com", "private_key_id", "key-1", "private_key", pem);

	if (token_uri[0] != '\0')
		json_object_set_new(key, "token_uri", json_string(token_uri));
	free(text);
	text = json_dumps(key, 0);
	json_decref(key);
	return text;
}

static void
give(const char *name, const char *value)
{
	credentials = (CfCredentials) {.items = {{name, value}}, .count = name == NULL ? 0 : 1};
	memset(&token, 0, sizeof(token));
	cf_storage_op_end(&op);
	cf_storage_op_init(&op, &place, &arena);
}

/* answer gives the op an answer to its request. */
static CfStep
answer(int status, const char *body, const char *date)
{
	static char text[16384];

	snprintf(text, sizeof(text), "%s", body);
	op.response = (CfResponse) {.status = status, .body = text, .body_bytes = strlen(text), .sends = 1};
	if (date != NULL)
		op.response.headers[op.response.header_count++] = (CfHeader) {"date", date};
	if (op.request.metadata_service)
		op.response.headers[op.response.header_count++] = (CfHeader) {"metadata-flavor", "Google"};
	return cf_gcs_credential_next(&op);
}

/* decoded gives a part of a JWT as JSON. */
static json_t *
decoded(const char *part, size_t length)
{
	char	   *standard = malloc(length + 4);
	char		text[4096];
	long		bytes;

	memcpy(standard, part, length);
	for (size_t i = 0; i < length; i++)
		standard[i] = part[i] == '-' ? '+' : part[i] == '_' ? '/' : part[i];
	while (length % 4 != 0)
		standard[length++] = '=';
	standard[length] = '\0';
	bytes = cf_base64_decode(standard, text, sizeof(text) - 1);
	free(standard);
	return bytes < 0 ? NULL : json_loadb(text, bytes, 0, NULL);
}

/* check_jwt takes the request's JWT apart. */
static void
check_jwt(const char *token_uri, int64_t issued_s)
{
	static const char grant[] = "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion=";
	char	   *body = strndup(op.request.body, op.request.body_bytes);
	char	   *jwt = body + strlen(grant);
	char	   *claims_at = strchr(jwt, '.') + 1;
	char	   *signature_at = strchr(claims_at, '.') + 1;
	json_t	   *header = decoded(jwt, claims_at - jwt - 1);
	json_t	   *claims = decoded(claims_at, signature_at - claims_at - 1);
	char		standard[1024];
	uint8_t		signature[512];
	size_t		length = strlen(signature_at);

	ok(strncmp(body, grant, strlen(grant)) == 0, "the grant is a JWT's");
	is_str(cf_json_text(header, "alg"), "RS256", "it is signed by RS256");
	is_str(cf_json_text(header, "kid"), "key-1", "with the key's id");
	is_str(cf_json_text(claims, "iss"), "mover@project.iam.gserviceaccount.com", "for the account");
	is_str(cf_json_text(claims, "scope"), "https://www.googleapis.com/auth/devstorage.read_write", "for objects only");
	is_str(cf_json_text(claims, "aud"), token_uri, "for the endpoint that it is sent to");
	is_int(json_integer_value(json_object_get(claims, "iat")), issued_s, "from now");
	is_int(json_integer_value(json_object_get(claims, "exp")), issued_s + 3600, "for an hour");
	for (size_t i = 0; i < length; i++)
		standard[i] = signature_at[i] == '-' ? '+' : signature_at[i] == '_' ? '/' : signature_at[i];
	while (length % 4 != 0)
		standard[length++] = '=';
	standard[length] = '\0';
	is_int(cf_base64_decode(standard, signature, sizeof(signature)), 256, "the signature has the key's length");
	ok(verifies(jwt, signature_at - jwt - 1, signature, 256), "and is the key's");
	json_decref(header);
	json_decref(claims);
	free(body);
}

static void
service_account(void)
{
	const char *body;
	size_t		length;
	int			zeros = 0;

	note("a service account's key");
	cf_clock_freeze(NOW_S * 1000000);
	give("service_account_key", key_text(""));
	is_int(cf_gcs_credential_next(&op), CF_STEP_SEND, "a token is asked for");
	is_str(op.request.method, "POST", "by POST");
	is_str(op.request.url, "https://oauth2.googleapis.com/token", "at Google's endpoint");
	ok(op.request.sign == NULL, "without another authorisation");
	check_jwt("https://oauth2.googleapis.com/token", NOW_S);
	body = op.request.body;
	length = op.request.body_bytes;
	is_int(answer(200, "{\"access_token\":\"ya29.abc-_~+/=\",\"expires_in\":3599,\"token_type\":\"Bearer\"}", NULL),
		   CF_STEP_DONE, "the answer brings it");
	for (size_t i = 0; i < length; i++)
		zeros += body[i] == '\0';
	is_int(zeros, length, "the JWT is wiped");
	is_str(token.value, "ya29.abc-_~+/=", "it is kept with the place");
	is_int(token.expires_us, (NOW_S + 3599) * 1000000, "until it expires");
	is_int(op.phase, 0, "the operation can begin");
	cf_storage_op_request(&op, "GET", "x");
	ok(cf_gcs_sign(&op.request, &op, &op.request_arena, 0, &op.err) && op.request.header_count == 1, "requests are signed");
	is_str(op.request.headers[0].value, "Bearer ya29.abc-_~+/=", "with it");
	cf_clock_thaw();
}

static void
refusals(void)
{
	static const char *const bad[] = {"{}", "[]", "no json", "{\"access_token\":\"a\"}",
		"{\"access_token\":\"a\\r\\nHost: evil\",\"expires_in\":3600}", "{\"access_token\":\"a\",\"expires_in\":0}",
	"{\"access_token\":\"a\",\"expires_in\":99999999}", "{\"access_token\":17,\"expires_in\":3600}"};

	note("what may go wrong");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
	{
		give("service_account_key", key_text(""));
		cf_gcs_credential_next(&op);
		ok(answer(200, bad[i], NULL) == CF_STEP_ERROR && op.err.kind == CF_ERR_IO && token.expires_us == 0,
		   "%s is no token", bad[i]);
	}
	cf_clock_freeze(NOW_S * 1000000);
	give("service_account_key", key_text(""));
	cf_gcs_credential_next(&op);
	is_int(answer(400, "{\"error\":\"invalid_grant\",\"error_description\":\"Invalid JWT\"}", "Thu, 01 Jan 2026 02:00:00 GMT"),
		   CF_STEP_SEND, "a JWT that is refused while clocks differ is made again");
	check_jwt("https://oauth2.googleapis.com/token", NOW_S + 7200);
	is_int(answer(400, "{\"error\":\"invalid_grant\",\"error_description\":\"Invalid JWT\"}", "Thu, 01 Jan 2026 02:00:00 GMT"),
		   CF_STEP_ERROR, "once");
	is_int(op.err.kind, CF_ERR_DENIED, "then it is a denial");
	ok(!op.err.retryable && strstr(op.err.detail, "invalid_grant: Invalid JWT") != NULL && op.err.hint[0] != '\0',
	   "with the endpoint's words and a hint");
	give("service_account_key", key_text(""));
	cf_gcs_credential_next(&op);
	is_int(answer(400, "{\"error\":\"invalid_grant\"}", "Thu, 01 Jan 2026 00:00:20 GMT"), CF_STEP_ERROR,
		   "and at once where the clocks agree");
	cf_clock_thaw();
	give("service_account_key", key_text(""));
	cf_gcs_credential_next(&op);
	ok(answer(503, "busy", NULL) == CF_STEP_ERROR && op.err.retryable, "a busy endpoint is asked again later");
	give("service_account_key", key_text(""));
	cf_gcs_credential_next(&op);
	ok(answer(0, "", NULL) == CF_STEP_ERROR && op.err.retryable, "so is one that does not answer");
	give("service_account_key", key_text("https://oauth2.googleapis.com/token"));
	ok(cf_storage_credentials_check(&place, &op.err), "a key that Google made is taken");
	give("access_token", "t");
	ok(cf_storage_credentials_check(&place, &op.err), "a token may be anything");
	for (size_t i = 0; i < 5; i++)
	{
		give("service_account_key", i == 0 ? "secret-text" : i == 1 ? "[\"secret\"]" : i == 2 ? "{\"client_email\":\"x\"}" : i == 3 ?
			 "{\"client_email\":\"x\",\"private_key\":\"-----BEGIN PRIVATE KEY-----\\nsecret\\n\"}" : key_text("http://example.com/secret"));
		ok(!cf_storage_credentials_check(&place, &op.err) && op.err.kind == CF_ERR_INPUT && op.err.hint[0] != '\0', "what is none is refused when it is set: %s", op.err.detail);
		ok(strstr(op.err.message, "secret") == NULL && strstr(op.err.detail, "secret") == NULL && op.err.detail[0] != '\0', "and not told");
	}
	give("service_account_key", "{\"client_email\":\"x\"}");
	ok(cf_gcs_credential_next(&op) == CF_STEP_ERROR && op.err.kind == CF_ERR_INPUT, "a key without a private key is refused");
	give("service_account_key", "secret-text");
	ok(cf_gcs_credential_next(&op) == CF_STEP_ERROR && op.err.kind == CF_ERR_INPUT &&
	   strstr(op.err.message, "secret") == NULL && strstr(op.err.detail, "secret") == NULL,
	   "a key that is none is refused without being shown");
	give("service_account_key", "{\"client_email\":\"x\",\"private_key\":\"-----BEGIN PRIVATE KEY-----\\nAAAA\\n\"}");
	ok(cf_gcs_credential_next(&op) == CF_STEP_ERROR && op.err.kind == CF_ERR_DENIED, "a broken private key cannot sign");
	give("service_account_key", key_text("http://example.com/token"));
	ok(cf_gcs_credential_next(&op) == CF_STEP_ERROR && op.err.kind == CF_ERR_INPUT, "a token_uri in the clear is refused");
	give("service_account_key", key_text("ftp://example.com"));
	ok(cf_gcs_credential_next(&op) == CF_STEP_ERROR && op.err.kind == CF_ERR_INPUT, "so is one that is no URL of ours");
	place.endpoint = "http://127.0.0.1:8080";
	give("service_account_key", key_text("http://127.0.0.1:8080/token"));
	ok(cf_gcs_credential_next(&op) == CF_STEP_SEND, "unless the place itself is spoken to in the clear");
	is_str(op.request.url, "http://127.0.0.1:8080/token", "then it is asked there");
	place.endpoint = "";
	op.request.metadata_service = false;
	ok(op.request.classify(&op.request, &(CfResponse) {.status = 502}, &op) == CF_NET_RETRY &&
	   op.request.classify(&op.request, &(CfResponse) {.status = 429}, &op) == CF_NET_SLOW_DOWN &&
	   op.request.classify(&op.request, &(CfResponse) {.status = 401}, &op) == CF_NET_FINAL,
	   "a refusal is final, overload is not");
}

static void
other_sources(void)
{
	static const CfIdentity machine = {.source = "metadata_server"};
	char		body[64];

	note("other sources");
	give("access_token", "fixed");
	ok(cf_gcs_credential_next(&op) == CF_STEP_DONE && token.expires_us == 0, "a fixed token needs no exchange");
	cf_storage_op_request(&op, "GET", "x");
	ok(cf_gcs_sign(&op.request, &op, &op.request_arena, 0, &op.err), "it is used");
	is_str(op.request.headers[0].value, "Bearer fixed", "as it is");
	give("access_token", "fixed\r\nX: y");
	cf_storage_op_request(&op, "GET", "x");
	ok(!cf_gcs_sign(&op.request, &op, &op.request_arena, 0, &op.err), "unless it would be two headers");
	give(NULL, NULL);
	ok(cf_gcs_credential_next(&op) == CF_STEP_DONE, "without credentials nobody is asked");
	cf_storage_op_request(&op, "GET", "x");
	ok(cf_gcs_sign(&op.request, &op, &op.request_arena, 0, &op.err) && op.request.header_count == 0,
	   "and requests go out unsigned");
	place.identity = &machine;
	ok(cf_gcs_credential_next(&op) == CF_STEP_SEND && op.request.metadata_service, "on option, the metadata server is asked");
	is_str(op.request.url, "http://169.254.169.254/computeMetadata/v1/instance/service-accounts/default/token?scopes="
		   "https://www.googleapis.com/auth/devstorage.read_write", "at its own address");
	is_str(op.request.headers[0].name, "Metadata-Flavor", "with its header");
	ok(answer(200, "{\"access_token\":\"machine\",\"expires_in\":300}", NULL) == CF_STEP_DONE, "it gives a token");
	is_str(token.value, "machine", "which is kept");
	cf_gcs_credential_next(&op);
	ok(answer(404, "", NULL) == CF_STEP_ERROR && strstr(op.err.hint, "service account") != NULL, "a machine may have none");
	cf_gcs_credential_next(&op);
	op.request.metadata_service = false;
	ok(answer(200, "{\"access_token\":\"machine\",\"expires_in\":300}", NULL) == CF_STEP_DONE, "(without the mark)");
	cf_gcs_credential_next(&op);
	op.response = (CfResponse) {.status = 200, .body = strcpy(body, "{\"access_token\":\"m\",\"expires_in\":300}"), .body_bytes = strlen(body)};
	token.expires_us = 0;
	ok(cf_gcs_credential_next(&op) == CF_STEP_ERROR && token.expires_us == 0, "who does not say Google is not believed");
	place.identity = NULL;
}

/* check_url verifies the signature of a URL against what has to be signed. */
static void
check_url(const char *url, const char *method, const char *host, const char *path, const char *query)
{
	char		canonical[4096];
	char		text[4096];
	char		hex[65];
	uint8_t		digest[32];
	uint8_t		signature[512];
	const char *at = strstr(url, "&X-Goog-Signature=") + 18;
	size_t		bytes = strlen(at) / 2;

	snprintf(text, sizeof(text), "%s%s?%s&X-Goog-Signature=", strncmp(host, "127", 3) == 0 ? "http://" : "https://", host, path);
	ok(strncmp(url, text, strcspn(text, "?")) == 0, "the URL leads to the object");
	snprintf(canonical, sizeof(canonical), "%s\n%s\n%s\nhost:%s\n\nhost\nUNSIGNED-PAYLOAD", method, path, query, host);
	cf_sha256(canonical, strlen(canonical), digest);
	cf_hex_encode(digest, 32, hex);
	snprintf(text, sizeof(text), "GOOG4-RSA-SHA256\n20260101T000000Z\n20260101/auto/storage/goog4_request\n%s", hex);
	for (size_t i = 0; i < bytes && i < sizeof(signature); i++)
		sscanf(at + 2 * i, "%2hhx", &signature[i]);
	ok(verifies(text, strlen(text), signature, bytes), "its signature is the account's");
	ok(strstr(url, query) != NULL, "over its own query");
}

#define QUERY(seconds) "X-Goog-Algorithm=GOOG4-RSA-SHA256&X-Goog-Credential=mover%40project.iam.gserviceaccount.com" \
	"%2F20260101%2Fauto%2Fstorage%2Fgoog4_request&X-Goog-Date=20260101T000000Z&X-Goog-Expires=" seconds \
	"&X-Goog-SignedHeaders=host"

static void
signed_urls(void)
{
	int64_t		now_us = NOW_S * 1000000;
	CfError		err = {0};
	char	   *url = NULL;

	note("signed URLs");
	give("service_account_key", key_text(""));
	place.prefix = "pre/";
	ok(cf_storage_presign(&place, &arena, "GET", "a b/\xc3\xa4+%.txt", now_us, now_us + 3600000000, &url, &err), "one is made");
	check_url(url, "GET", "storage.googleapis.com", "/bucket/pre/a%20b/%C3%A4%2B%25.txt", QUERY("3600"));
	place.endpoint = "http://127.0.0.1:8080/";
	place.prefix = "";
	options[0] = (CfPlaceOption) {"user_project", "payer"};
	place.option_count = 1;
	ok(cf_storage_presign(&place, &arena, "PUT", "k", now_us, now_us + 1, &url, &err), "for another host and who pays");
	check_url(url, "PUT", "127.0.0.1:8080", "/bucket/k", QUERY("1") "&userProject=payer");
	place.option_count = 0;
	ok(!cf_storage_presign(&place, &arena, "GET", "k", now_us, now_us, &url, &err) && err.kind == CF_ERR_INPUT,
	   "none that has expired");
	ok(!cf_storage_presign(&place, &arena, "GET", "k", now_us, now_us + INT64_C(604801000000), &url, &err) &&
	   err.kind == CF_ERR_INPUT, "none for more than seven days");
	ok(!cf_storage_presign(&place, &arena, "PATCH", "k", now_us, now_us + 1000000, &url, &err) && err.kind == CF_ERR_INPUT,
	   "none for a method that no reader has");
	place.endpoint = "";
	give("access_token", "fixed");
	ok(!cf_storage_presign(&place, &arena, "GET", "k", now_us, now_us + 1000000, &url, &err) && err.kind == CF_ERR_UNSUPPORTED,
	   "none without a private key");
	give("service_account_key", "{\"client_email\":\"x\",\"private_key\":\"y\"}");
	ok(!cf_storage_presign(&place, &arena, "GET", "k", now_us, now_us + 1000000, &url, &err) && err.kind == CF_ERR_DENIED,
	   "none with a key that is none");
}

/* memory_short fails each allocation of the arenas. */
static int	fail_at;

static void *
failing_alloc(void *ctx, size_t size)
{
	(void) ctx;
	return fail_at > 0 && --fail_at == 0 ? NULL : malloc(size);
}

static void
failing_free(void *ctx, void *block)
{
	(void) ctx;
	free(block);
}

static void
memory_short(void)
{
	static const CfAllocator failing = {failing_alloc, failing_free, NULL};
	CfArena		small;
	int			bad = 0;

	for (int n = 1; n <= 12; n++)
	{
		CfError		err = {0};
		char	   *url;
		CfStep		step;

		credentials = (CfCredentials) {.items = {{"service_account_key", key_text("")}}, .count = 1};
		cf_arena_init(&small, &failing, 16, 0);
		cf_storage_op_end(&op);
		cf_storage_op_init(&op, &place, &small);
		op.request_arena.block_bytes = 16;
		fail_at = n;
		step = cf_gcs_credential_next(&op);
		bad += step != CF_STEP_SEND && !(step == CF_STEP_ERROR && op.err.kind == CF_ERR_MEMORY && fail_at == 0);
		fail_at = n;
		if (!cf_gcs_presign(&place, &small, "GET", "key", NOW_S * 1000000, (NOW_S + 60) * 1000000, &url, &err))
			bad += err.kind != CF_ERR_MEMORY || fail_at != 0;
		fail_at = 0;
		cf_storage_op_end(&op);
		cf_arena_free(&small);
		cf_storage_op_init(&op, &place, &arena);
	}
	is_int(bad, 0, "memory that is short is told");
}

int
main(void)
{
	cf_arena_init(&arena, &cf_arena_malloc, 4096, 0);
	cf_storage_op_init(&op, &place, &arena);
	make_key();
	service_account();
	refusals();
	other_sources();
	signed_urls();
	memory_short();
	cf_storage_op_end(&op);
	cf_arena_free(&arena);
	EVP_PKEY_free(pair);
	free(pem);
	return done_testing();
}
