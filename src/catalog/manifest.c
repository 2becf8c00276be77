/*
 * manifest.c
 *		Manifests of inventories: JSON by jansson, three kinds.
 *
 * S3 Inventory:	{"sourceBucket": …, "fileFormat": "CSV", "fileSchema": "Bucket, Key, …", "creationTimestamp": "ms",
 *					 "files": [{"key": …, "size": n, "MD5checksum": …}]}; rows have no header
 * Azure:			{"inventoryStartTime": …, "status": "Succeeded", "files": [{"blob": …, "size": n}], "summary": {"objectCount": n},
 *					 "ruleDefinition": {"format": "csv", "objectType": "blob", "filters": {"prefixMatch": […]}}}; rows have a header
 * GCS:				{"snapshot_time": …, "records_processed": n, "report_shards_file_names": […], "report_config": {"csv_options":
 *					 {"delimiter": …, "header_required": …}, "object_metadata_report_options": {"metadata_fields": […], …}}}
 *
 * A manifest is as hostile as anything from a bucket: every member is looked at for its kind, and nothing is read beyond the limits.
 */
#include <stdlib.h>
#include <string.h>

#include "catalog/logjson.h"
#include "catalog/manifest.h"

typedef struct Reader
{
	CfArena    *arena;
	const json_t *root;
	CfManifest *manifest;
	CfError    *err;
} Reader;

static bool read_s3(Reader *in);
static bool read_azure(Reader *in);
static bool read_gcs(Reader *in);

static const struct
{
	const char *member;			/* only this kind has it */
	CfManifestKind kind;
	bool		(*read) (Reader *in);
}			kinds[] = {
	{"fileSchema", CF_MANIFEST_S3, read_s3},
	{"inventoryStartTime", CF_MANIFEST_AZURE, read_azure},
	{"report_shards_file_names", CF_MANIFEST_GCS, read_gcs},
};

/* wrong tells that a member is missing or of another kind than documented. */
static bool
wrong(Reader *in, const char *member)
{
	cf_error_set(in->err, CF_ERR_INPUT, "manifest of an inventory has no valid member \"%s\"", member);
	return false;
}

static bool
memory(Reader *in)
{
	return cf_error_set(in->err, CF_ERR_MEMORY, "out of memory");
}

/* kept copies a text into the arena; what is none is "". */
static const char *
kept(Reader *in, const json_t *value)
{
	CfAccessText text = cf_catalog_json_text(value);

	return cf_arena_strndup(in->arena, text.data, text.length);
}

bool
cf_catalog_manifest_read(CfArena *arena, const char *text, size_t length, CfManifest *manifest, CfError *err)
{
	json_t	   *root = length > CF_MANIFEST_BYTES_MAX ? NULL : cf_catalog_json_read(text, length);
	Reader		in = {arena, root, manifest, err};
	bool		good = false;
	size_t		i = 0;

	memset(manifest, 0, sizeof(*manifest));
	manifest->bucket = manifest->filter = "";
	manifest->rows = -1;
	manifest->delimiter = ',';
	while (i < sizeof(kinds) / sizeof(kinds[0]) && cf_catalog_json_at(root, kinds[i].member, NULL) == NULL)
		i++;
	if (root == NULL)
		cf_error_set(err, CF_ERR_INPUT, "manifest of an inventory is not a JSON object of at most 32 MiB and 1.5 million values");
	else if (i == sizeof(kinds) / sizeof(kinds[0]))
	{
		cf_error_set(err, CF_ERR_INPUT, "manifest is none of S3 Inventory, Azure blob inventory or Storage Insights");
		cf_error_hint(err, "Name the file manifest.json, ..._manifest.json or ...-manifest.json that the provider writes beside the data.");
	}
	else
	{
		manifest->kind = kinds[i].kind;
		good = kinds[i].read(&in);
	}
	json_decref(root);
	return good;
}

/* unsupported refuses a format of files that needs another library, and tells how to get CSV. */
static bool
unsupported(Reader *in, const CfAccessText *format, const char *hint)
{
	cf_error_set(in->err, CF_ERR_UNSUPPORTED, "inventory files of format \"%.*s\" cannot be read", (int) (format->length < 32 ? format->length : 32),
				 format->data);
	return cf_error_hint(in->err, "%s", hint);
}

