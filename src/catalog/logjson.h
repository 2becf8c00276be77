/*
 * logjson.h
 *		Members of a JSON object in a log, by jansson. Private to the formats that are JSON, and to manifests.
 *
 * jansson refuses what is not UTF-8, NUL in texts, and more than 2,048 levels; it works with malloc, and nothing in between can
 * jump, so every value is given back.
 */
#ifndef CF_CATALOG_LOGJSON_H
#define CF_CATALOG_LOGJSON_H

#include <jansson.h>

#include "catalog/accesslog.h"

/* cf_catalog_json_read reads one object; NULL = it is none, it has too many values, or memory is short. Give it back with json_decref(). */
extern json_t *cf_catalog_json_read(const char *text, size_t length);

/* cf_catalog_json_at follows names through nested objects ("identity", "requester", NULL); NULL = not there. */
extern const json_t *cf_catalog_json_at(const json_t *value, ...);

/* These take NULL, and what is of another kind, as not told. */
extern CfAccessText cf_catalog_json_text(const json_t *value);
extern int64_t cf_catalog_json_count(const json_t *value);	/* number, or text of digits; -1 = not told */

/* cf_catalog_json_keep keeps a text in the line's own room; what does not fit is not told. */
extern CfAccessText cf_catalog_json_keep(CfAccessLine *out, const json_t *value);

#endif							/* CF_CATALOG_LOGJSON_H */
