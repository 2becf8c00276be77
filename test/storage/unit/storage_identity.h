/*
 * storage_identity.h: sources of credentials against answers that are written down. begin() sets a place with a source and its
 * settings, answer() gives op an answer and goes on, token_file() writes a file as a platform would mount it.
 */
#ifndef CF_TEST_IDENTITY_H
#define CF_TEST_IDENTITY_H

#include <sys/stat.h>
#include <unistd.h>

#include "core/clock.h"
#include "harness/tap.h"
#include "storage/identity.h"

#define NOW_US INT64_C(1767225600000000)	/* 2026-01-01 00:00:00 UTC */
#define LATER "2026-01-01T01:00:00Z"
#define SECRET "s3cr3t"				/* part of everything that must not be told */

static CfArena arena;
static CfOp op;
static CfToken token;
static CfIdentity identity;
static CfPlaceOption place_options[4];
static CfPlace place = {.name = "here", .bucket = "bucket", .region = "eu-west-1", .endpoint = "", .prefix = "", .storage_class = "",
	.token = &token, .options = place_options};
static char directory[] = "/tmp/cf-identity.XXXXXX";

#define SETTINGS(...) (const CfCredential[]) {__VA_ARGS__, {NULL, NULL}}

static void
begin(const char *source, const CfCredential *settings)
{
	identity = (CfIdentity) {.source = source};
	for (; settings != NULL && settings->name != NULL; settings++)
		identity.settings.items[identity.settings.count++] = *settings;
	place.identity = &identity;
	place.net.name = place.name;
	memset(&token, 0, sizeof(token));
	cf_storage_op_end(&op);
	cf_arena_reset(&arena);
	cf_storage_op_init(&op, &place, &arena);
}

/* answer gives the op an answer to its request; the texts may be written to, as those of the engine. */
static TAP_UNUSED CfStep
answer(int status, const char *body)
{
	static char text[128 * 1024];

	snprintf(text, sizeof(text), "%s", body);
	op.response = (CfResponse) {.status = status, .body = text, .body_bytes = strlen(text), .sends = 1};
	if (status == 0)
		cf_error_set(&op.response.err, CF_ERR_IO, "the connection was reset");
	return place.driver->credential_next(&op);
}

static TAP_UNUSED CfStep
next(void)
{
	return place.driver->credential_next(&op);
}

static TAP_UNUSED const char *
header(const char *name)
{
	for (int i = 0; i < op.request.header_count; i++)
	{
		if (strcmp(op.request.headers[i].name, name) == 0)
			return op.request.headers[i].value;
	}
	return "";
}

/* refused checks that the exchange ended in an error that tells no secret. */
static TAP_UNUSED void
refused(CfStep step, CfErrorKind kind, const char *says, const char *title)
{
	bool		good = step == CF_STEP_ERROR && op.err.kind == kind &&
		(says == NULL || strstr(op.err.detail, says) != NULL || strstr(op.err.message, says) != NULL || strstr(op.err.hint, says) != NULL);

	ok(good, "%s", title);
	if (!good)
		note("  %s: \"%s\" \"%s\" \"%s\"", cf_error_kind_name(op.err.kind), op.err.message, op.err.detail, op.err.hint);
	ok(strstr(op.err.message, SECRET) == NULL && strstr(op.err.detail, SECRET) == NULL && strstr(op.err.hint, SECRET) == NULL,
	   "%s: no secret is told", title);
	ok(token.value[0] == '\0' || strcmp(token.value, "kept") == 0, "%s: nothing of it is kept", title);
}

/* starving plays an exchange with the n-th allocation failing, for every n that it has. */
static int	allocations_left;
static bool starved;

static void *
starving_alloc(void *ctx, size_t size)
{
	(void) ctx;
	starved |= allocations_left == 0;
	return allocations_left-- == 0 ? NULL : malloc(size);
}

static void
starving_free(void *ctx, void *block)
{
	(void) ctx;
	free(block);
}

static TAP_UNUSED void
starving(const char *source, const CfCredential *settings, const char *const *bodies)
{
	static const CfAllocator allocator = {starving_alloc, starving_free, NULL};
	bool		good = true;
	int			n = 0;

	begin(source, settings);
	do
	{
		CfArena		small;
		CfOp		spare = op;
		CfStep		step;

		cf_arena_init(&small, &allocator, 64, 0);
		cf_storage_op_init(&op, &place, &small);
		op.request_arena.block_bytes = 64;
		memset(&token, 0, sizeof(token));
		allocations_left = n++;
		starved = false;
		step = place.driver->credential_next(&op);
		for (int i = 0; step == CF_STEP_SEND && bodies[i] != NULL; i++)
			step = answer(200, bodies[i]);
		good &= starved ? step == CF_STEP_DONE || (step == CF_STEP_ERROR && op.err.kind == CF_ERR_MEMORY) : step == CF_STEP_DONE;
		if (!good)
			note("  allocation %d: %s %s", n, op.err.message, op.err.detail);
		allocations_left = -1;
		op.state = NULL;		/* what a source keeps lies in the arena */
		cf_storage_op_end(&op);
		cf_arena_free(&small);
		op = spare;
	} while (starved && good && n < 300);
	ok(good && n > 1, "%s: short of memory at any of %d points, it says so", source, n - 1);
}

static TAP_UNUSED const char *
token_file(const char *name, const void *bytes, size_t length)
{
	static char path[4][256];
	static int	n;
	FILE	   *out;

	n = (n + 1) % 4;
	if (strstr(directory, "XXXXXX") != NULL && mkdtemp(directory) == NULL)
		bail("no directory for files");
	snprintf(path[n], sizeof(path[n]), "%s/%s", directory, name);
	if ((out = fopen(path[n], "w")) == NULL || fwrite(bytes, 1, length, out) != length || fclose(out) != 0)
		bail("no file %s", path[n]);
	return path[n];
}

#define TOKEN_FILE(name, text) token_file((name), (text), strlen(text))

static void
open_identities(const CfDriver *driver, const char *provider)
{
	cf_clock_freeze(NOW_US);
	place.driver = driver;
	place.provider = provider;
	cf_arena_init(&arena, &cf_arena_malloc, 4096, 0);
	cf_storage_op_init(&op, &place, &arena);
}

static void
close_identities(void)
{
	char		command[300];

	cf_storage_op_end(&op);
	cf_arena_free(&arena);
	cf_clock_thaw();
	snprintf(command, sizeof(command), "rm -rf %s", directory);
	if (strchr(directory, 'X') == NULL && system(command) != 0)
		bail("%s stays", directory);
}

#endif							/* CF_TEST_IDENTITY_H */
