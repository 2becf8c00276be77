/*
 * options_sql.h
 *		The options of a place (foreign server) and where each goes in a CfPlace. Private to the room's doorways.
 */
#ifndef CF_STORAGE_OPTIONS_SQL_H
#define CF_STORAGE_OPTIONS_SQL_H

#include "postgres.h"

#include "nodes/pg_list.h"

#include "storage/storage.h"

/*
 * cf_storage_options_read fills a CfPlace from a list of DefElem; its texts are copied into the arena. It does
 * not judge beyond what it needs (numbers must parse): the validator did. False = err tells.
 */
extern bool cf_storage_options_read(List *options, CfArena *arena, CfPlace *place, CfError *err);

/* cf_storage_options_trusted tells whether options are there that only a superuser's place may have; *name is the first. */
extern bool cf_storage_options_trusted(List *options, const char **name);

#endif							/* CF_STORAGE_OPTIONS_SQL_H */
