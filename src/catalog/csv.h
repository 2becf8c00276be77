/*
 * csv.h
 *		One line of comma-separated text, taken apart as RFC 4180 says, strictly.
 *
 * The line was cut at its end before: what the services write here has no line ends inside of fields. (The prices have a reader
 * of their own, for small texts with them.)
 */
#ifndef CF_CATALOG_CSV_H
#define CF_CATALOG_CSV_H

#include "catalog/logfields.h"

#define CF_CSV_FIELDS 128		/* of one line */

/*
 * cf_catalog_csv_split cuts a line into at most CF_CSV_FIELDS fields and tells how many there are; -1 = a quote stands where none
 * may, one is missing, or there are too many fields. Fields point into the line, or into scratch, which has room for length bytes.
 */
extern int	cf_catalog_csv_split(const char *line, size_t length, char delimiter, char *scratch, CfAccessText *fields);

#endif							/* CF_CATALOG_CSV_H */
