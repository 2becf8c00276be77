/*
 * Manifests and rows of inventories, as S3, Azure and GCS document them, and what a bucket may hold instead.
 */
#include <stdlib.h>
#include <string.h>

#include "harness/tap.h"

#include "catalog/manifest.h"

static CfArena arena;
static CfManifest manifest;
static CfError err;

static bool
take(const char *text)
{
	cf_arena_reset(&arena);
	memset(&err, 0, sizeof(err));
	return cf_catalog_manifest_read(&arena, text, strlen(text), &manifest, &err);
}

#define REFUSED(text, want_kind, want_word, title) \
	do { \
		ok(!take(text), "%s", title); \
		ok(err.kind == want_kind && strstr(err.message, want_word) != NULL, "%s: says so", title); \
		if (strstr(err.message, want_word) == NULL) \
			note("%s", err.message); \
	} while (0)

/* row reads a line as a row and tells it in one text. */
static const char *
row(const char *text, const char *container)
{
	static char out[4096];
	static char scratch[4096];
	static CfManifestRow told;
	CfAccessText fields[CF_CSV_FIELDS];
	const char *reason = "";
	int			count = cf_catalog_csv_split(text, strlen(text), manifest.delimiter, scratch, fields);

	switch (cf_catalog_manifest_row(&manifest, fields, count, container, &told, &reason))
	{
		case CF_MANIFEST_OTHER:
			return "other";
		case CF_MANIFEST_BAD:
			return reason;
		default:
			snprintf(out, sizeof(out), "%s, %lld bytes, %lld us, e=%s g=%s v=%s, %s %s%s, read %lld", told.key, (long long) told.size_bytes,
					 (long long) told.modified_us, told.etag, told.generation, told.version_id, told.storage_class, told.content_type,
					 told.archived ? ", archived" : "", (long long) told.accessed_us);
			return out;
	}
}

#define S3(schema, files) "{\"sourceBucket\":\"pictures\",\"destinationBucket\":\"arn:aws:s3:::inv\",\"version\":\"2016-11-30\"," \
	"\"creationTimestamp\":\"1714564800000\",\"fileFormat\":\"CSV\",\"fileSchema\":\"" schema "\",\"files\":" files "}"
#define MD5 "b026324c6904b2a9cb4b88d6d61c81d1"

