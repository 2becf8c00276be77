/*
 * storage_identity.c: whatever the services of a platform answer, a source of credentials ends in a token that can stand in a header and
 * has an end, or in an error that says something and holds nothing of the answer; and a credentials file is read or not.
 *
 * The first byte chooses the source. Then come answers, each a byte for the status, two for the length, and the body.
 */
#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/clock.h"
#include "storage/s3/s3_source.h"

extern int	LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define STEPS_MAX 8

static const struct
{
	const CfDriver *driver;
	const char *provider;
	const char *source;
}			sources[] = {
	{&cf_storage_s3_driver, "AWS", "web_identity"}, {&cf_storage_s3_driver, "AWS", "imds"}, {&cf_storage_s3_driver, "AWS", "pod_identity"},
	{&cf_storage_azure_driver, "Azure", "web_identity"}, {&cf_storage_azure_driver, "Azure", "managed_identity"},
	{&cf_storage_gcs_driver, "GCP", "web_identity"}, {&cf_storage_gcs_driver, "GCP", "metadata_server"},
};

#define SOURCES (sizeof(sources) / sizeof(sources[0]))

static char token_path[64];
static char config_path[64];

/* files makes, once, what the sources read. */
static void
files(void)
{
	FILE	   *out;

	if (token_path[0] != '\0')
		return;
	snprintf(token_path, sizeof(token_path), "/tmp/cf-fuzz-%d.token", (int) getpid());
	snprintf(config_path, sizeof(config_path), "/tmp/cf-fuzz-%d.json", (int) getpid());
	out = fopen(token_path, "w");
	assert(out != NULL && fputs("token", out) >= 0 && fclose(out) == 0);
	out = fopen(config_path, "w");
	assert(out != NULL && fprintf(out, "{\"type\":\"external_account\",\"audience\":\"a\",\"subject_token_type\":\"t\",\"credential_source\":{\"file\":\"%s\"},"
								  "\"service_account_impersonation_url\":\"https://iam.example/\"}", token_path) > 0 && fclose(out) == 0);
}

/* unlinked removes them at the end of the process. */
static void __attribute__((destructor))
unlinked(void)
{
	if (token_path[0] != '\0')
		(void) (unlink(token_path) + unlink(config_path));
}

/* respond gives op the next answer of the input; the caller frees its body. */
static char *
respond(CfOp *op, const uint8_t **data, size_t *size)
{
	static const int statuses[] = {200, 200, 200, 200, 0, 301, 400, 401, 403, 404, 429, 500};
	int			status = *size > 0 ? statuses[(*data)[0] % 12] : 200;
	size_t		length = *size > 2 ? (size_t) ((*data)[1] | (*data)[2] << 8) : 0;
	char	   *body;

	*data += *size > 2 ? 3 : *size;
	*size -= *size > 2 ? 3 : *size;
	length = length < *size ? length : *size;
	body = malloc(length + 1);
	memcpy(body, *data, length);
	body[length] = '\0';
	*data += length;
	*size -= length;
	op->response = (CfResponse) {.status = status, .body = body, .body_bytes = length, .sends = 1};
	return body;
}

/* exchange drives a source to its end. */
static void
exchange(size_t which, const uint8_t *data, size_t size)
{
	CfToken    *token = calloc(1, sizeof(CfToken));
	CfIdentity	identity = {.source = sources[which].source, .settings = {.items = {{"role_arn", "r"}, {"token_file", token_path},
		{"full_uri", "http://h/"}, {"tenant_id", "t"}, {"client_id", "c"}, {"credentials_file", config_path}}, .count = 6}};
	CfPlace		place = {.name = "fuzz", .provider = sources[which].provider, .bucket = "bucket", .region = "eu-west-1", .endpoint = "", .prefix = "",
		.storage_class = "", .token = token, .identity = &identity, .driver = sources[which].driver};
	CfArena		arena;
	CfOp		op;
	CfStep		step = CF_STEP_AGAIN;
	int			steps = 0;

	cf_arena_init(&arena, &cf_arena_malloc, 4096, 0);
	cf_storage_op_init(&op, &place, &arena);
	step = place.driver->credential_next(&op);
	while (step == CF_STEP_SEND && steps++ < STEPS_MAX)
	{
		char	   *body = respond(&op, &data, &size);

		assert(op.request.url != NULL || op.response.status == 0);
		step = place.driver->credential_next(&op);
		free(body);
	}
	assert(step == CF_STEP_DONE || step == CF_STEP_ERROR);
	if (step == CF_STEP_DONE)
	{
		assert(token->value[0] != '\0' && token->expires_us > cf_clock_now_us() && strchr(token->value, '\r') == NULL);
		assert(sources[which].driver == &cf_storage_s3_driver || strchr(token->value, '\n') == NULL);
	}
	else
		assert(op.err.kind != CF_ERR_NONE && op.err.message[0] != '\0' && token->value[0] == '\0');
	op.phase = 0;
	op.state = NULL;
	cf_storage_op_end(&op);
	cf_arena_free(&arena);
	free(token);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CfS3Session session = {.access_key = ""};
	bool		delegates = false;

	if (size == 0)
		return 0;
	cf_clock_freeze(INT64_C(1767225600000000));
	files();
	if (data[0] % (SOURCES + 1) < SOURCES)
		exchange(data[0] % (SOURCES + 1), data + 1, size - 1);
	else
	{
		char	   *text = strndup((const char *) data + 1, size - 1);

		if (!cf_s3_profile_read(text, "default", &session, &delegates))
			assert(session.access_key[0] == '\0' && !delegates);
		free(text);
	}
	return 0;
}
