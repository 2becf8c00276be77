/*
 * inventory_sql.h
 *		One run of import_inventory(), and what becomes of one page of its listing (inventory_page_sql.c).
 */
#ifndef CF_CATALOG_INVENTORY_SQL_H
#define CF_CATALOG_INVENTORY_SQL_H

#include "postgres.h"

#include "utils/timestamp.h"

#include "catalog/import_sql.h"
#include "core/compat.h"
#include "storage/storage.h"

typedef struct CfInventory
{
	CfImport	import;
	CfOp		op;
	CfArena		arena;			/* of op, reset per page */
	MemoryContext page_context; /* reset per page */
	const char *prefix;
	char	   *url;
	char	   *cursor;			/* NULL = from the start */
	int64		run_id;
	TimestampTz started_at;
	int64		listed;
	int64		created;
	int64		changed;
	int64		unchanged;
	int64		vanished;
	int64		errors;
	/* of a run that reads the files of an inventory; manifest NULL = the place is listed */
	const char *manifest;		/* key */
	const char *manifest_place; /* where it lies, and the files */
	const char *manifest_version;
	struct CfManifestRun *files;	/* of inventory_files_sql.c */
	TimestampTz snapshot_at;	/* what changed later is not in it */
	const char *missed_prefix;	/* what does not begin with it was not listed, and cannot be missing */
	bool		incomplete;		/* not all rows that were promised: nothing is marked as vanished */
	bool		allow_empty;	/* a place without a single object is no reason to stop */
	bool		mostly_new;		/* what the last page held: decides what to try first on the next */
	bool		movers_seen;	/* jobs were live when the page was listed */
	int64		jobs_seen;		/* submitted ever, when that was asked last */
	char		class_known[128];	/* the class that was met last, and its tier */
	char		tier_known[16];
} CfInventory;

/* What becomes of an entry of a page. */
typedef enum CfInventoryFate
{
	CF_FATE_UNKNOWN,
	CF_FATE_NEW,
	CF_FATE_CHANGED,
	CF_FATE_UNCHANGED,
	CF_FATE_LEAVE				/* refused, or in the hands of a job */
} CfInventoryFate;

typedef struct CfInventoryPage
{
	const CfListPage *list;
	CfInventoryFate *fates;
	Datum	   *file_ids;		/* of entries that are known */
	int			counts[CF_FATE_LEAVE + 1];
} CfInventoryPage;

/* cf_catalog_inventory_page catalogues a page and commits it with the cursor, page->next; what the page had is forgotten then. */
extern void cf_catalog_inventory_page(CfInventory *inv, const CfListPage *page);

/* cf_catalog_inventory_fail records that the run failed, and raises. */
CF_NORETURN extern void cf_catalog_inventory_fail(CfInventory *inv, const CfError *err);

/*
 * inventory_files_sql.c: opens and checks the manifest, which tells snapshot and version; then, once the run has begun, reads
 * the files from the cursor on.
 */
extern void cf_catalog_manifest_open(CfInventory *inv);
extern void cf_catalog_manifest_import(CfInventory *inv);

/*
 * The steps of a page, in the rights of the owner and the memory of the page. refuse takes out what cannot be
 * catalogued and reports it. look_up decides about unknown entries by who holds their keys; what nobody holds
 * becomes `missing`. claim takes the addresses of entries with fate `from`: who gets his is new, who does not `lost`.
 */
extern void cf_catalog_page_refuse(CfInventory *inv, CfInventoryPage *page);
extern void cf_catalog_page_look_up(CfInventory *inv, CfInventoryPage *page, CfInventoryFate missing);
extern void cf_catalog_page_claim(CfInventory *inv, CfInventoryPage *page, CfInventoryFate from,
								  CfInventoryFate lost);
/* stale tells, for each entry, whether an object left its key after the snapshot: the store is asked then. NULL = no snapshot. */
extern bool *cf_catalog_page_stale(CfInventory *inv, const CfInventoryPage *page);
extern void cf_catalog_page_insert(CfInventory *inv, CfInventoryPage *page);
extern void cf_catalog_page_update(CfInventory *inv, CfInventoryPage *page);
extern void cf_catalog_page_note(CfInventory *inv, CfInventoryPage *page);

#endif							/* CF_CATALOG_INVENTORY_SQL_H */