static void
test_s3(void)
{
	ok(take(S3("Bucket, Key, VersionId, IsLatest, IsDeleteMarker, Size, LastModifiedDate, ETag, StorageClass, IntelligentTieringAccessTier",
			   "[{\"key\":\"a/b.csv.gz\",\"size\":12,\"MD5checksum\":\"" MD5 "\"},{\"key\":\"c\"}]")), "S3: a manifest is read");
	is_int(manifest.kind, CF_MANIFEST_S3, "S3: its kind");
	is_str(manifest.bucket, "pictures", "S3: the bucket that was listed");
	is_int(manifest.snapshot_us, INT64_C(1714564800000000), "S3: when");
	is_int(manifest.file_count, 2, "S3: its files");
	ok(strcmp(manifest.files[0].key, "a/b.csv.gz") == 0 && manifest.files[0].size_bytes == 12 && manifest.files[0].has_md5 &&
	   manifest.files[0].md5[0] == 0xb0 && manifest.files[0].md5[15] == 0xd1, "S3: a file with size and digest");
	ok(manifest.files[1].size_bytes == -1 && !manifest.files[1].has_md5 && !manifest.files[1].beside, "S3: a file without");
	is_str(row("\"pictures\",\"a+b%2Bc%C3%A4\",\"null\",\"true\",\"false\",\"22\",\"2024-05-01T10:00:01.000Z\",\"1b4d-3\",\"GLACIER\",\"\"", ""),
		   "a b+c\xc3\xa4, 22 bytes, 1714557601000000 us, e=1b4d-3 g= v=null, GLACIER , read 0", "S3: a row, its key decoded");
	is_str(row("\"pictures\",\"k\",\"v1\",\"true\",\"false\",\"0\",\"2024-05-01T10:00:01.000Z\",\"e\",\"INTELLIGENT_TIERING\",\"DEEP_ARCHIVE_ACCESS\"", ""),
		   "k, 0 bytes, 1714557601000000 us, e=e g= v=v1, INTELLIGENT_TIERING , archived, read 0", "S3: archived by Intelligent-Tiering");
	is_str(row("pictures,k,v,false,false,1,2024-05-01T10:00:01.000Z,e,STANDARD,", ""), "other", "S3: an older version");
	is_str(row("pictures,k,v,TRUE,TRUE,,2024-05-01T10:00:01.000Z,,,", ""), "other", "S3: a delete marker");
	is_str(row("elsewhere,k,v,true,false,1,2024-05-01T10:00:01.000Z,e,STANDARD,", ""), "other", "S3: another bucket");
	is_str(row("pictures,k,v,true,false,-1,2024-05-01T10:00:01.000Z,e,STANDARD,", ""), "size is not a number", "S3: a size");
	is_str(row("pictures,k,v,true,false,,2024-05-01T10:00:01.000Z,e,STANDARD,", ""), "size is not a number", "S3: no size");
	is_str(row("pictures,k,v,true,false,1,2024-05-01,e,STANDARD,", ""), "time is not as inventories have it", "S3: a time");
	is_str(row("pictures,,v,true,false,1,2024-05-01T10:00:01.000Z,e,STANDARD,", ""), "key is empty, or longer than 1024 bytes", "S3: no key");
	is_str(row("pictures,a%00b,v,true,false,1,2024-05-01T10:00:01.000Z,e,STANDARD,", ""), "key is empty, or longer than 1024 bytes", "S3: NUL in a key");
	is_str(row("pictures,k", ""), "row has another number of fields than there are columns", "S3: half a row");
	is_str(row("pictures,k,v,true,false,1,2024-05-01T10:00:01.000Z,e,0123456789012345678901234567890123456789012345678901234567890123456789,", ""),
		   "a field is too long", "S3: a class that is none");
	REFUSED(S3("Bucket, Key", "[]"), CF_ERR_INPUT, "\"Size\"", "S3: columns that are needed");
	ok(strstr(err.hint, "OptionalFields") != NULL, "S3: where to add them");
	REFUSED(S3("Key,Size,LastModifiedDate,ETag", "{}"), CF_ERR_INPUT, "\"files\"", "S3: files are no list");
	REFUSED(S3("Key,Size,LastModifiedDate,ETag", "[1]"), CF_ERR_INPUT, "\"files\"", "S3: a file is no object");
	REFUSED(S3("Key,Size,LastModifiedDate,ETag", "[{\"key\":\"k\",\"MD5checksum\":\"12\"}]"), CF_ERR_INPUT, "\"MD5checksum\"", "S3: a digest that is none");
	REFUSED("{\"fileSchema\":\"Key\",\"fileFormat\":\"ORC\"}", CF_ERR_UNSUPPORTED, "\"ORC\"", "S3: ORC");
	ok(strstr(err.hint, "CSV") != NULL, "S3: how to get CSV");
	REFUSED("{\"fileSchema\":\"Key\",\"fileFormat\":\"CSV\",\"creationTimestamp\":\"now\"}", CF_ERR_INPUT, "creationTimestamp", "S3: a time of the snapshot");
	REFUSED("{\"fileSchema\":7,\"fileFormat\":\"CSV\",\"creationTimestamp\":\"1\"}", CF_ERR_INPUT, "\"Key\"", "S3: a schema that is no text");
	{
		char		many[2000] = "{\"fileFormat\":\"CSV\",\"creationTimestamp\":\"1\",\"fileSchema\":\"";
		size_t		n = strlen(many);

		memset(many + n, ',', CF_CSV_FIELDS + 1);
		strcpy(many + n + CF_CSV_FIELDS + 1, "\"}");
		REFUSED(many, CF_ERR_INPUT, "fileSchema", "S3: too many columns");
	}
}

#define AZURE(more) "{\"inventoryStartTime\":\"2024-05-01T12:00:00Z\",\"status\":\"Succeeded\",\"summary\":{\"objectCount\":6}," \
	"\"files\":[{\"blob\":\"d/rule.csv\",\"size\":5}],\"ruleDefinition\":{\"format\":\"csv\",\"objectType\":\"blob\"" more "}}"

/* columns takes a header line. */
static bool
columns(const char *text)
{
	char		scratch[4096];
	CfAccessText fields[CF_CSV_FIELDS];
	int			count = cf_catalog_csv_split(text, strlen(text), ',', scratch, fields);

	return cf_catalog_manifest_columns(&manifest, fields, count, &err);
}

