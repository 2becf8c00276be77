/*
 * Lines of access logs: documented formats, hostile requests, keys as S3 encodes them, dates, bounds, and the
 * cutting of a stream into lines whatever the size of its pieces.
 */
#include "harness/tap.h"

#include "catalog/accesslog.h"

#define OWNER "79a59df900b949e55d96a1e698fbacedfd6e09d98eacf8f8d5218e7cd47ef2be"
#define HEAD OWNER " pictures [06/Feb/2019:00:00:38 +0000] 192.0.2.3 arn:aws:iam::123456789012:user/ann 3E57427F3EXAMPLE "
#define TAIL " \"-\" \"S3Console/0.4\" - s9lzHYrFp76ZVxRcpX9= SigV4 ECDHE-RSA-AES128-GCM-SHA256 AuthHeader host TLSV1.2 - -"

static CfAccessLine line;

static CfAccessFault
s3(const char *text)
{
	return cf_catalog_accesslog_parse(CF_ACCESSLOG_S3, text, strlen(text), &line);
}

static CfAccessFault
apache(const char *text)
{
	return cf_catalog_accesslog_parse(CF_ACCESSLOG_APACHE, text, strlen(text), &line);
}

static const char *
key(void)
{
	static char copy[CF_ACCESSLOG_KEY_MAX + 1];

	memcpy(copy, line.key, line.key_length);
	copy[line.key_length] = '\0';
	return copy;
}

static const char *
other(void)
{
	static char copy[CF_ACCESSLOG_KEY_MAX + 1];

	memcpy(copy, line.other, line.other_length);
	copy[line.other_length] = '\0';
	return copy;
}

static const char *
text_of(CfAccessText text)
{
	static char copy[256];

	snprintf(copy, sizeof(copy), "%.*s", (int) text.length, text.data);
	return copy;
}

static void
test_s3_fields(void)
{
	is_int(s3(HEAD "REST.GET.OBJECT photos/2019/08/puppy.jpg \"GET /photos/2019/08/puppy.jpg HTTP/1.1\" 200 - 2662992 3462992 70 10" TAIL),
		   CF_ACCESS_FINE, "a line as documented is read");
	is_int(line.kind, CF_ACCESS_READ, "REST.GET.OBJECT is a read");
	is_str(key(), "photos/2019/08/puppy.jpg", "its key");
	is_int(line.other_length, 0, "a plain key has one reading");
	is_str(text_of(line.bucket), "pictures", "its bucket");
	is_str(text_of(line.user), "arn:aws:iam::123456789012:user/ann", "its requester");
	is_int(line.at_us, INT64_C(1549411238000000), "its time in UTC");
	is_int(line.bytes, 2662992, "bytes sent, not the size of the object");
	is_int(line.latency_ms, 70, "total time");
	is_int(line.status, 200, "status");
	is_int(s3(HEAD "REST.GET.OBJECT a \"GET /a HTTP/1.1\" 200 - - 0 7 -" TAIL "\r"), CF_ACCESS_FINE, "a carriage return is no part of the line");
	is_int(line.bytes, 0, "a dash for bytes sent means zero");
	is_int(s3(HEAD "REST.GET.OBJECT a \"GET /a HTTP/1.1\" 206 - 512 171408 53 52"), CF_ACCESS_FINE, "old lines end after the times");
	is_int(line.bytes, 512, "a range counts what it sent");
	is_int(s3(OWNER " b [06/Feb/2019:00:00:38 +0000] - - ID REST.GET.OBJECT a \"GET /a HTTP/1.1\" 200 - 1 1 - -"), CF_ACCESS_FINE, "an anonymous request");
	is_int(line.user.length, 0, "has no user");
	is_int(line.latency_ms, -1, "a dash for the time means not told");
}

