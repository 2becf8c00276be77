/*
 * json.c
 *		How many values a JSON text can have, before it is parsed: one more than it has commas and brackets that open. And what is
 *		read of one that was.
 *
 * Commas and brackets inside strings are counted too: what is refused for them alone is no text that anybody writes.
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

json_t *
cf_json_object(const char *text, size_t length)
{
	json_t	   *object = length > 0 && cf_json_bounded(text, length) ? json_loadb(text, length, JSON_REJECT_DUPLICATES, NULL) : NULL;

	if (json_is_object(object))
		return object;
	json_decref(object);
	return NULL;
}

const char *
cf_json_text(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));

	return text == NULL ? "" : text;
}
