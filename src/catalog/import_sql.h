/*
 * import_sql.h
 *		What import_inventory() and import_access_log() have in common: a place that is open and locked, commits where
 *		they are allowed, and a way to report what was refused.
 */
#ifndef CF_CATALOG_IMPORT_SQL_H
#define CF_CATALOG_IMPORT_SQL_H

#include "postgres.h"

#include "fmgr.h"

#include "core/arena.h"
#include "storage/storage.h"

typedef struct CfImport
{
	MemoryContext context;		/* of the whole call; survives commits */
	const char *what;			/* "inventory", "access log" */
	bool		atomic;			/* called in a transaction block: no commits */
	CfPlace    *place;
	const char *user;			/* role that called */
	const char *default_class;	/* of what the place does not tell the class of; "" = not told */
	int64		lock;			/* advisory lock that is held */
	CfOp	   *ops[3];			/* ended with the import, however that ends */
	int			op_count;
} CfImport;

/* cf_catalog_import_open reads argument 0, the name of the place, and opens it on the caller's authority. */
extern void cf_catalog_import_open(CfImport *import, FunctionCallInfo fcinfo, const char *what);

/* cf_catalog_import_run locks, runs work inside SPI, and unlocks, also when work fails. */
extern void cf_catalog_import_run(CfImport *import, void (*work) (CfImport *import, void *arg), void *arg);

/* cf_catalog_import_place opens another place that the import reads from, on the caller's authority. */
extern CfPlace *cf_catalog_import_place(CfImport *import, const char *name);

/* cf_catalog_import_op makes the import look after an operation of storage. */
extern void cf_catalog_import_op(CfImport *import, CfOp *op);

/* cf_catalog_import_commit ends a bounded piece of work: commits unless the call is atomic, lets a cancel in. */
extern void cf_catalog_import_commit(CfImport *import);

/* cf_catalog_import_let_go ends the snapshot of what was asked last, before a wait for the network. */
extern void cf_catalog_import_let_go(CfImport *import, const CfPlace *place);

/*
 * cf_catalog_import_commit_lazily commits without waiting for the disk: for a page that the next run would read again if a crash took it. Call
 * the other one at the end, which makes all pages before it durable too.
 */
extern void cf_catalog_import_commit_lazily(CfImport *import);

/*
 * cf_catalog_import_refuse writes a row of import_errors: line -1 = none, bytes NULL = none. It needs the
 * owner's rights.
 */
extern void cf_catalog_import_refuse(CfImport *import, const char *source, int64 line, const char *bytes,
									 size_t length, const char *reason);

/* cf_catalog_import_array makes a one-dimensional array of count values; nulls may be NULL. */
extern Datum cf_catalog_import_array(Datum *values, bool *nulls, int count, Oid type);

#endif							/* CF_CATALOG_IMPORT_SQL_H */