/* read_files takes the list of files; name_of = member with the key, NULL = the elements are the keys themselves. */
static bool
read_files(Reader *in, const char *member, const char *name_of)
{
	const json_t *list = json_object_get(in->root, member);
	CfManifest *manifest = in->manifest;
	size_t		count = json_array_size(list);

	if (!json_is_array(list) || count > CF_MANIFEST_FILES_MAX)
		return wrong(in, member);
	manifest->files = cf_arena_zalloc(in->arena, (count + 1) * sizeof(CfManifestFile));
	if (manifest->files == NULL)
		return memory(in);
	for (size_t i = 0; i < count; i++)
	{
		const json_t *item = json_array_get(list, i);
		CfManifestFile *file = &manifest->files[i];
		CfAccessText name = cf_catalog_json_text(name_of == NULL ? item : json_object_get(item, name_of));
		CfAccessText md5 = cf_catalog_json_text(json_object_get(item, "MD5checksum"));

		if (name.length == 0 || name.length > CF_MANIFEST_KEY_MAX)
			return wrong(in, member);
		file->key = cf_arena_strndup(in->arena, name.data, name.length);
		if (file->key == NULL)
			return memory(in);
		file->beside = name_of == NULL && memchr(name.data, '/', name.length) == NULL;
		file->size_bytes = cf_catalog_json_count(json_object_get(item, "size"));
		file->has_md5 = md5.length > 0;
		if (file->has_md5 && !cf_catalog_manifest_md5(md5.data, md5.length, file->md5))
			return wrong(in, "MD5checksum");
	}
	manifest->file_count = (int) count;
	return true;
}

static bool
read_s3(Reader *in)
{
	CfAccessText format = cf_catalog_json_text(json_object_get(in->root, "fileFormat"));
	CfAccessText schema = cf_catalog_json_text(json_object_get(in->root, "fileSchema"));
	int64_t		created_ms = cf_catalog_json_count(json_object_get(in->root, "creationTimestamp"));
	CfAccessText names[CF_CSV_FIELDS];
	int			count = 0;

	if (!cf_catalog_field_is(&format, "CSV"))
		return unsupported(in, &format, "Let S3 Inventory write CSV: set Destination.S3BucketDestination.Format to CSV in the inventory configuration.");
	if (created_ms < 0 || created_ms > INT64_C(253402300799999))
		return wrong(in, "creationTimestamp");
	in->manifest->snapshot_us = created_ms * 1000;
	in->manifest->bucket = kept(in, json_object_get(in->root, "sourceBucket"));
	if (in->manifest->bucket == NULL)
		return memory(in);
	for (const char *p = schema.data, *end = p + schema.length; p < end;)
	{
		const char *comma = memchr(p, ',', (size_t) (end - p));

		comma = comma == NULL ? end : comma;
		if (count == CF_CSV_FIELDS)
			return wrong(in, "fileSchema");
		while (p < comma && *p == ' ')
			p++;
		names[count++] = (CfAccessText) {p, (size_t) (comma - p)};
		p = comma + 1;
	}
	return cf_catalog_manifest_columns(in->manifest, names, count, in->err) && read_files(in, "files", "key");
}

/* read_filter takes what all prefixes of a rule begin with. */
static bool
read_filter(Reader *in, const json_t *prefixes)
{
	size_t		count = json_array_size(prefixes);
	CfAccessText common = {"", 0};

	for (size_t i = 0; i < count; i++)
	{
		CfAccessText prefix = cf_catalog_json_text(json_array_get(prefixes, i));
		size_t		same = 0;

		if (i == 0)
			common = prefix;
		while (same < common.length && same < prefix.length && common.data[same] == prefix.data[same])
			same++;
		common.length = same;
	}
	in->manifest->filter = cf_arena_strndup(in->arena, common.data, common.length);
	return in->manifest->filter != NULL || memory(in);
}

static bool
read_azure(Reader *in)
{
	CfAccessText status = cf_catalog_json_text(json_object_get(in->root, "status"));
	CfAccessText format = cf_catalog_json_text(cf_catalog_json_at(in->root, "ruleDefinition", "format", NULL));
	CfAccessText type = cf_catalog_json_text(cf_catalog_json_at(in->root, "ruleDefinition", "objectType", NULL));
	CfAccessText start = cf_catalog_json_text(json_object_get(in->root, "inventoryStartTime"));

	if (!cf_catalog_field_is(&status, "Succeeded"))
	{
		cf_error_set(in->err, CF_ERR_STATE, "inventory has status \"%.*s\"", (int) (status.length < 32 ? status.length : 32), status.data);
		return cf_error_hint(in->err, "Take one with status Succeeded; a failed one is made again the next day.");
	}
	if (!cf_catalog_field_is(&format, "csv"))
		return unsupported(in, &format, "Let the rule of the inventory write CSV: set its format to csv.");
	if (type.length > 0 && !cf_catalog_field_is(&type, "blob"))
		return wrong(in, "ruleDefinition.objectType");
	if (!cf_catalog_field_iso(&start, &in->manifest->snapshot_us))
		return wrong(in, "inventoryStartTime");
	in->manifest->rows = cf_catalog_json_count(cf_catalog_json_at(in->root, "summary", "objectCount", NULL));
	in->manifest->header = true;
	return read_filter(in, cf_catalog_json_at(in->root, "ruleDefinition", "filters", "prefixMatch", NULL)) && read_files(in, "files", "blob");
}

