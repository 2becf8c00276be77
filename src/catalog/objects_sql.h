/*
 * objects_sql.h
 *		What follows from a row of data_objects, for those who write rows past its trigger; and with whose rights.
 */
#ifndef CF_CATALOG_OBJECTS_SQL_H
#define CF_CATALOG_OBJECTS_SQL_H

#include "postgres.h"

/* cf_catalog_gb gives a size in 2^30 bytes with twelve decimals, as a numeric. */
extern Datum cf_catalog_gb(int64 bytes);

/* cf_catalog_last_segment finds the name in a path: what stands after the last slash, a slash at the end apart. */
extern const char *cf_catalog_last_segment(const char *path, int *length);

/*
 * Between cf_catalog_owner_begin and _end statements run with the rights of the owner of data_objects, a search_path
 * of pg_catalog and plans of their own. Both stand in one transaction; an ERROR in between ends it by itself.
 */
typedef struct CfOwnerRights
{
	Oid			user;
	int			security;
	int			gucs;
} CfOwnerRights;

extern void cf_catalog_owner_begin(CfOwnerRights *rights);
extern void cf_catalog_owner_end(const CfOwnerRights *rights);

#endif							/* CF_CATALOG_OBJECTS_SQL_H */
