/*
 * place_sql.h
 *		Opening a place in steps, for those doorways of the room that must look at one before it is adopted.
 */
#ifndef CF_STORAGE_PLACE_SQL_H
#define CF_STORAGE_PLACE_SQL_H

#include "postgres.h"

#include "foreign/foreign.h"

#include "storage/storage.h"

extern bool cf_storage_place_read(const char *name, Oid role_oid, CfArena *arena, CfPlace **place,
								  ForeignServer **server, CfError *err);
extern bool cf_storage_place_local_check(const ForeignServer *server, const CfPlace *place,
										 bool for_write, CfError *err);

/* cf_storage_learned gives what this process learned about a place, to be filled (learned_sql.c); it lives as long as the process. */
extern CfLearned *cf_storage_learned(Oid server, const CfPlace *place);

#endif							/* CF_STORAGE_PLACE_SQL_H */
