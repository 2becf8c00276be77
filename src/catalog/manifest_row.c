/*
 * manifest_row.c
 *		Rows of inventory files: which columns there are, and what a row says of an object.
 *
 * Only what is there now is an object: older versions, delete markers, snapshots, deleted blobs and folders of Azure are something else.
 * Keys of S3 are URL-encoded with + for a blank; those of Azure and GCS stand as they are, and Azure's begin with the container.
 */
#include <string.h>
#include <strings.h>

#include "catalog/manifest.h"
#include "net/net.h"

/* Names of columns, by kind. */
static const struct
{
	CfManifestColumn column;
	const char *names[3];		/* S3, Azure, GCS; NULL = it has none */
	bool		needed[3];
}			known[CF_MANIFEST_COLUMNS] = {
	{CF_MANIFEST_BUCKET, {"Bucket", NULL, "bucket"}, {false, false, false}},
	{CF_MANIFEST_KEY, {"Key", "Name", "name"}, {true, true, true}},
	{CF_MANIFEST_SIZE, {"Size", "Content-Length", "size"}, {true, true, true}},
	{CF_MANIFEST_MODIFIED, {"LastModifiedDate", "Last-Modified", "updated"}, {true, true, false}},
	{CF_MANIFEST_CREATED, {NULL, "Creation-Time", "timeCreated"}, {false, false, true}},
	{CF_MANIFEST_ACCESSED, {NULL, "LastAccessTime", NULL}, {false, false, false}},
	{CF_MANIFEST_ETAG, {"ETag", "Etag", "etag"}, {true, true, false}},
	{CF_MANIFEST_GENERATION, {NULL, NULL, "generation"}, {false, false, true}},
	{CF_MANIFEST_VERSION_ID, {"VersionId", "VersionId", NULL}, {false, false, false}},
	{CF_MANIFEST_LATEST, {"IsLatest", "IsCurrentVersion", NULL}, {false, false, false}},
	{CF_MANIFEST_DELETED, {"IsDeleteMarker", "Deleted", "timeDeleted"}, {false, false, false}},
	{CF_MANIFEST_SNAPSHOT, {NULL, "Snapshot", NULL}, {false, false, false}},
	{CF_MANIFEST_FOLDER, {NULL, "hdi_isfolder", NULL}, {false, false, false}},
	{CF_MANIFEST_CLASS, {"StorageClass", "AccessTier", "storageClass"}, {false, false, false}},
	{CF_MANIFEST_ARCHIVED, {"IntelligentTieringAccessTier", NULL, NULL}, {false, false, false}},
	{CF_MANIFEST_TYPE, {NULL, "Content-Type", "contentType"}, {false, false, false}},
};

static const char *const field_lists[] = {
	[CF_MANIFEST_S3] = "OptionalFields of the inventory configuration",
	[CF_MANIFEST_AZURE] = "schemaFields of the inventory rule",
	[CF_MANIFEST_GCS] = "metadata fields of the report configuration",
};

bool
cf_catalog_manifest_columns(CfManifest *manifest, const CfAccessText *names, int count, CfError *err)
{
	for (int i = 0; i < CF_MANIFEST_COLUMNS; i++)
	{
		const char *name = known[i].names[manifest->kind];

		manifest->columns[i] = -1;
		for (int n = 0; name != NULL && n < count && manifest->columns[i] < 0; n++)
			if (names[n].length == strlen(name) && strncasecmp(names[n].data, name, names[n].length) == 0)
				manifest->columns[i] = n;
		if (manifest->columns[i] < 0 && known[i].needed[manifest->kind])
		{
			cf_error_set(err, CF_ERR_INPUT, "inventory has no column \"%s\"", name);
			return cf_error_hint(err, "Add it to the %s.", field_lists[manifest->kind]);
		}
	}
	manifest->width = count;
	return true;
}

/* field_of gives a column of a row; one that is not there is empty. */
static CfAccessText
field_of(const CfManifest *manifest, const CfAccessText *fields, CfManifestColumn column)
{
	return manifest->columns[column] < 0 ? (CfAccessText) {"", 0} : fields[manifest->columns[column]];
}

static bool
is_word(const CfAccessText *text, const char *word)
{
	return text->length == strlen(word) && strncasecmp(text->data, word, text->length) == 0;
}

/* copy_field makes a text with a NUL; false = there is no room. */
static bool
copy_field(const CfAccessText *text, char *to, size_t room)
{
	if (text->length >= room || memchr(text->data, '\0', text->length) != NULL)
		return false;
	memcpy(to, text->data, text->length);
	to[text->length] = '\0';
	return true;
}

/* time_of reads ISO 8601, or a date of HTTP as Azure has it ("Thu, 27 May 2021 21:51:32 GMT"); empty = 0. */
static bool
time_of(const CfAccessText *text, int64_t *at_us)
{
	char		date[64];

	*at_us = 0;
	if (text->length == 0 || cf_catalog_field_iso(text, at_us))
		return true;
	return copy_field(text, date, sizeof(date)) && cf_net_date(date, at_us) && *at_us >= 0;
}

