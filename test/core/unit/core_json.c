/*
 * How many values a JSON text may have.
 */
#include <stdlib.h>
#include <string.h>

#include "harness/tap.h"

#include "core/json.h"

int
main(void)
{
	char	   *text = malloc(CF_JSON_VALUES_MAX);

	ok(cf_json_bounded("", 0) && cf_json_bounded("{\"a\": [1, 2]}", 13), "few are fine");
	if (text == NULL)
		return 1;
	memset(text, ',', CF_JSON_VALUES_MAX);
	ok(cf_json_bounded(text, CF_JSON_VALUES_MAX - 1), "as many as there may be");
	ok(!cf_json_bounded(text, CF_JSON_VALUES_MAX), "one more is too many");
	memset(text, ' ', CF_JSON_VALUES_MAX);
	ok(cf_json_bounded(text, CF_JSON_VALUES_MAX), "blanks are none");
	free(text);
	return done_testing();
}