static void
test_s3_operations(void)
{
	static const struct
	{
		const char *operation;
		int			status;
		CfAccessKind kind;
	}			cases[] = {
		{"REST.GET.OBJECT", 200, CF_ACCESS_READ},
		{"REST.GET.OBJECT", 206, CF_ACCESS_READ},
		{"REST.GET.OBJECT", 304, CF_ACCESS_OTHER},
		{"REST.GET.OBJECT", 403, CF_ACCESS_OTHER},
		{"REST.GET.OBJECT", 404, CF_ACCESS_OTHER},
		{"REST.COPY.OBJECT_GET", 200, CF_ACCESS_READ},
		{"WEBSITE.GET.OBJECT", 200, CF_ACCESS_READ},
		{"REST.HEAD.OBJECT", 200, CF_ACCESS_OTHER},
		{"REST.PUT.OBJECT", 200, CF_ACCESS_WRITE},
		{"REST.PUT.OBJECT", 412, CF_ACCESS_OTHER},
		{"REST.POST.OBJECT", 204, CF_ACCESS_WRITE},
		{"REST.COPY.OBJECT", 200, CF_ACCESS_WRITE},
		{"REST.POST.UPLOAD", 200, CF_ACCESS_WRITE},
		{"REST.PUT.PART", 200, CF_ACCESS_OTHER},
		{"REST.DELETE.OBJECT", 204, CF_ACCESS_DELETE},
		{"BATCH.DELETE.OBJECT", 204, CF_ACCESS_DELETE},
		{"REST.GET.ACL", 200, CF_ACCESS_OTHER},
	};
	char		text[512];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		snprintf(text, sizeof(text), HEAD "%s k \"X /k HTTP/1.1\" %d - 5 5 1 1" TAIL, cases[i].operation,
				 cases[i].status);
		s3(text);
		is_int(line.kind, cases[i].kind, "%s with %d", cases[i].operation, cases[i].status);
	}
	is_int(s3(HEAD "S3.EXPIRE.OBJECT old/file - - - - 123 - -" " - - - - - - - - - - -"), CF_ACCESS_FINE,
		   "lifecycle lines have no request and no status");
	is_int(line.kind, CF_ACCESS_DELETE, "an expired object is deleted");
	is_int(line.bytes, -1, "only reads tell bytes");
}

