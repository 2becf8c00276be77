/*
 * logjson.c
 *		Members of a JSON object in a log, by jansson.
 */
#include <stdarg.h>
#include <string.h>

#include "catalog/logjson.h"
#include "core/json.h"


json_t *
cf_catalog_json_read(const char *text, size_t length)
{
	json_t	   *value = cf_json_bounded(text, length) ? json_loadb(text, length, 0, NULL) : NULL;

	if (json_is_object(value))
		return value;
	json_decref(value);
	return NULL;
}

const json_t *
cf_catalog_json_at(const json_t *value, ...)
{
	va_list		names;
	const char *name;

	va_start(names, value);
	while (value != NULL && (name = va_arg(names, const char *)) != NULL)
		value = json_object_get(value, name);
	va_end(names);
	return value;
}

CfAccessText
cf_catalog_json_text(const json_t *value)
{
	if (!json_is_string(value))
		return (CfAccessText) {"", 0};
	return (CfAccessText) {json_string_value(value), json_string_length(value)};
}

int64_t
cf_catalog_json_count(const json_t *value)
{
	CfAccessText text = cf_catalog_json_text(value);
	int64_t		count;

	if (json_is_number(value))
	{
		double		number = json_number_value(value);

		if (!(number >= 0 && number <= 9e17))
			return -1;
		return json_is_integer(value) ? (int64_t) json_integer_value(value) : (int64_t) number;
	}
	return cf_catalog_field_number(&text, -1, &count) ? count : -1;
}

CfAccessText
cf_catalog_json_keep(CfAccessLine *out, const json_t *value)
{
	CfAccessText text = cf_catalog_json_text(value);

	text.data = cf_catalog_access_keep(out, text.data, text.length);
	return text.data == NULL ? (CfAccessText) {"", 0} : text;
}