static void
test_azure(void)
{
	ok(take(AZURE(",\"filters\":{\"prefixMatch\":[\"c/abc/x\",\"c/abd\"]}")), "Azure: a manifest is read");
	ok(manifest.kind == CF_MANIFEST_AZURE && manifest.header && manifest.rows == 6, "Azure: its kind, its rows");
	is_str(manifest.filter, "c/ab", "Azure: what all keys begin with");
	ok(columns("Name,Creation-Time,Last-Modified,LastAccessTime,ETag,Content-Length,Content-Type,AccessTier,Snapshot,Deleted,hdi_isfolder"), "Azure: a header");
	is_str(row("c/d/a%20b,2024-05-01T09:00:00Z,\"Wed, 01 May 2024 10:00:01 GMT\",2024-05-02T10:00:00Z,0x8D,7,text/plain,Cool,,,", "c"),
		   "d/a%20b, 7 bytes, 1714557601000000 us, e=0x8D g= v=, Cool text/plain, read 1714644000000000", "Azure: a row");
	is_str(row("cc/k,,2024-05-01T10:00:01Z,,0x8D,7,,,,,", "c"), "other", "Azure: another container");
	is_str(row("c,,2024-05-01T10:00:01Z,,0x8D,7,,,,,", "c"), "other", "Azure: the container itself");
	is_str(row("c/k,,2024-05-01T10:00:01Z,,0x8D,7,,,2024-05-01T10:00:01Z,,", "c"), "other", "Azure: a snapshot");
	is_str(row("c/k,,2024-05-01T10:00:01Z,,0x8D,7,,,,true,", "c"), "other", "Azure: a deleted blob");
	is_str(row("c/k,,2024-05-01T10:00:01Z,,0x8D,7,,,,,true", "c"), "other", "Azure: a folder");
	is_str(row("c/k,,\"Wed, 01 Foo 2024 10:00:01 GMT\",,0x8D,7,,,,,", "c"), "time is not as inventories have it", "Azure: a time");
	is_str(row("c/k,x,2024-05-01T10:00:01Z,,0x8D,7,,,,,", "c"), "time is not as inventories have it", "Azure: a time of creation");
	is_str(row("c/k,,2024-05-01T10:00:01Z,x,0x8D,7,,,,,", "c"), "time is not as inventories have it", "Azure: a time of access");
	ok(!columns("Name,Last-Modified,Content-Length") && strstr(err.message, "Etag") != NULL, "Azure: a header without the ETag");
	ok(take(AZURE("")) && manifest.filter[0] == '\0', "Azure: no filter");
	REFUSED("{\"inventoryStartTime\":1,\"status\":\"Pending\"}", CF_ERR_STATE, "Pending", "Azure: not ready");
	REFUSED("{\"inventoryStartTime\":1,\"status\":\"Succeeded\",\"ruleDefinition\":{\"format\":\"parquet\"}}", CF_ERR_UNSUPPORTED, "parquet", "Azure: Parquet");
	REFUSED("{\"inventoryStartTime\":1,\"status\":\"Succeeded\",\"ruleDefinition\":{\"format\":\"csv\",\"objectType\":\"container\"}}", CF_ERR_INPUT, "objectType", "Azure: containers");
	REFUSED("{\"inventoryStartTime\":1,\"status\":\"Succeeded\",\"ruleDefinition\":{\"format\":\"csv\"}}", CF_ERR_INPUT, "inventoryStartTime", "Azure: a time of the snapshot");
}

#define GCS(config) "{\"snapshot_time\":\"2024-05-01T12:00:00Z\",\"records_processed\":4,\"report_shards_file_names\":[\"x_0.csv\",\"d/x_1.csv\"],\"report_config\":" config "}"

