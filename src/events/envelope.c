/*
 * envelope.c
 *		An event as CloudEvents 1.0 in JSON, written by hand: one pass over the row's texts, no tree, no allocation.
 *
 *		{"specversion":"1.0","id":"42","source":"urn:cloudflux:7293…:postgres","type":"object.created",
 *		 "subject":"01M7…","time":"2026-11-21T12:00:00.000001Z","datacontenttype":"application/json",
 *		 "dataschema":"urn:cloudflux:schema:object.created:1","topic":"data-ingestion","actor":"alice","data":{…}}
 *
 * The data is the server's own text of a jsonb, so it is JSON already and is copied. A database in SQL_ASCII may hold bytes
 * that are no UTF-8: each one becomes U+FFFD, in the data too, for one such row must not stop the stream.
 */
#include <stdio.h>
#include <string.h>

#include "core/calendar.h"
#include "events/envelope.h"

#define DAY_US (INT64_C(86400) * 1000000)

/* What is written; length goes on counting where room has ended. */
typedef struct Out
{
	char	   *bytes;
	size_t		length;
	size_t		room;
} Out;

static void
put(Out *out, const char *bytes, size_t length)
{
	if (out->length + length <= out->room)
		memcpy(out->bytes + out->length, bytes, length);
	out->length += length;
}

static void
put_text(Out *out, const char *text)
{
	put(out, text, strlen(text));
}

/* sequence_length is that of the well-formed UTF-8 sequence at s, of which `left` bytes are there; 0 = there is none. */
static size_t
sequence_length(const unsigned char *s, size_t left)
{
	size_t		length;
	unsigned char low = 0x80,
				high = 0xbf;

	if (s[0] < 0x80)
		return 1;
	if (s[0] < 0xc2 || s[0] > 0xf4)
		return 0;
	length = s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
	/* The shortest form, no surrogate, nothing beyond U+10FFFF. */
	if (s[0] == 0xe0)
		low = 0xa0;
	else if (s[0] == 0xed)
		high = 0x9f;
	else if (s[0] == 0xf0)
		low = 0x90;
	else if (s[0] == 0xf4)
		high = 0x8f;
	if (length > left || s[1] < low || s[1] > high)
		return 0;
	for (size_t i = 2; i < length; i++)
	{
		if (s[i] < 0x80 || s[i] > 0xbf)
			return 0;
	}
	return length;
}

/* put_utf8 copies a text, and makes U+FFFD of each byte that is no part of a well-formed sequence. */
static void
put_utf8(Out *out, CfText text)
{
	const unsigned char *s = (const unsigned char *) text.text;
	size_t		done = 0;

	for (size_t i = 0; i < text.length;)
	{
		size_t		length = sequence_length(s + i, text.length - i);

		if (length != 0)
		{
			i += length;
			continue;
		}
		put(out, text.text + done, i - done);
		put(out, "\xef\xbf\xbd", 3);
		done = ++i;
	}
	put(out, text.text + done, text.length - done);
}

/* put_inner writes a text as it stands between the quotes of a JSON string. */
static void
put_inner(Out *out, CfText text)
{
	size_t		done = 0;

	for (size_t i = 0; i < text.length; i++)
	{
		unsigned char c = text.text[i];
		char		escape[8];

		if (c >= 0x20 && c != '"' && c != '\\')
			continue;
		put_utf8(out, (CfText){text.text + done, i - done});
		if (c < 0x20)
			snprintf(escape, sizeof(escape), "\\u%04x", c);
		else
			snprintf(escape, sizeof(escape), "\\%c", c);
		put_text(out, escape);
		done = i + 1;
	}
	put_utf8(out, (CfText){text.text + done, text.length - done});
}

/* put_member writes `,"name":"value"`. */
static void
put_member(Out *out, const char *name, CfText value)
{
	put_text(out, ",\"");
	put_text(out, name);
	put_text(out, "\":\"");
	put_inner(out, value);
	put_text(out, "\"");
}

/* put_schema writes the name of the schema that the data follows. */
static void
put_schema(Out *out, const CfEvent *event)
{
	char		version[24];

	snprintf(version, sizeof(version), ":%d\"", event->version);
	put_text(out, ",\"dataschema\":\"urn:cloudflux:schema:");
	put_inner(out, event->event_type);
	put_text(out, version);
}

size_t
cf_envelope_write(const CfEvent *event, CfText source, char *bytes, size_t room)
{
	Out			out = {bytes, 0, room};
	char		text[CF_ENVELOPE_TIME_BYTES];

	snprintf(text, sizeof(text), "%lld", (long long) event->id);
	put_text(&out, "{\"specversion\":\"1.0\"");
	put_member(&out, "id", (CfText){text, strlen(text)});
	put_member(&out, "source", source);
	put_member(&out, "type", event->event_type);
	put_member(&out, "subject", event->subject);
	if (cf_envelope_time(event->time_us, text))
		put_member(&out, "time", (CfText){text, strlen(text)});
	put_text(&out, ",\"datacontenttype\":\"application/json\"");
	put_schema(&out, event);
	put_member(&out, "topic", event->topic);
	put_member(&out, "actor", event->actor);
	if (event->replay)
		put_text(&out, ",\"replay\":true");
	put_text(&out, ",\"data\":");
	put_utf8(&out, event->data);
	put_text(&out, "}");
	return out.length;
}

size_t
cf_envelope_clean(CfText text, char *bytes, size_t room)
{
	Out			out = {bytes, 0, room};

	put_utf8(&out, text);
	return out.length;
}

bool
cf_envelope_source(uint64_t system_identifier, const char *database, char *out, size_t room)
{
	static const char digits[] = "0123456789ABCDEF";
	size_t		length;
	int			written = snprintf(out, room, "urn:cloudflux:%llu:", (unsigned long long) system_identifier);

	if (written < 0 || (size_t) written >= room)
		return false;
	length = (size_t) written;
	for (const unsigned char *s = (const unsigned char *) database; *s != '\0'; s++)
	{
		bool		plain = (*s >= 'a' && *s <= 'z') || (*s >= 'A' && *s <= 'Z') || (*s >= '0' && *s <= '9') ||
			*s == '-' || *s == '.' || *s == '_' || *s == '~';

		if (length + 4 > room)
			return false;
		if (plain)
			out[length++] = (char) *s;
		else
		{
			out[length++] = '%';
			out[length++] = digits[*s >> 4];
			out[length++] = digits[*s & 15];
		}
	}
	out[length] = '\0';
	return true;
}

bool
cf_envelope_time(int64_t us, char out[CF_ENVELOPE_TIME_BYTES])
{
	int64_t		end;
	int64_t		rest;
	int			year,
				month,
				day;

	/* The calendar counts days from 1970 on; nothing was emitted before. */
	if (us < 0 || !cf_calendar_us(9999, 12, 31, 23, 59, 59, &end) || us > end + 999999)
		return false;
	cf_calendar_date(us / DAY_US, &year, &month, &day);
	rest = us % DAY_US;
	snprintf(out, CF_ENVELOPE_TIME_BYTES, "%04d-%02d-%02dT%02d:%02d:%02d.%06dZ", year % 10000, month % 100, day % 100,
			 (int) (rest / INT64_C(3600000000)), (int) (rest / 60000000 % 60), (int) (rest / 1000000 % 60), (int) (rest % 1000000));
	return true;
}
