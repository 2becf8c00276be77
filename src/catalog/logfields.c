/*
 * logfields.c
 *		Single fields of logs and inventories, read strictly: what is not of the form is refused, never guessed.
 */
#include <string.h>

#include "catalog/logfields.h"
#include "core/calendar.h"

bool
cf_catalog_field_dash(const CfAccessText *word)
{
	return word->length == 1 && word->data[0] == '-';
}

bool
cf_catalog_field_is(const CfAccessText *word, const char *text)
{
	return word->length == strlen(text) && memcmp(word->data, text, word->length) == 0;
}

int
cf_catalog_field_digits(const char *p, int count)
{
	int			value = 0;

	for (int i = 0; i < count; i++)
	{
		if (p[i] < '0' || p[i] > '9')
			return -1;
		value = value * 10 + (p[i] - '0');
	}
	return value;
}

bool
cf_catalog_field_number(const CfAccessText *word, int64_t none_value, int64_t *value)
{
	int64_t		sum = 0;

	if (cf_catalog_field_dash(word))
	{
		*value = none_value;
		return true;
	}
	if (word->length == 0 || word->length > 18)
		return false;
	for (size_t i = 0; i < word->length; i++)
	{
		if (word->data[i] < '0' || word->data[i] > '9')
			return false;
		sum = sum * 10 + (word->data[i] - '0');
	}
	*value = sum;
	return true;
}

bool
cf_catalog_field_status(const CfAccessText *word, int *status)
{
	if (cf_catalog_field_dash(word))
	{
		*status = 0;
		return true;
	}
	*status = word->length == 3 ? cf_catalog_field_digits(word->data, 3) : -1;
	return *status >= 100;
}

bool
cf_catalog_field_moment(int year, int month, int day, int hour, int minute, int second, int zone_minutes, int64_t *at_us)
{
	if (year < 1970 || zone_minutes < -960 || zone_minutes > 960 || !cf_calendar_us(year, month, day, hour, minute, second, at_us))
		return false;
	*at_us -= zone_minutes * INT64_C(60000000);
	return true;
}

/* zone_of reads what follows the time: nothing, Z, +hh:mm or +hhmm. */
static bool
zone_of(const char *p, const char *end, int *minutes)
{
	size_t		length = (size_t) (end - p);
	int			hour;
	int			minute;

	*minutes = 0;
	if (length == 0 || (length == 1 && (*p == 'Z' || *p == 'z')))
		return true;
	if ((p[0] != '+' && p[0] != '-') || (length != 5 && (length != 6 || p[3] != ':')))
		return false;
	hour = cf_catalog_field_digits(p + 1, 2);
	minute = cf_catalog_field_digits(end - 2, 2);
	if (hour < 0 || hour > 15 || minute < 0 || minute > 59)
		return false;
	*minutes = (hour * 60 + minute) * (p[0] == '-' ? -1 : 1);
	return true;
}

bool
cf_catalog_field_iso(const CfAccessText *word, int64_t *at_us)
{
	const char *p = word->data;
	const char *end = p + word->length;
	int64_t		unit = 100000;
	int64_t		fraction = 0;
	int			zone;

	if (word->length < 19 || p[4] != '-' || p[7] != '-' || (p[10] != 'T' && p[10] != ' ') || p[13] != ':' || p[16] != ':')
		return false;
	p += 19;
	if (p < end && *p == '.')
	{
		const char *first = ++p;

		for (; p < end && *p >= '0' && *p <= '9'; p++, unit /= 10)
			fraction += (*p - '0') * unit;
		if (p == first)
			return false;
	}
	if (!zone_of(p, end, &zone))
		return false;
	p = word->data;
	if (!cf_catalog_field_moment(cf_catalog_field_digits(p, 4), cf_catalog_field_digits(p + 5, 2), cf_catalog_field_digits(p + 8, 2),
								 cf_catalog_field_digits(p + 11, 2), cf_catalog_field_digits(p + 14, 2), cf_catalog_field_digits(p + 17, 2),
								 zone, at_us))
		return false;
	*at_us += fraction;
	return true;
}

static int
hex_of(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

size_t
cf_catalog_field_decode(const char *in, size_t length, bool plus_is_blank, char *out, size_t capacity)
{
	size_t		n = 0;

	for (size_t i = 0; i < length; i++)
	{
		char		c = in[i];

		if (c == '%' && i + 2 < length && hex_of(in[i + 1]) >= 0 && hex_of(in[i + 2]) >= 0)
		{
			c = (char) (hex_of(in[i + 1]) * 16 + hex_of(in[i + 2]));
			i += 2;
			if (c == '\0')
				return 0;
		}
		else if (c == '+' && plus_is_blank)
			c = ' ';
		if (n == capacity)
			return 0;
		out[n++] = c;
	}
	return n;
}

/* entity_of reads one entity at in (behind the &); 0 = it is none that we know. */
static char
entity_of(const char *in, size_t length, size_t *used)
{
	static const struct
	{
		const char *name;
		char		c;
	}			names[] = {{"amp;", '&'}, {"quot;", '"'}, {"lt;", '<'}, {"gt;", '>'}, {"apos;", '\''}};
	int			base = 10;
	int			value = 0;
	size_t		i = 1;

	for (size_t n = 0; n < sizeof(names) / sizeof(names[0]); n++)
	{
		*used = strlen(names[n].name);
		if (length >= *used && memcmp(in, names[n].name, *used) == 0)
			return names[n].c;
	}
	if (length < 3 || in[0] != '#')
		return '\0';
	if (in[1] == 'x' || in[1] == 'X')
	{
		base = 16;
		i++;
	}
	for (; i < length && i < 8; i++)
	{
		int			digit = hex_of(in[i]);

		if (in[i] == ';')
		{
			*used = i + 1;
			return value > 0 && value < 128 ? (char) value : '\0';
		}
		if (digit < 0 || digit >= base)
			return '\0';
		value = value * base + digit;
	}
	return '\0';
}

size_t
cf_catalog_field_html(const char *in, size_t length, char *out, size_t capacity)
{
	size_t		n = 0;

	for (size_t i = 0; i < length; i++)
	{
		char		c = in[i];

		if (c == '&')
		{
			size_t		used;
			char		meant = entity_of(in + i + 1, length - i - 1, &used);

			if (meant != '\0')
			{
				c = meant;
				i += used;
			}
		}
		if (n == capacity)
			return 0;
		out[n++] = c;
	}
	return n;
}
