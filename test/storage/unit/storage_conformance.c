/*
 * storage_conformance.c: the LOCAL driver does what every driver must, with and without a prefix, on folders that are
 * durable and not.
 */
#include "harness/tap.h"
#include "storage/unit/storage_conformance.h"
#include "storage/unit/storage_place.h"

int
main(void)
{
	Conformance local = {.place = &place, .arena = &arena, .part_bytes = 100000};
	int			open_before = descriptors();

	place_open("");
	conformance(&local);
	place_open("some/prefix/");
	place.fsync = false;
	conformance(&local);
	is_int(files_below(".cloudflux"), 0, "nothing private is left behind");
	place_close();
	is_int(descriptors(), open_before, "no descriptor is left open");
	return done_testing();
}