/* read_gcs_csv takes how the rows are written. */
static bool
read_gcs_csv(Reader *in, const json_t *options)
{
	CfAccessText delimiter = cf_catalog_json_text(cf_catalog_json_at(options, "delimiter", NULL));
	CfAccessText separator = cf_catalog_json_text(cf_catalog_json_at(options, "record_separator", NULL));

	if (delimiter.length > 1 || (delimiter.length == 1 && strchr("\"\r\n", delimiter.data[0]) != NULL))
		return wrong(in, "report_config.csv_options.delimiter");
	if (delimiter.length == 1)
		in->manifest->delimiter = delimiter.data[0];
	if (separator.length > 0 && !cf_catalog_field_is(&separator, "\n") && !cf_catalog_field_is(&separator, "\r\n"))
		return wrong(in, "report_config.csv_options.record_separator");
	in->manifest->header = !json_is_false(cf_catalog_json_at(options, "header_required", NULL));
	return true;
}

static bool
read_gcs(Reader *in)
{
	const json_t *config = json_object_get(in->root, "report_config");
	const json_t *report = cf_catalog_json_at(config, "object_metadata_report_options", NULL);
	const json_t *fields = cf_catalog_json_at(report, "metadata_fields", NULL);
	CfAccessText snapshot = cf_catalog_json_text(json_object_get(in->root, "snapshot_time"));
	CfAccessText names[CF_CSV_FIELDS];
	size_t		count = json_array_size(fields);

	if (json_object_get(config, "parquet_options") != NULL)
		return unsupported(in, &(CfAccessText) {"Parquet", 7}, "Let the report configuration write CSV: create it with --csv-header and without --parquet.");
	if (!cf_catalog_field_iso(&snapshot, &in->manifest->snapshot_us))
		return wrong(in, "snapshot_time");
	in->manifest->rows = cf_catalog_json_count(json_object_get(in->root, "records_processed"));
	in->manifest->bucket = kept(in, cf_catalog_json_at(report, "storage_filters", "bucket", NULL));
	if (in->manifest->bucket == NULL)
		return memory(in);
	if (!read_gcs_csv(in, cf_catalog_json_at(config, "csv_options", NULL)))
		return false;
	if (!in->manifest->header)
	{
		if (count == 0 || count > CF_CSV_FIELDS)
			return wrong(in, "report_config.object_metadata_report_options.metadata_fields");
		for (size_t i = 0; i < count; i++)
			names[i] = cf_catalog_json_text(json_array_get(fields, i));
		if (!cf_catalog_manifest_columns(in->manifest, names, (int) count, in->err))
			return false;
	}
	return read_files(in, "report_shards_file_names", NULL);
}

bool
cf_catalog_manifest_checksum(CfManifestKind kind, const char *manifest_key, char *name, size_t room)
{
	static const char ending[] = "manifest.json";
	size_t		length = strlen(manifest_key);

	if (kind == CF_MANIFEST_GCS || length < sizeof(ending) - 1 || length + 5 > room ||
		strcmp(manifest_key + length - (sizeof(ending) - 1), ending) != 0)
		return false;
	memcpy(name, manifest_key, length - 4);
	memcpy(name + length - 4, "checksum", 9);
	return true;
}

bool
cf_catalog_manifest_md5(const char *text, size_t length, uint8_t md5[16])
{
	while (length > 0 && strchr(" \r\n\t", text[length - 1]) != NULL)
		length--;
	while (length > 0 && *text == ' ')
	{
		text++;
		length--;
	}
	if (length != 32)
		return false;
	for (int i = 0; i < 32; i++)
	{
		char		c = text[i];
		int			digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;

		if (digit < 0)
			return false;
		md5[i / 2] = (uint8_t) (i % 2 == 0 ? digit << 4 : md5[i / 2] | digit);
	}
	return true;
}
