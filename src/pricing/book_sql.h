/*
 * book_sql.h
 *		The price book as the current statement sees it.
 */
#ifndef CF_PRICING_BOOK_SQL_H
#define CF_PRICING_BOOK_SQL_H

#include "pricing/book.h"

/* cf_pricing_book_current reads the book's tables once per statement; it lives until the next call. */
extern const CfPricingBook *cf_pricing_book_current(void);

#endif							/* CF_PRICING_BOOK_SQL_H */
