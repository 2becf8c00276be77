/*
 * csv.h
 *		Comma-separated text as RFC 4180 says, strictly: what is not well formed is an error with its line.
 *
 * Records end in LF or CRLF, the last one may end without. A field is plain (no quote in it) or quoted as a
 * whole, with "" for a quote; only quoted fields hold commas and line ends. A byte order mark at the start is skipped.
 * Empty lines are errors, as are NUL bytes and records that differ in their number of fields.
 */
#ifndef CF_PRICING_CSV_H
#define CF_PRICING_CSV_H

#include "core/arena.h"
#include "core/error.h"

#define CF_PRICING_CSV_FIELDS 256
#define CF_PRICING_CSV_FIELD_BYTES 65536

typedef struct CfPricingCsv
{
	const char *data;
	size_t		length;
	size_t		at;
	long		line;			/* from 1; where the next record begins */
	int			width;			/* fields of the first record; 0 = none read yet */
} CfPricingCsv;

typedef struct CfPricingCsvRecord
{
	long		line;			/* where it begins */
	int			count;
	const char *fields[CF_PRICING_CSV_FIELDS];	/* NUL-terminated, in the arena */
} CfPricingCsvRecord;

extern void cf_pricing_csv_init(CfPricingCsv *csv, const char *data, size_t length);

/*
 * cf_pricing_csv_whole tells how many of these bytes, which begin with a record, are whole records, and how many line ends are among
 * them: a long text is read piece by piece. An open quote at the end belongs to the next piece.
 */
extern size_t cf_pricing_csv_whole(const char *data, size_t length, long *lines);

/* cf_pricing_csv_next reads one record; *end is true, and nothing was read, after the last. */
extern bool cf_pricing_csv_next(CfPricingCsv *csv, CfArena *arena, CfPricingCsvRecord *record,
								bool *end, CfError *err);

#endif							/* CF_PRICING_CSV_H */
