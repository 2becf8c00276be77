/*
 * manifest.h
 *		Inventories that a cloud writes itself: the manifest, and the rows of the files that it names.
 *
 * S3 Inventory, Azure blob inventory and Storage Insights of GCS, as CSV. The manifest tells the kind by its members. Texts are in the
 * arena, or in the row, and end with NUL.
 */
#ifndef CF_CATALOG_MANIFEST_H
#define CF_CATALOG_MANIFEST_H

#include <stdbool.h>
#include <stdint.h>

#include "catalog/csv.h"
#include "core/arena.h"
#include "core/error.h"

#define CF_MANIFEST_BYTES_MAX (32 * 1024 * 1024)
#define CF_MANIFEST_FILES_MAX 100000
#define CF_MANIFEST_KEY_MAX 1024

typedef enum CfManifestKind
{
	CF_MANIFEST_S3,
	CF_MANIFEST_AZURE,
	CF_MANIFEST_GCS
} CfManifestKind;

/* Columns that matter. */
typedef enum CfManifestColumn
{
	CF_MANIFEST_BUCKET,
	CF_MANIFEST_KEY,			/* Azure: container/name */
	CF_MANIFEST_SIZE,
	CF_MANIFEST_MODIFIED,
	CF_MANIFEST_CREATED,
	CF_MANIFEST_ACCESSED,
	CF_MANIFEST_ETAG,
	CF_MANIFEST_GENERATION,
	CF_MANIFEST_VERSION_ID,
	CF_MANIFEST_LATEST,			/* "false" = an older version */
	CF_MANIFEST_DELETED,		/* a marker, or when it was deleted */
	CF_MANIFEST_SNAPSHOT,
	CF_MANIFEST_FOLDER,
	CF_MANIFEST_CLASS,
	CF_MANIFEST_ARCHIVED,		/* tier of an object in S3 Intelligent-Tiering */
	CF_MANIFEST_TYPE,
	CF_MANIFEST_COLUMNS
} CfManifestColumn;

typedef struct CfManifestFile
{
	const char *key;			/* in its bucket, or beside the manifest when beside */
	bool		beside;
	int64_t		size_bytes;		/* -1 = not told */
	bool		has_md5;
	uint8_t		md5[16];
} CfManifestFile;

typedef struct CfManifest
{
	CfManifestKind kind;
	const char *bucket;			/* that was listed; "" = not told */
	int64_t		snapshot_us;	/* when listing began: later changes are not in it */
	int64_t		rows;			/* that its files have together; -1 = not told */
	const char *filter;			/* what all listed keys of an Azure account begin with, container included; "" = nothing */
	CfManifestFile *files;
	int			file_count;
	char		delimiter;
	bool		header;			/* each file begins with the names of its columns */
	int			width;			/* of a row; 0 = not known yet */
	int			columns[CF_MANIFEST_COLUMNS];	/* index in a row, -1 = not there */
} CfManifest;

typedef struct CfManifestRow
{
	char		key[CF_MANIFEST_KEY_MAX + 1];	/* decoded; of Azure without the container */
	int64_t		size_bytes;
	int64_t		modified_us;	/* 0 = not told */
	int64_t		accessed_us;	/* 0 = not told */
	char		etag[256];
	char		generation[32];
	char		version_id[1025];
	char		storage_class[64];
	char		content_type[256];
	bool		archived;		/* its bytes must be restored first */
} CfManifestRow;

typedef enum CfManifestVerdict
{
	CF_MANIFEST_OBJECT,
	CF_MANIFEST_OTHER,			/* an older version, a marker, a folder, another bucket */
	CF_MANIFEST_BAD				/* *reason tells why */
} CfManifestVerdict;

/* cf_catalog_manifest_read reads the manifest; formats other than CSV are CF_ERR_UNSUPPORTED with a hint. */
extern bool cf_catalog_manifest_read(CfArena *arena, const char *text, size_t length, CfManifest *manifest, CfError *err);

/* cf_catalog_manifest_columns takes the names of the columns; false = one that is needed is missing. */
extern bool cf_catalog_manifest_columns(CfManifest *manifest, const CfAccessText *names, int count, CfError *err);

/* cf_catalog_manifest_row reads a row; container: of an Azure place, whose rows alone are objects. */
extern CfManifestVerdict cf_catalog_manifest_row(const CfManifest *manifest, const CfAccessText *fields, int count,
												 const char *container, CfManifestRow *row, const char **reason);

/* cf_catalog_manifest_checksum names the file with the digest of a manifest; false = this kind has none, or the name is another. */
extern bool cf_catalog_manifest_checksum(CfManifestKind kind, const char *manifest_key, char *name, size_t room);

/* cf_catalog_manifest_md5 reads a digest in 32 hexadecimal digits, blanks around it apart. */
extern bool cf_catalog_manifest_md5(const char *text, size_t length, uint8_t md5[16]);

#endif							/* CF_CATALOG_MANIFEST_H */
