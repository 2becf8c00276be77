/*
 * csv.c
 *		One line of comma-separated text, taken apart as RFC 4180 says, strictly.
 */
#include <string.h>

#include "catalog/csv.h"

/* take_quoted takes a field in quotes; what it holds goes to *scratch unless it can stay where it is. NULL = not well formed. */
static const char *
take_quoted(const char *p, const char *end, char delimiter, char **scratch, CfAccessText *field)
{
	const char *from = ++p;
	char	   *to = *scratch;

	field->data = to;
	for (;;)
	{
		const char *quote = memchr(p, '"', (size_t) (end - p));

		if (quote == NULL)
			return NULL;
		if (quote + 1 < end && quote[1] == '"')
		{
			memcpy(to, p, (size_t) (quote + 1 - p));
			to += quote + 1 - p;
			p = quote + 2;
			continue;
		}
		if (quote + 1 < end && quote[1] != delimiter)
			return NULL;
		if (to == *scratch)
			*field = (CfAccessText) {from, (size_t) (quote - from)};
		else
		{
			memcpy(to, p, (size_t) (quote - p));
			to += quote - p;
			field->length = (size_t) (to - *scratch);
			*scratch = to;
		}
		return quote + 1;
	}
}

int
cf_catalog_csv_split(const char *line, size_t length, char delimiter, char *scratch, CfAccessText *fields)
{
	const char *p = line;
	const char *end = line + length;
	int			count = 0;

	for (;;)
	{
		CfAccessText *field = &fields[count];

		if (count++ == CF_CSV_FIELDS)
			return -1;
		if (p < end && *p == '"')
			p = take_quoted(p, end, delimiter, &scratch, field);
		else
		{
			const char *stop = memchr(p, delimiter, (size_t) (end - p));

			stop = stop == NULL ? end : stop;
			*field = (CfAccessText) {p, (size_t) (stop - p)};
			p = memchr(p, '"', (size_t) (stop - p)) == NULL ? stop : NULL;
		}
		if (p == NULL)
			return -1;
		if (p == end)
			return count;
		p++;
	}
}