/* is_current tells whether a row is of what is there now. */
static bool
is_current(const CfManifest *manifest, const CfAccessText *fields)
{
	CfAccessText latest = field_of(manifest, fields, CF_MANIFEST_LATEST);
	CfAccessText deleted = field_of(manifest, fields, CF_MANIFEST_DELETED);
	CfAccessText snapshot = field_of(manifest, fields, CF_MANIFEST_SNAPSHOT);
	CfAccessText folder = field_of(manifest, fields, CF_MANIFEST_FOLDER);

	return !is_word(&latest, "false") && (deleted.length == 0 || is_word(&deleted, "false")) && snapshot.length == 0 && !is_word(&folder, "true");
}

/* key_of takes the key; false = it is of another bucket or container. */
static bool
key_of(const CfManifest *manifest, const CfAccessText *fields, const char *container, CfManifestRow *row)
{
	CfAccessText bucket = field_of(manifest, fields, CF_MANIFEST_BUCKET);
	CfAccessText key = field_of(manifest, fields, CF_MANIFEST_KEY);
	size_t		length = strlen(container);

	if (bucket.length > 0 && manifest->bucket[0] != '\0' && !cf_catalog_field_is(&bucket, manifest->bucket))
		return false;
	row->key[0] = '\0';
	if (manifest->kind == CF_MANIFEST_S3)
		row->key[cf_catalog_field_decode(key.data, key.length, true, row->key, sizeof(row->key) - 1)] = '\0';
	else if (manifest->kind == CF_MANIFEST_GCS)
		(void) copy_field(&key, row->key, sizeof(row->key));
	else if (key.length <= length + 1 || memcmp(key.data, container, length) != 0 || key.data[length] != '/')
		return false;
	else
		(void) copy_field(&(CfAccessText) {key.data + length + 1, key.length - length - 1}, row->key, sizeof(row->key));
	return true;
}

/* copy_texts takes what is copied as it is; false = a field is too long. */
static bool
copy_texts(const CfManifest *manifest, const CfAccessText *fields, CfManifestRow *row)
{
	const struct
	{
		CfManifestColumn column;
		char	   *to;
		size_t		room;
	}			copies[] = {
		{CF_MANIFEST_ETAG, row->etag, sizeof(row->etag)},
		{CF_MANIFEST_GENERATION, row->generation, sizeof(row->generation)},
		{CF_MANIFEST_VERSION_ID, row->version_id, sizeof(row->version_id)},
		{CF_MANIFEST_CLASS, row->storage_class, sizeof(row->storage_class)},
		{CF_MANIFEST_TYPE, row->content_type, sizeof(row->content_type)},
	};

	for (size_t i = 0; i < sizeof(copies) / sizeof(copies[0]); i++)
	{
		CfAccessText text = field_of(manifest, fields, copies[i].column);

		if (!copy_field(&text, copies[i].to, copies[i].room))
			return false;
	}
	return true;
}

CfManifestVerdict
cf_catalog_manifest_row(const CfManifest *manifest, const CfAccessText *fields, int count, const char *container,
						CfManifestRow *row, const char **reason)
{
	CfAccessText size = count == manifest->width ? field_of(manifest, fields, CF_MANIFEST_SIZE) : (CfAccessText) {"", 0};
	CfAccessText text;
	int64_t		created_us;

	*reason = "row has another number of fields than there are columns";
	if (count != manifest->width)
		return CF_MANIFEST_BAD;
	if (!is_current(manifest, fields) || !key_of(manifest, fields, container, row))
		return CF_MANIFEST_OTHER;
	*reason = "key is empty, or longer than 1024 bytes";
	if (row->key[0] == '\0')
		return CF_MANIFEST_BAD;
	*reason = "size is not a number";
	if (!cf_catalog_field_number(&size, -1, &row->size_bytes) || row->size_bytes < 0)
		return CF_MANIFEST_BAD;
	*reason = "time is not as inventories have it";
	text = field_of(manifest, fields, CF_MANIFEST_MODIFIED);
	if (!time_of(&text, &row->modified_us))
		return CF_MANIFEST_BAD;
	text = field_of(manifest, fields, CF_MANIFEST_CREATED);
	if (!time_of(&text, &created_us))
		return CF_MANIFEST_BAD;
	/* When the bytes were written: at GCS `updated` moves with the metadata, too. */
	if (manifest->kind == CF_MANIFEST_GCS && created_us > 0)
		row->modified_us = created_us;
	text = field_of(manifest, fields, CF_MANIFEST_ACCESSED);
	if (!time_of(&text, &row->accessed_us))
		return CF_MANIFEST_BAD;
	text = field_of(manifest, fields, CF_MANIFEST_ARCHIVED);
	row->archived = is_word(&text, "ARCHIVE_ACCESS") || is_word(&text, "DEEP_ARCHIVE_ACCESS");
	*reason = "a field is too long";
	return copy_texts(manifest, fields, row) ? CF_MANIFEST_OBJECT : CF_MANIFEST_BAD;
}