static void
test_hostile_requests(void)
{
	is_int(s3(HEAD "REST.GET.OBJECT / \"GET //?s=index/\\think&x=<?php$p%20=%20\"xinba\";$ch=explode(\".\",\"he.llo\");?> HTTP/1.1\" 404 NoSuchKey 272 - 9 - \"https://h//?x=\"xinba\";\" \"Mozilla \"quoted\" 5.0\" - x= -"),
		   CF_ACCESS_FINE, "quotes inside an attack request do not end it");
	is_int(line.status, 404, "and its status is found");
	is_int(s3(HEAD "REST.GET.OBJECT a \"GET /a\" HTTP/1.1\" 200 - 10 10 1 1 \"x\" 404 - 9 9 9 9 \"\" \"-\" -"), CF_ACCESS_FINE,
		   "a referer that looks like the end of a request comes too late");
	is_int(line.status, 200, "the first end counts");
	is_int(apache("1.2.3.4 - - [17/May/2015:10:05:03 +0000] \"GET /a\\\"b\" HTTP/1.1\" 200 5 \"-\" \"\\\"\" 1\""), CF_ACCESS_FINE,
		   "escaped and bare quotes in Apache lines");
	is_int(line.bytes, 5, "are passed over");
	is_int(s3(HEAD "REST.GET.OBJECT a \"GET /a HTTP/1.1\" 20x - 1 1 1 1" TAIL), CF_ACCESS_BAD_STATUS, "a status must be a number");
	is_int(s3(HEAD "REST.GET.OBJECT a \"GET /a HTTP/1.1\" 200 - x 1 1 1" TAIL), CF_ACCESS_BAD_NUMBER, "bytes must be a number");
	is_int(s3(HEAD "REST.GET.OBJECT a \"GET /a HTTP/1.1\" 200 - 1 -1 1 1" TAIL), CF_ACCESS_BAD_NUMBER, "sizes are not negative");
	is_int(s3(HEAD "REST.GET.OBJECT a \"GET /a HTTP/1.1\" 200 - 1 1 1234567890123456789 1" TAIL), CF_ACCESS_BAD_NUMBER, "19 digits are too many");
	is_int(s3(HEAD "REST.GET.OBJECT a \"GET /a HTTP/1.1\" 200 - 1 1"), CF_ACCESS_FEW_FIELDS, "a line that is cut short is not taken");
	is_int(s3(HEAD "REST.GET.OBJECT a \"GET /a HTTP/1.1\" 99 - 1 1 1 1"), CF_ACCESS_BAD_STATUS, "99 is no status");
	is_int(s3(HEAD "REST.GET.OBJECT a GET 200 - 1 1 1 1"), CF_ACCESS_BAD_REQUEST, "a request without quotes");
	is_int(s3(HEAD "REST.GET.OBJECT a"), CF_ACCESS_BAD_REQUEST, "no request at all");
	is_int(s3(HEAD "REST.GET.OBJECT"), CF_ACCESS_FEW_FIELDS, "no key");
	is_int(s3(""), CF_ACCESS_FEW_FIELDS, "an empty line");
	is_int(s3("  "), CF_ACCESS_FEW_FIELDS, "blanks");
	is_int(cf_catalog_accesslog_parse(CF_ACCESSLOG_S3, "a\0b", 3, &line), CF_ACCESS_ZERO_BYTE, "a zero byte");
	{
		char	   *large = malloc(CF_ACCESSLOG_LINE_MAX + 1);

		memset(large, 'a', CF_ACCESSLOG_LINE_MAX + 1);
		is_int(cf_catalog_accesslog_parse(CF_ACCESSLOG_S3, large, CF_ACCESSLOG_LINE_MAX + 1, &line), CF_ACCESS_LONG_LINE, "one byte more than a line may have");
		is_int(cf_catalog_accesslog_parse(CF_ACCESSLOG_S3, large, CF_ACCESSLOG_LINE_MAX, &line), CF_ACCESS_FEW_FIELDS, "as many as it may have");
		free(large);
	}
}

/* Lines that end in the wrong place after their request. */
static void
test_truncated(void)
{
	static const char full[] = HEAD "REST.GET.OBJECT a \"GET /a HTTP/1.1\" 200 - 1 1 1 1" TAIL;
	static const char web[] = "h - u [17/May/2015:10:05:03 +0000] \"GET /a HTTP/1.1\" 200 5";
	size_t		ok_from = strstr(full, " 1 1 1 1") - full + strlen(" 1 1 1 1");
	bool		refused = true;

	for (size_t n = 0; n < ok_from; n++)
		refused &= cf_catalog_accesslog_parse(CF_ACCESSLOG_S3, full, n, &line) != CF_ACCESS_FINE;
	ok(refused, "no beginning of an S3 line before its times is a line");
	refused = true;
	for (size_t n = 0; n < sizeof(web) - 1; n++)
		refused &= cf_catalog_accesslog_parse(CF_ACCESSLOG_APACHE, web, n, &line) != CF_ACCESS_FINE;
	ok(refused, "no beginning of an Apache line before its bytes is a line");
	is_int(apache(web), CF_ACCESS_FINE, "the common format ends there");
	is_str(text_of(line.user), "u", "and names the user");
	is_int(s3(HEAD "REST.GET.OBJECT a \"GET /a HTTP/1.1\" 200"), CF_ACCESS_FEW_FIELDS, "a status and no more");
	is_int(s3(HEAD "REST.GET.OBJECT a \"GET /a HTTP/1.1\" "), CF_ACCESS_FEW_FIELDS, "no status");
	is_int(s3(HEAD "REST.GET.OBJECT a \"GET /a HTTP/1.1\" 200 - 1"), CF_ACCESS_FEW_FIELDS, "no size");
	is_int(s3(HEAD "REST.GET.OBJECT a \"GET /a HTTP/1.1\" 200 - 1 1"), CF_ACCESS_FEW_FIELDS, "no times");
	is_int(apache("h - u [17/May/2015:10:05:03 +0000] \"GET /a HTTP/1.1\" "), CF_ACCESS_FEW_FIELDS, "Apache without a status");
	is_int(apache("h - u [17/May/2015:10:05:03 +0000] \"GET /a HTTP/1.1\" 200"), CF_ACCESS_FEW_FIELDS, "Apache without bytes");
	is_int(apache("h - u [17/May/2015:10:05:03 +0000] \"GET /a HTTP/1.1\" abc 5"), CF_ACCESS_BAD_STATUS, "Apache with a bad status");
	is_int(apache("h - u [17/May/2015:10:05:03 +0000] \"GET /a HTTP/1.1\" 200 many"), CF_ACCESS_BAD_NUMBER, "Apache with bad bytes");
	is_int(apache("h -"), CF_ACCESS_FEW_FIELDS, "Apache without a user");
	is_int(apache("h - - now \"GET /a HTTP/1.1\" 200 5"), CF_ACCESS_BAD_TIME, "Apache without a time");
	is_int(apache("h - - [17/May/2015:10:05:03 +0000] x"), CF_ACCESS_BAD_REQUEST, "Apache without a request");
}

