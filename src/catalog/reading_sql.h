/*
 * reading_sql.h
 *		The bytes of one file of the server or one object of a place, in order, unpacked if they are gzip.
 *
 * For logs and inventories. An object is read range by range, each when the one before has been taken, and always in the
 * version that was listed; no snapshot is held meanwhile. Memory is a range and what unpacking needs.
 */
#ifndef CF_CATALOG_READING_SQL_H
#define CF_CATALOG_READING_SQL_H

#include "postgres.h"

#include "storage/fd.h"

#include "catalog/gunzip.h"
#include "catalog/import_sql.h"
#include "storage/storage.h"

typedef struct CfReading
{
	CfImport   *import;
	MemoryContext context;		/* of everything here */
	MemoryContextCallback release;
	const char *name;			/* path, or key */
	File		file;			/* -1 = an object */
	CfOp	   *op;				/* NULL = a file */
	CfReadArgs	args;
	bool		object_ended;
	int64		size_bytes;		/* as it is stored */
	int64		raw_offset;		/* of the next bytes to fetch */
	char	   *raw;
	size_t		raw_at;
	size_t		raw_end;
	CfArena		arena;			/* of gunzip */
	CfGunzip	gunzip;
	bool		opened;			/* it is known whether it is packed */
	bool		packed;
	bool		digesting;		/* md5 is wanted */
	void	   *md5;			/* EVP_MD_CTX of the stored bytes */
	CfError		err;			/* why cf_catalog_reading_next() said false */
} CfReading;

/* cf_catalog_reading_file opens a file of the server; raises when it cannot. */
extern CfReading *cf_catalog_reading_file(CfImport *import, const char *what, const char *path);

/* cf_catalog_reading_object begins with an object, by an op that the import looks after; digest: of the stored bytes. */
extern CfReading *cf_catalog_reading_object(CfImport *import, CfOp *op, const char *key, const char *version,
											int64 size_bytes, bool digest);

/* cf_catalog_reading_open looks at the first bytes, unless that was done: `packed` is known then. False as next. */
extern bool cf_catalog_reading_open(CfReading *reading);

/* cf_catalog_reading_next reads on; *length = 0 at the end. False = it failed, see err: CF_ERR_INPUT means that it is damaged. */
extern bool cf_catalog_reading_next(CfReading *reading, char *to, size_t room, size_t *length);

/* cf_catalog_reading_seek goes to a place in the (unpacked) bytes, reading them again if need be; false = as next, or too short. */
extern bool cf_catalog_reading_seek(CfReading *reading, int64 offset);

/* cf_catalog_reading_md5 gives the digest of the stored bytes, once the end was reached. */
extern void cf_catalog_reading_md5(CfReading *reading, uint8 digest[16]);

extern void cf_catalog_reading_close(CfReading *reading);

#endif							/* CF_CATALOG_READING_SQL_H */