static void
test_gcs(void)
{
	ok(take(GCS("{\"csv_options\":{\"delimiter\":\";\",\"record_separator\":\"\\r\\n\",\"header_required\":false},\"object_metadata_report_options\":"
				"{\"metadata_fields\":[\"bucket\",\"name\",\"size\",\"timeCreated\",\"updated\",\"timeDeleted\",\"generation\",\"storageClass\",\"contentType\"],"
				"\"storage_filters\":{\"bucket\":\"scans\"}}}")), "GCS: a manifest is read");
	ok(manifest.kind == CF_MANIFEST_GCS && !manifest.header && manifest.rows == 4 && strcmp(manifest.bucket, "scans") == 0, "GCS: its kind, its rows, its bucket");
	ok(manifest.files[0].beside && !manifest.files[1].beside, "GCS: shards lie beside the manifest");
	is_str(row("scans;a,b;7;2024-05-01T10:00:01Z;2024-05-02T10:00:01Z;;1714557601000000;COLDLINE;text/plain", ""),
		   "a,b, 7 bytes, 1714557601000000 us, e= g=1714557601000000 v=, COLDLINE text/plain, read 0", "GCS: a row, with when it was made");
	is_str(row("scans;k;7;;2024-05-02T10:00:01Z;2024-05-02T10:00:01Z;1;COLDLINE;", ""), "other", "GCS: an older generation");
	is_str(row("other;k;7;;2024-05-02T10:00:01Z;;1;COLDLINE;", ""), "other", "GCS: another bucket");
	is_str(row("scans;k;7;;;;12345678901234567890123456789012345;COLDLINE;", ""), "a field is too long", "GCS: a generation that is none");
	ok(take(GCS("{}")) && manifest.header && manifest.delimiter == ',', "GCS: a header and commas, if nothing is said");
	REFUSED(GCS("{\"csv_options\":{\"header_required\":false}}"), CF_ERR_INPUT, "metadata_fields", "GCS: neither header nor fields");
	REFUSED(GCS("{\"csv_options\":{\"header_required\":false},\"object_metadata_report_options\":{\"metadata_fields\":[\"name\"]}}"), CF_ERR_INPUT, "size", "GCS: columns that are needed");
	REFUSED(GCS("{\"csv_options\":{\"delimiter\":\"ab\"}}"), CF_ERR_INPUT, "delimiter", "GCS: a delimiter of two letters");
	REFUSED(GCS("{\"csv_options\":{\"record_separator\":\"|\"}}"), CF_ERR_INPUT, "record_separator", "GCS: another separator");
	REFUSED(GCS("{\"parquet_options\":{}}"), CF_ERR_UNSUPPORTED, "Parquet", "GCS: Parquet");
	REFUSED("{\"report_shards_file_names\":[],\"snapshot_time\":1}", CF_ERR_INPUT, "snapshot_time", "GCS: a time of the snapshot");
}

static void
test_memory(void)
{
	static const char *const texts[] = {
		S3("Key,Size,LastModifiedDate,ETag", "[{\"key\":\"k\"}]"), AZURE(""), GCS("{}"),
	};

	/* Each text fails until there is memory enough, and never in another way. */
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
	{
		bool		good = false;

		for (size_t max = 1; max < 4096 && !good; max += 8)
		{
			CfArena		small;

			cf_arena_init(&small, &cf_arena_malloc, 64, max);
			memset(&err, 0, sizeof(err));
			good = cf_catalog_manifest_read(&small, texts[i], strlen(texts[i]), &manifest, &err);
			if (!good && err.kind != CF_ERR_MEMORY)
				max = 4096;
			cf_arena_free(&small);
		}
		ok(good, "manifest %zu: short of memory is told as that", i);
	}
}

/* A text of five megabytes that would take four hundred when it is parsed. */
static void
test_values(void)
{
	const size_t count = 1700000;
	char	   *text = malloc(3 * count + 64);
	char	   *end = text == NULL ? NULL : stpcpy(text, "{\"fileSchema\": [");

	for (size_t i = 0; end != NULL && i < count; i++)
		end = stpcpy(end, "{},");
	if (end != NULL)
		stpcpy(end, "{}]}");
	REFUSED(text == NULL ? "" : text, CF_ERR_INPUT, "1.5 million values", "a manifest of too many values");
	free(text);
}

int
main(void)
{
	char		name[64];
	uint8_t		md5[16];

	cf_arena_init(&arena, &cf_arena_malloc, 4096, 0);
	test_s3();
	test_azure();
	test_gcs();
	test_memory();
	REFUSED("{}", CF_ERR_INPUT, "none of", "an object that is no manifest");
	REFUSED("[", CF_ERR_INPUT, "not a JSON object", "no JSON");
	test_values();
	ok(cf_catalog_manifest_checksum(CF_MANIFEST_S3, "a/manifest.json", name, sizeof(name)) && strcmp(name, "a/manifest.checksum") == 0, "S3 has a digest beside");
	ok(cf_catalog_manifest_checksum(CF_MANIFEST_AZURE, "r-manifest.json", name, sizeof(name)) && strcmp(name, "r-manifest.checksum") == 0, "Azure too");
	ok(!cf_catalog_manifest_checksum(CF_MANIFEST_GCS, "manifest.json", name, sizeof(name)), "GCS has none");
	ok(!cf_catalog_manifest_checksum(CF_MANIFEST_S3, "my.json", name, sizeof(name)), "nor has another name");
	ok(cf_catalog_manifest_md5("  " MD5 "\r\n", 36, md5) && md5[1] == 0x26, "a digest with blanks around");
	ok(cf_catalog_manifest_md5("B026324C6904B2A9CB4B88D6D61C81D1", 32, md5) && md5[15] == 0xd1, "in capitals");
	ok(!cf_catalog_manifest_md5("x026324c6904b2a9cb4b88d6d61c81d1", 32, md5) && !cf_catalog_manifest_md5("", 0, md5), "but not what is none");
	cf_arena_free(&arena);
	return done_testing();
}