static void
test_keys(void)
{
	char		text[8192];
	char		many[4096];

	s3(HEAD "REST.GET.OBJECT my%2Bphoto%252Bof%2B100%2525.jpg \"GET /my%20photo%2Bof%20100%25.jpg HTTP/1.1\" 200 - 1 1 1 1" TAIL);
	is_str(key(), "my photo+of 100%.jpg", "keys of requests are encoded twice, with + for a blank");
	is_str(other(), "my+photo%2Bof+100%25.jpg", "the other reading decodes once");
	s3(HEAD "BATCH.DELETE.OBJECT foo-%2525Y - 204 - - 5 - -" TAIL);
	is_str(key(), "foo-%25Y", "keys of what the service does are encoded once");
	is_int(line.other_length, 0, "and have no other reading");
	s3(HEAD "REST.GET.OBJECT a%zzb%2 \"GET /x HTTP/1.1\" 200 - 1 1 1 1" TAIL);
	is_str(key(), "a%zzb%2", "what is no escape stands for itself");
	s3(HEAD "REST.GET.OBJECT a%00b \"GET /x HTTP/1.1\" 200 - 1 1 1 1" TAIL);
	is_int(line.kind, CF_ACCESS_OTHER, "a zero byte is in no key");
	s3(HEAD "REST.GET.OBJECT a%2500b \"GET /x HTTP/1.1\" 200 - 1 1 1 1" TAIL);
	is_str(key(), "a%00b", "where the second decoding gives no key, the first does");
	is_int(line.other_length, 0, "and is the only one");

	memset(many, 'k', sizeof(many));
	many[1024] = '\0';
	snprintf(text, sizeof(text), HEAD "REST.GET.OBJECT %s \"GET /x HTTP/1.1\" 200 - 1 1 1 1" TAIL, many);
	s3(text);
	is_int(line.key_length, 1024, "a key of 1,024 bytes");
	many[1024] = 'k';
	many[1025] = '\0';
	snprintf(text, sizeof(text), HEAD "REST.GET.OBJECT %s \"GET /x HTTP/1.1\" 200 - 1 1 1 1" TAIL, many);
	s3(text);
	is_int(line.kind, CF_ACCESS_OTHER, "no key has 1,025");
	memset(many, 'k', sizeof(many));
	many[3500] = '\0';
	snprintf(text, sizeof(text), HEAD "REST.GET.OBJECT %s \"GET /x HTTP/1.1\" 200 - 1 1 1 1" TAIL, many);
	s3(text);
	is_int(line.kind, CF_ACCESS_OTHER, "however long");

	apache("h - - [17/May/2015:10:05:03 +0000] \"GET /img/a%20b+c.png?size=1#x HTTP/1.1\" 200 5");
	is_str(key(), "img/a b+c.png", "a path is decoded once, + stays, the query goes");
	apache("h - - [17/May/2015:10:05:03 +0000] \"GET http://example.org/x/y HTTP/1.1\" 200 5");
	is_str(key(), "x/y", "a proxy's whole URL");
	apache("h - - [17/May/2015:10:05:03 +0000] \"GET http://example.org HTTP/1.1\" 200 5");
	is_int(line.kind, CF_ACCESS_OTHER, "a URL without a path");
	apache("h - - [17/May/2015:10:05:03 +0000] \"GET nonsense HTTP/1.1\" 200 5");
	is_int(line.kind, CF_ACCESS_OTHER, "a target that is no path");
	apache("h - - [17/May/2015:10:05:03 +0000] \"GET a:b HTTP/1.1\" 200 5");
	is_int(line.kind, CF_ACCESS_OTHER, "or half a URL");
	apache("h - - [17/May/2015:10:05:03 +0000] \"GET / HTTP/1.1\" 200 5");
	is_int(line.kind, CF_ACCESS_OTHER, "the root is no object");
	apache("h - - [17/May/2015:10:05:03 +0000] \"\\x16\\x03\" 400 5");
	is_int(line.kind, CF_ACCESS_OTHER, "a request that is no HTTP");
	apache("h - - [17/May/2015:10:05:03 +0000] \"PUT /a HTTP/1.1\" 201 -");
	is_int(line.kind, CF_ACCESS_WRITE, "PUT writes");
	apache("h - - [17/May/2015:10:05:03 +0000] \"DELETE /a HTTP/1.1\" 204 -");
	is_int(line.kind, CF_ACCESS_DELETE, "DELETE deletes");
	is_int(line.bytes, -1, "and tells no bytes");
	apache("h - - [17/May/2015:10:05:03 +0000] \"HEAD /a HTTP/1.1\" 200 -");
	is_int(line.kind, CF_ACCESS_OTHER, "HEAD reads no bytes");
	apache("h - - [17/May/2015:10:05:03 +0000] \"GET /a HTTP/1.1\" 304 -");
	is_int(line.kind, CF_ACCESS_OTHER, "neither does 304");
}

