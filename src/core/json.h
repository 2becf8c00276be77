/*
 * json.h
 *		What every reader of JSON from outside asks first.
 */
#ifndef CF_CORE_JSON_H
#define CF_CORE_JSON_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#define CF_JSON_VALUES_MAX 1500000

/*
 * cf_json_bounded tells whether a text has at most CF_JSON_VALUES_MAX values. A parsed value takes up to a hundred times the memory of its
 * text ("{}," becomes 240 bytes), so that a limit of bytes alone bounds nothing.
 */
extern bool cf_json_bounded(const char *text, size_t length);

/* cf_json_object parses a JSON object; NULL = it is none, has a name twice, or has far too much. The caller gives it back. */
extern json_t *cf_json_object(const char *text, size_t length);

/* cf_json_text gives a text of an object, "" when it is not there, or no text. */
extern const char *cf_json_text(const json_t *object, const char *name);

#endif							/* CF_CORE_JSON_H */
