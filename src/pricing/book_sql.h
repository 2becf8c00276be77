/*
 * book_sql.h
 *		The price book as the current statement sees it, and the row type in which an answer goes back.
 */
#ifndef CF_PRICING_BOOK_SQL_H
#define CF_PRICING_BOOK_SQL_H

#include "access/tupdesc.h"
#include "fmgr.h"

#include "pricing/book.h"

/* cf_pricing_book_current reads the book's tables once per statement; it lives until the next call. */
extern const CfPricingBook *cf_pricing_book_current(void);

/*
 * cf_pricing_result_desc gives the row type that the called function returns, with natts columns. A query calls it for each of many
 * objects, and to look the columns up costs as much as to price one: it is kept for the query.
 */
extern TupleDesc cf_pricing_result_desc(FunctionCallInfo fcinfo, int natts);

#endif							/* CF_PRICING_BOOK_SQL_H */