static int64_t
time_of(const char *time)
{
	char		text[256];

	snprintf(text, sizeof(text), "h - - %s \"GET /a HTTP/1.1\" 200 5", time);
	return apache(text) == CF_ACCESS_FINE ? line.at_us / 1000000 : -1;
}

static void
test_times(void)
{
	static const char *const wrong[] = {
		"[32/Jan/2020:00:00:00 +0000]", "[00/Jan/2020:00:00:00 +0000]", "[29/Feb/2019:00:00:00 +0000]",
		"[01/Foo/2020:00:00:00 +0000]", "[01/Jan/1969:00:00:00 +0000]", "[01/Jan/2020:24:00:00 +0000]",
		"[01/Jan/2020:00:60:00 +0000]", "[01/Jan/2020:00:00:61 +0000]", "[01/Jan/2020:00:00:00 +1600]",
		"[01/Jan/2020:00:00:00 +0060]", "[01/Jan/2020:00:00:00 0000]", "[01/Jan/2020:0a:00:00 +0000]",
		"[1/Jan/2020:00:00:00 +0000]", "01/Jan/2020:00:00:00 +0000", "[01-Jan-2020:00:00:00 +0000]",
	};

	is_int(time_of("[01/Jan/1970:00:00:00 +0000]"), 0, "the epoch");
	is_int(time_of("[29/Feb/2020:12:00:00 +0000]"), 1582977600, "a leap day");
	is_int(time_of("[29/Feb/2000:00:00:00 +0000]"), 951782400, "a leap day of a leap century");
	is_int(time_of("[31/Dec/1999:23:59:60 +0000]"), 946684800, "a leap second");
	is_int(time_of("[01/Mar/2024:00:30:00 +0200]"), 1709245800, "east of Greenwich");
	is_int(time_of("[29/Feb/2024:17:00:00 -0530]"), 1709245800, "west of it");
	is_int(time_of("[31/Dec/9999:23:59:59 +0000]"), INT64_C(253402300799), "the last second of four digits");
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		is_int(time_of(wrong[i]), -1, "not a time: %s", wrong[i]);
}

