/*
 * storage_gcs_conformance.c: the driver of Google Cloud Storage does what every driver must, on a store in memory, with and
 * without a prefix.
 */
#include "harness/tap.h"
#include "storage/unit/storage_conformance.h"
#include "storage/unit/storage_gcs_store.h"

int
main(void)
{
	static const char *const classes[] = {"NEARLINE", "COLDLINE", "ARCHIVE"};
	static const char *const without[] = {"presigned URLs: no private key", NULL};
	CfArena		arena;
	CfPlace		other = store_place;
	Conformance gcs = {.place = &store_place, .arena = &arena, .send = store_send, .other = &other, .classes = classes,
	.without = without};

	cf_arena_init(&arena, &cf_arena_malloc, 4096, 0);
	other.bucket = "other-bucket";
	store_reset();
	conformance(&gcs);
	store_reset();
	store_place.prefix = "some/prefix/";
	conformance(&gcs);
	is_int(store_size("some/prefix/.cloudflux/"), 0, "no part is left behind");
	store_reset();
	cf_arena_free(&arena);
	cf_arena_free(&store_arena);
	return done_testing();
}
