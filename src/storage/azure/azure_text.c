/*
 * azure_text.c
 *		Lines of "name=value".
 */
#include <string.h>

#include "storage/azure/azure.h"

/* cf_azure_line_next takes the next "name=value" line; false = there is none. Lines without '=' or a name are passed over. */
bool
cf_azure_line_next(const char **lines, const char **name, size_t *name_bytes, const char **value, size_t *value_bytes)
{
	while (*lines != NULL && **lines != '\0')
	{
		const char *line = *lines;
		size_t		length = strcspn(line, "\n");
		const char *equals = memchr(line, '=', length);

		*lines = line + length + (line[length] == '\n');
		if (equals == NULL || equals == line)
			continue;
		*name = line;
		*name_bytes = (size_t) (equals - line);
		*value = equals + 1;
		*value_bytes = length - *name_bytes - 1;
		return true;
	}
	return false;
}
