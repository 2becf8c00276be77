/*
 * azure_text.c
 *		Texts that the driver reads and writes: pieces put together, "name=value" lines, numbers, times.
 *
 * A text that cannot grow remembers that it failed, so that a builder checks once, at its end. Times are those of HTTP (RFC
 * 9110, only the form that servers must send) and ISO 8601 in UTC; the calendar is computed here, since the C library's needs
 * locale or zone.
 */
#include <stdio.h>
#include <string.h>

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

/* days_of counts days since 1970-01-01 of a date in the Gregorian calendar. */
static int64_t
days_of(int64_t year, int month, int day)
{
	int64_t		era_year = month <= 2 ? year - 1 : year;
	int64_t		era = (era_year >= 0 ? era_year : era_year - 399) / 400;
	int64_t		of_era = era_year - era * 400;
	int64_t		of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

	return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
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
	if (year < 1601 || month < 1 || month > 12 || day < 1 || day > 31 || hour < 0 || hour > 23 || minute < 0 || minute > 59 ||
		second < 0 || second > 60)
		return false;
	*time_us = (((days_of(year, month, day) * 24 + hour) * 60 + minute) * 60 + second) * INT64_C(1000000);
	return true;
}

/* cf_azure_time_write writes a time to the second, as HTTP or ISO 8601 has it; a time outside the years 1970 .. 9999 is clamped. */
void
cf_azure_time_write(int64_t time_us, bool iso, char text[40])
{
	static const char *const weekdays[] = {"Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"};
	int64_t		seconds = time_us / 1000000;
	int64_t		days;
	int			year = 1970;
	int			month = 1;
	int			of_day;
	int			day;

	if (seconds < 0)
		seconds = 0;
	if (seconds > INT64_C(253402300799))
		seconds = INT64_C(253402300799);
	days = seconds / 86400;
	of_day = (int) (seconds % 86400);
	year += (int) (days / 366);
	while (days_of(year + 1, 1, 1) <= days)
		year++;
	while (month < 12 && days_of(year, month + 1, 1) <= days)
		month++;
	day = (int) (days - days_of(year, month, 1)) + 1;
	if (iso)
		snprintf(text, 40, "%04d-%02d-%02dT%02d:%02d:%02dZ", year, month, day, of_day / 3600, of_day / 60 % 60, of_day % 60);
	else
		snprintf(text, 40, "%s, %02d %s %04d %02d:%02d:%02d GMT", weekdays[days % 7], day, months[month - 1], year,
				 of_day / 3600, of_day / 60 % 60, of_day % 60);
}
