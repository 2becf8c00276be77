/*
 * azure_text.c
 *		Texts that the driver reads and writes: pieces put together, "name=value" lines, numbers, times.
 *
 * A text that cannot grow remembers that it failed, so that a builder checks once, at its end. Times are those of HTTP (RFC
 * 9110, only the form that servers must send) and ISO 8601 in UTC.
 */
#include <stdio.h>
#include <string.h>

#include "core/calendar.h"
#include "storage/azure/azure.h"

static const char *const months[] = {
	"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"
};

/* cf_azure_text_add_bytes appends; the arena keeps what the text grew out of until it is reset. */
void
cf_azure_text_add_bytes(CfAzureText *text, const char *bytes, size_t length)
{
	if (text->failed)
		return;
	if (length >= text->capacity - text->length || text->data == NULL)
	{
		size_t		capacity = (text->length + length + 1) * 2 < 128 ? 128 : (text->length + length + 1) * 2;
		char	   *larger = length > SIZE_MAX / 8 || text->length > SIZE_MAX / 8 ? NULL : cf_arena_alloc(text->arena, capacity);

		if (larger == NULL)
		{
			text->failed = true;
			return;
		}
		if (text->length > 0)
			memcpy(larger, text->data, text->length);
		text->data = larger;
		text->capacity = capacity;
	}
	memcpy(text->data + text->length, bytes, length);
	text->length += length;
	text->data[text->length] = '\0';
}

void
cf_azure_text_add(CfAzureText *text, const char *piece)
{
	cf_azure_text_add_bytes(text, piece, strlen(piece));
}

/* cf_azure_text_encode appends a piece percent-encoded, slashes too. */
void
cf_azure_text_encode(CfAzureText *text, const char *piece)
{
	char	   *encoded = text->failed ? NULL : cf_url_encode(text->arena, piece, strlen(piece), false);

	if (encoded == NULL)
		text->failed = true;
	else
		cf_azure_text_add(text, encoded);
}

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

/* cf_azure_number reads digits and nothing else, up to max. */
bool
cf_azure_number(const char *text, int64_t max, int64_t *number)
{
	int64_t		value = 0;

	if (*text == '\0')
		return false;
	for (; *text != '\0'; text++)
	{
		int			digit = *text - '0';

		if (digit < 0 || digit > 9 || value > (max - digit) / 10)
			return false;
		value = value * 10 + digit;
	}
	*number = value;
	return true;
}

/* cf_azure_time_read reads "Sun, 06 Nov 1994 08:49:37 GMT" and "1994-11-06T08:49:37[.…]Z". */
bool
cf_azure_time_read(const char *text, int64_t *time_us)
{
	char		month_name[4];
	int			year,
				month = 0,
				day,
				hour,
				minute,
				second;

	if (sscanf(text, "%*3[A-Za-z], %2d %3[A-Za-z] %4d %2d:%2d:%2d GMT", &day, month_name, &year, &hour, &minute, &second) == 6)
	{
		while (month < 12 && strcmp(months[month], month_name) != 0)
			month++;
		month++;
	}
	else if (sscanf(text, "%4d-%2d-%2dT%2d:%2d:%2d", &year, &month, &day, &hour, &minute, &second) != 6)
		return false;
	return year >= 1601 && cf_calendar_us(year, month, day, hour, minute, second, time_us);
}

/* cf_azure_time_write writes a time to the second, as HTTP or ISO 8601 has it; a time outside the years 1970 .. 9999 is clamped. */
void
cf_azure_time_write(int64_t time_us, bool iso, char text[40])
{
	static const char *const weekdays[] = {"Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"};
	int64_t		seconds = time_us / 1000000;
	int64_t		days;
	int			year;
	int			month;
	int			of_day;
	int			day;

	if (seconds < 0)
		seconds = 0;
	if (seconds > INT64_C(253402300799))
		seconds = INT64_C(253402300799);
	days = seconds / 86400;
	of_day = (int) (seconds % 86400);
	cf_calendar_date(days, &year, &month, &day);
	if (iso)
		snprintf(text, 40, "%04d-%02d-%02dT%02d:%02d:%02dZ", year, month, day, of_day / 3600, of_day / 60 % 60, of_day % 60);
	else
		snprintf(text, 40, "%s, %02d %s %04d %02d:%02d:%02d GMT", weekdays[days % 7], day, months[month - 1], year,
				 of_day / 3600, of_day / 60 % 60, of_day % 60);
}
