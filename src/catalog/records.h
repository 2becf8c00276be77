/*
 * records.h
 *		Cuts a stream of JSON documents {"Records": [{…}, …]} into the objects of that array.
 *
 * Works like lines.h, so that a file of any size is read in bounded memory: an object that is longer than CF_RECORDS_MAX is told
 * of once, with its beginning, and skipped. Only the nesting is followed here; whether an object is well formed is its
 * reader's business. Other members of the document are passed over. A document without "Records" has none.
 */
#ifndef CF_CATALOG_RECORDS_H
#define CF_CATALOG_RECORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CF_RECORDS_MAX (1024 * 1024)	/* bytes of one object; CloudTrail promises 256 KiB, or 1 MiB where that is asked for */

typedef struct CfRecords
{
	char	   *buffer;
	size_t		capacity;
	size_t		end;			/* of what was read */
	size_t		at;				/* next byte to look at */
	size_t		start;			/* of the object that is being read, when inside */
	int64_t		offset;			/* of the buffer's first byte in the stream */
	int64_t		consumed;		/* bytes of the stream up to the end of the last object given */
	int			depth;			/* of nesting */
	int			matched;		/* letters of the name "Records" seen in the present string; -1 = another */
	bool		in_string;
	bool		escaped;
	bool		named;			/* the last string of depth 1 was "Records" */
	bool		listed;			/* inside that array */
	bool		inside;			/* an object of it */
	bool		skipping;		/* that object is too long */
	size_t		kept;			/* bytes of its beginning that are kept at start */
	bool		broken;			/* not the nesting of JSON: nothing more is given */
} CfRecords;

/* The capacity is more than CF_RECORDS_MAX. */
extern void cf_catalog_records_init(CfRecords *records, char *buffer, size_t capacity);
extern char *cf_catalog_records_room(CfRecords *records, size_t *room);
extern void cf_catalog_records_fill(CfRecords *records, size_t length);
extern bool cf_catalog_records_next(CfRecords *records, const char **record, size_t *length, bool *whole);

/* cf_catalog_records_complete tells, at the end of the stream, whether its last document was whole. */
extern bool cf_catalog_records_complete(const CfRecords *records);

#endif							/* CF_CATALOG_RECORDS_H */
