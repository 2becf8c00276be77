/*
 * changes_sql.h
 *		Objects that one statement has changed or deleted, a chunk of them at a time, and what follows from that.
 *
 * Private to the room: changes_sql.c finds them, consequences_sql.c writes what follows.
 */
#ifndef CF_CATALOG_CHANGES_SQL_H
#define CF_CATALOG_CHANGES_SQL_H

#include "postgres.h"

#include "executor/tuptable.h"
#include "utils/rel.h"

/*
 * Up to so many objects of one statement get an event each; a larger statement is told of in batches: one
 * event per place and chunk, with counts. Every consumer pays per event, and a bulk load is one happening.
 */
#define CF_EVENTS_EACH_MAX 1000

/* What a chunk of changed rows carries. */
enum
{
	CF_CHANGE_FILE_ID, CF_CHANGE_OLD_PLACE, CF_CHANGE_OLD_KEY, CF_CHANGE_PLACE, CF_CHANGE_KEY, CF_CHANGE_CLASS, CF_CHANGE_VERSION,
	CF_CHANGE_SIZE, CF_CHANGE_SHA256, CF_CHANGE_WHAT, CF_CHANGE_FIELDS
};

typedef struct CfChanges
{
	MemoryContext context;		/* reset at each flush */
	int			attnums[CF_CHANGE_FIELDS];	/* where data_objects has them */
	Datum		values[CF_CHANGE_FIELDS][CF_EVENTS_EACH_MAX];
	bool		nulls[CF_CHANGE_FIELDS][CF_EVENTS_EACH_MAX];
	const char *what[CF_EVENTS_EACH_MAX];	/* has happened to it: changed, deleted, moved or vanished */
	int			count;
	bool		bulk;			/* events by batch */
	bool		moved;			/* some address changed */
	bool		rewritten;		/* some bytes changed */
} CfChanges;

/* cf_changes_begin makes an empty chunk for rows of rel; it and what it holds live until the end of the SPI connection. */
extern CfChanges *cf_changes_begin(Relation rel);

/* cf_changes_add puts an object into it: its new values, its old address, and what happened to it. There must be room. */
extern void cf_changes_add(CfChanges *changes, TupleTableSlot *old, TupleTableSlot *new, const char *what);

/* What follows is written, and the chunk is empty again. */
extern void cf_changes_flush(CfChanges *changes);
extern void cf_changes_flush_deleted(CfChanges *changes);

/* cf_changes_occupied raises who holds an address that a row wanted; the first row of the SPI result tells. */
extern void cf_changes_occupied(void);

#endif							/* CF_CATALOG_CHANGES_SQL_H */