static void
test_names(void)
{
	CfAccessLogFormat format;

	ok(cf_catalog_accesslog_format("s3", &format) && format == CF_ACCESSLOG_S3, "format s3");
	ok(cf_catalog_accesslog_format("apache", &format) && format == CF_ACCESSLOG_APACHE, "format apache");
	ok(!cf_catalog_accesslog_format("S3 ", &format), "no other");
	is_str(cf_catalog_accesslog_reason(CF_ACCESS_FEW_FIELDS), "too few fields", "faults have words");
	is_str(cf_catalog_accesslog_reason((CfAccessFault) 99), "unknown fault", "also those that are none");
}

/* Feeds a text in pieces and gathers the lines, one per row, as "text|" or "text…|" for those that were too long. */
static void
cut(const char *text, size_t length, size_t piece, size_t capacity, CfLines *lines, char *out, size_t size)
{
	char	   *buffer = malloc(capacity);
	size_t		at = 0;
	size_t		used = 0;
	const char *line_text;
	size_t		line_length;
	bool		whole;

	cf_catalog_lines_init(lines, buffer, capacity, 0);
	for (;;)
	{
		size_t		room;
		char	   *to;

		while (cf_catalog_lines_next(lines, &line_text, &line_length, &whole))
			used += (size_t) snprintf(out + used, size - used, "%.*s%s|", line_length > 20 ? 5 : (int) line_length,
									  line_text, whole ? "" : "...");
		if (at == length)
			break;
		to = cf_catalog_lines_room(lines, &room);
		if (room > piece)
			room = piece;
		if (room > length - at)
			room = length - at;
		memcpy(to, text + at, room);
		cf_catalog_lines_fill(lines, room);
		at += room;
	}
	free(buffer);
}

static void
test_lines(void)
{
	static const char text[] = "one\n\ntwo\nthree\nrest";
	CfLines		lines;
	char		out[256];
	bool		same = true;
	size_t		length = 200000;
	char	   *large = malloc(length);

	for (size_t piece = 1; piece <= sizeof(text); piece++)
	{
		cut(text, sizeof(text) - 1, piece, CF_ACCESSLOG_LINE_MAX + 1, &lines, out, sizeof(out));
		same &= strcmp(out, "one||two|three|") == 0 && lines.consumed == 15;
	}
	ok(same, "lines are the same however the stream is cut");
	is_int(lines.consumed, 15, "what has no newline is not consumed");

	memset(large, 'x', length);
	memcpy(large, "first\n", 6);
	memcpy(large + length - 6, "\nlast\n", 6);
	cut(large, length, 4096, CF_ACCESSLOG_LINE_MAX + 1, &lines, out, sizeof(out));
	is_str(out, "first|xxxxx...|last|", "a line that is too long is told of once");
	is_int(lines.consumed, (long long) length, "and all of it is consumed");
	cut(large, length, 65536, CF_ACCESSLOG_LINE_MAX * 2, &lines, out, sizeof(out));
	is_str(out, "first|xxxxx...|last|", "also with more room");
	cut(large, length - 6, 65536, CF_ACCESSLOG_LINE_MAX * 2, &lines, out, sizeof(out));
	is_str(out, "first|", "a long line without an end is not given");
	is_int(lines.consumed, 6, "nor consumed");

	memset(large, 'y', length);
	large[CF_ACCESSLOG_LINE_MAX] = '\n';
	cut(large, CF_ACCESSLOG_LINE_MAX + 1, 5000, CF_ACCESSLOG_LINE_MAX + 1, &lines, out, sizeof(out));
	is_str(out, "yyyyy|", "a line of exactly the limit is whole");
	free(large);
}

int
main(void)
{
	test_s3_fields();
	test_s3_operations();
	test_hostile_requests();
	test_truncated();
	test_keys();
	test_times();
	test_names();
	test_lines();
	return done_testing();
}
