/*
 * storage_s3_presets: what the driver believes of each store that it knows by name: where it is, how its buckets are addressed,
 * by what it checks bodies, which conditions it honours, and the rules of its parts. One line per store, so that a change
 * of the table is a change here; and a row of docs/storage.md for each.
 */
#include "storage/s3/s3.h"
#include "tap.h"

#include <stdio.h>

typedef struct Expected
{
	const char *preset;
	const char *region;			/* of the place; "" = the preset knows it */
	const char *url;			/* of the key k in bucket photos, NULL = the option endpoint must be there */
	const char *signed_for;
	const char *checksum;
	const char *honours;		/* c create only, d conditional delete, r conditional read, j create only when parts are joined, y when copied */
	int64_t		max_bytes;		/* of an object */
	bool		classes;
	bool		equal_parts;
} Expected;

#define TIB (INT64_C(1) << 40)
#define PARTS_AWS (INT64_C(10000) * 5 * 1024 * 1024 * 1024)

static const Expected expected[] = {
	{"aws", "eu-west-1", "https://photos.s3.eu-west-1.amazonaws.com/k", "eu-west-1", "crc64nvme", "cdrjy", PARTS_AWS, true, false},
	{"generic", "", NULL, "us-east-1", "md5", "cdrj", PARTS_AWS, true, false},
	{"minio", "", NULL, "us-east-1", "crc64nvme", "crj", PARTS_AWS, false, false},
	{"ceph", "", NULL, "default", "md5", "crj", PARTS_AWS, true, false},
	{"r2", "", NULL, "auto", "md5", "cr", 5 * TIB - 5 * (TIB / 1024), true, true},
	{"b2", "us-west-004", "https://s3.us-west-004.backblazeb2.com/photos/k", "us-west-004", "md5", "r", INT64_C(10000000000000), false, false},
	{"oracle", "eu-frankfurt-1", NULL, "eu-frankfurt-1", "md5", "cr", 10 * TIB, false, false},
	{"ibm", "eu-de", "https://s3.eu-de.cloud-object-storage.appdomain.cloud/photos/k", "eu-de", "md5", "cr", 10 * TIB, false, false},
	{"alibaba", "eu-central-1", "https://photos.s3.oss-eu-central-1.aliyuncs.com/k", "eu-central-1", "md5", "r", PARTS_AWS, true, false},
	{"wasabi", "eu-central-1", "https://s3.eu-central-1.wasabisys.com/photos/k", "eu-central-1", "md5", "r", 5 * TIB, false, false},
	{"seaweedfs", "", NULL, "us-east-1", "crc64nvme", "cdrjy", PARTS_AWS, true, false},
	{"versitygw", "", NULL, "us-east-1", "crc64nvme", "cdrj", PARTS_AWS, false, false},
	{"garage", "", NULL, "garage", "md5", "r", PARTS_AWS, false, false},
	{"gcs", "", "https://storage.googleapis.com/photos/k", "auto", "md5", "cdr", 16 * 1024 * 1024, true, false},
};

#define COUNT (sizeof(expected) / sizeof(expected[0]))

/* documented tells whether docs/storage.md has a row for a preset. */
static bool
documented(const char *preset)
{
	FILE	   *file = fopen("docs/storage.md", "r");
	char		line[4096];
	char		name[40];
	bool		found = false;

	if (file == NULL)
		bail("docs/storage.md cannot be read");
	snprintf(name, sizeof(name), "`%s`", preset);
	while (!found && fgets(line, sizeof(line), file) != NULL)
		found = line[0] == '|' && strstr(line, name) != NULL;
	fclose(file);
	return found;
}

static void
honoured(const CfS3Store *store, const CfCaps *caps, char text[8])
{
	snprintf(text, 8, "%s%s%s%s%s", store->create_only ? "c" : "", store->conditional_delete ? "d" : "", caps->conditional_read ? "r" : "",
			 store->join_create_only ? "j" : "", store->copy_create_only ? "y" : "");
}

int
main(void)
{
	static const char *const checksums[] = {"none", "md5", "crc32c", "crc64nvme"};
	CfArena		arena;

	cf_arena_init(&arena, &cf_arena_malloc, 1024, 0);
	for (size_t i = 0; i < COUNT; i++)
	{
		const Expected *e = &expected[i];
		CfPlaceOption option = {"preset", e->preset};
		CfPlace		place = {.name = "p", .provider = i == 0 ? "AWS" : "S3", .bucket = "photos", .region = e->region, .endpoint = "", .prefix = "",
			.storage_class = "", .options = &option, .option_count = 1, .driver = &cf_storage_s3_driver};
		const CfS3Store *store = cf_s3_store(&place);
		CfError		err = {0};
		CfCaps		caps;
		char		text[8];
		bool		good;

		is_str(store->preset, e->preset, "%s is there", e->preset);
		good = cf_storage_place_check(&place, &err);
		ok(good == (e->url != NULL), "%s %s where it is", e->preset, e->url != NULL ? "knows" : "must be told");
		if (e->url == NULL)
		{
			ok(strstr(err.hint, "https://") != NULL, "%s: what an endpoint looks like is told: %s", e->preset, err.hint);
			place.endpoint = "https://store.example";
			ok(cf_storage_place_check(&place, &err), "%s: with an endpoint it is accepted", e->preset);
		}
		is_str(cf_s3_url(&place, &arena, "k", ""), e->url != NULL ? e->url : "https://store.example/photos/k", "%s: the URL of an object", e->preset);
		is_str(cf_s3_region(&place), e->signed_for, "%s: the region that is signed for", e->preset);
		is_str(checksums[cf_s3_checksum(&place)], e->checksum, "%s: the checksum", e->preset);
		cf_storage_caps(&place, &caps);
		honoured(store, &caps, text);
		is_str(text, e->honours, "%s: the conditions", e->preset);
		ok(caps.create_only == (strchr(e->honours, 'c') != NULL) && caps.conditional_delete == (strchr(e->honours, 'd') != NULL) &&
		   caps.storage_classes == e->classes, "%s: and claims no others", e->preset);
		is_int(caps.max_object_bytes, e->max_bytes, "%s: the largest object", e->preset);
		ok(caps.parts_max == (store->whole_only ? 1 : CF_S3_PARTS_MAX) && caps.part_min_bytes == CF_S3_PART_MIN, "%s: the rules of parts", e->preset);
		is_int(store->equal_parts, e->equal_parts, "%s: whether parts must be of one size", e->preset);
		ok(documented(e->preset), "%s has a row in docs/storage.md", e->preset);
	}
	is_int(COUNT, cf_s3_store_count, "no store is left out");
	cf_arena_free(&arena);
	return done_testing();
}
