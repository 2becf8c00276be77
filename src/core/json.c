/*
 * json.c
 *		How many values a JSON text can have, before it is parsed: one more than it has commas and brackets that open.
 *
 * Those inside strings are counted too: what is refused for them alone is no text that anybody writes.
 */
#include "core/json.h"

bool
cf_json_bounded(const char *text, size_t length)
{
	size_t		values = 1;

	for (size_t i = 0; i < length && values <= CF_JSON_VALUES_MAX; i++)
		values += text[i] == ',' || text[i] == '[' || text[i] == '{';
	return values <= CF_JSON_VALUES_MAX;
}
