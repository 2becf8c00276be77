/*
 * remote_text.c
 *		Texts that drivers of clouds write and read: pieces put together, numbers, times, and what may stand in a message.
 *
 * A text that cannot grow remembers that it failed, so that who builds one looks once, at its end. What is read is hostile:
 * numbers have a maximum, and a time is of a day that there is.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/calendar.h"
#include "storage/remote/remote.h"
#include "storage/utf8.h"

#define TEXT_FIRST 128
#define TEXT_MAX (SIZE_MAX / 8)
#define SECONDS_MAX INT64_C(253402300799)	/* the last of the year 9999 */

static bool text_reserve(CfRemoteText *text, size_t length);
static bool digits(const char **text, int count, char after, int *value);

/* text_reserve makes room for length more bytes and a NUL. */
static bool
text_reserve(CfRemoteText *text, size_t length)
{
	size_t		room = text->room == 0 ? TEXT_FIRST : text->room;
	char	   *grown;

	if (text->failed || length >= TEXT_MAX - text->length)
		return !(text->failed = true);
	if (text->data != NULL && text->length + length < text->room)
		return true;
	while (room <= text->length + length)
		room *= 2;
	if ((grown = cf_arena_alloc(text->arena, room)) == NULL)
		return !(text->failed = true);
	if (text->length > 0)
		memcpy(grown, text->data, text->length);
	text->data = grown;
	text->room = room;
	return true;
}

/* cf_remote_text_add appends a piece. */
void
cf_remote_text_add(CfRemoteText *text, const char *piece)
{
	cf_remote_text_add_bytes(text, piece, strlen(piece));
}

/* cf_remote_text_add_bytes appends length bytes; when memory is short, the text stays as it was. */
void
cf_remote_text_add_bytes(CfRemoteText *text, const char *bytes, size_t length)
{
	if (!text_reserve(text, length))
		return;
	memcpy(text->data + text->length, bytes, length);
	text->length += length;
	text->data[text->length] = '\0';
}

/* cf_remote_text_number appends a number in decimal digits. */
void
cf_remote_text_number(CfRemoteText *text, int64_t number)
{
	cf_remote_text_format(text, "%lld", (long long) number);
}

/* cf_remote_text_format appends what printf would print. */
void
cf_remote_text_format(CfRemoteText *text, const char *format, ...)
{
	va_list		args;
	int			length;

	va_start(args, format);
	length = vsnprintf(NULL, 0, format, args);
	va_end(args);
	if (length < 0 || !text_reserve(text, (size_t) length))
	{
		text->failed = true;
		return;
	}
	va_start(args, format);
	vsnprintf(text->data + text->length, (size_t) length + 1, format, args);
	va_end(args);
	text->length += (size_t) length;
}

/* text_encode appends a piece with every byte encoded that is not plain in a URL. */
static void
text_encode(CfRemoteText *text, const char *piece, bool slashes)
{
	char	   *encoded = text->failed ? NULL : cf_url_encode(text->arena, piece, strlen(piece), slashes);

	if (encoded == NULL)
		text->failed = true;
	else
		cf_remote_text_add(text, encoded);
}

/* cf_remote_text_encode appends what the value of a query can hold. */
void
cf_remote_text_encode(CfRemoteText *text, const char *piece)
{
	text_encode(text, piece, false);
}

/* cf_remote_text_path appends what a path can hold. */
void
cf_remote_text_path(CfRemoteText *text, const char *piece)
{
	text_encode(text, piece, true);
}

char *
cf_remote_text_end(CfRemoteText *text)
{
	if (text->data == NULL)
		cf_remote_text_add(text, "");
	return text->failed ? NULL : text->data;
}

char *
cf_remote_format(CfArena *arena, const char *format, ...)
{
	char	   *text;
	va_list		args;
	int			length;

	va_start(args, format);
	length = vsnprintf(NULL, 0, format, args);
	va_end(args);
	if (length < 0 || (text = cf_arena_alloc(arena, (size_t) length + 1)) == NULL)
		return NULL;
	va_start(args, format);
	vsnprintf(text, (size_t) length + 1, format, args);
	va_end(args);
	return text;
}

bool
cf_remote_number(const char *text, int64_t max, int64_t *number)
{
	int64_t		value = 0;

	if (*text == '\0')
		return false;
	for (; *text != '\0'; text++)
	{
		if (*text < '0' || *text > '9' || value > (max - (*text - '0')) / 10)
			return false;
		value = value * 10 + (*text - '0');
	}
	*number = value;
	return true;
}

bool
cf_remote_time(const char *text, int64_t *time_us)
{
	const char *at = text;
	int			year,
				month,
				day,
				hour,
				minute,
				second;
	int64_t		unit = 100000;

	if (!digits(&at, 4, '-', &year) || !digits(&at, 2, '-', &month) || !digits(&at, 2, 'T', &day) || !digits(&at, 2, ':', &hour) ||
		!digits(&at, 2, ':', &minute) || !digits(&at, 2, '\0', &second))
		return cf_net_date(text, time_us) && *time_us >= 0;
	if (!cf_calendar_us(year, month, day, hour, minute, second, time_us) || *time_us < 0)
		return false;
	if (*at == '.')
	{
		for (at++; *at >= '0' && *at <= '9'; at++, unit /= 10)
			*time_us += (*at - '0') * unit;
	}
	return strcmp(at, "Z") == 0;
}

/* digits reads a number of so many digits, and the character after it; '\0' = whatever comes. */
static bool
digits(const char **text, int count, char after, int *value)
{
	*value = 0;
	for (int i = 0; i < count; i++, (*text)++)
	{
		if (**text < '0' || **text > '9')
			return false;
		*value = *value * 10 + (**text - '0');
	}
	return after == '\0' || *(*text)++ == after;
}

void
cf_remote_time_write(int64_t time_us, CfRemoteTime form, char text[40])
{
	static const char *const weekdays[] = {"Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"};
	static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
	int64_t		seconds = time_us < 0 ? 0 : time_us / 1000000 > SECONDS_MAX ? SECONDS_MAX : time_us / 1000000;
	int64_t		days = seconds / 86400;
	int			hour = (int) (seconds % 86400) / 3600;
	int			minute = (int) (seconds % 3600) / 60;
	int			second = (int) (seconds % 60);
	int			year;
	int			month;
	int			day;

	cf_calendar_date(days, &year, &month, &day);
	if (form == CF_REMOTE_HTTP)
		snprintf(text, 40, "%s, %02d %s %04d %02d:%02d:%02d GMT", weekdays[days % 7], day, months[month - 1], year, hour, minute, second);
	else
		snprintf(text, 40, form == CF_REMOTE_ISO ? "%04d-%02d-%02dT%02d:%02d:%02dZ" : "%04d%02d%02dT%02d%02d%02dZ", year, month, day,
				 hour, minute, second);
}

void
cf_remote_harmless(char *text, const char *more)
{
	while ((*text >= 'a' && *text <= 'z') || (*text >= 'A' && *text <= 'Z') || (*text >= '0' && *text <= '9') ||
		   (*text != '\0' && strchr(more, *text) != NULL))
		text++;
	*text = '\0';
}

bool
cf_remote_among(const char *text, const char *const *words)
{
	while (*words != NULL && strcmp(*words, text) != 0)
		words++;
	return *words != NULL;
}

const char *
cf_remote_shown(CfOp *op, const char *key)
{
	char	   *shown = cf_arena_alloc(&op->request_arena, CF_REMOTE_SHOWN);

	if (shown == NULL)
		return "...";
	cf_utf8_shown(shown, CF_REMOTE_SHOWN, key);
	return shown;
}
