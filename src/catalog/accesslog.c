/*
 * accesslog.c
 *		S3 server access log lines and Apache combined log lines, taken apart without trusting them.
 *
 * S3 (fields divided by single blanks; request, referer and user agent in quotes):
 *
 *		owner bucket [time] ip requester request-id operation key "request" status error bytes-sent object-size
 *		total-ms turn-around-ms "referer" "user-agent" version-id …
 *
 * Apache, nginx:
 *
 *		host ident user [time] "request" status bytes ["referer" "user-agent" …]
 *
 * What a client sends (request, referer, user agent) is logged raw by S3: quotes inside are not escaped, and attack
 * requests are full of them. So the request does not end at the next quote but at the first one that a status
 * and numbers follow as the format wants. An attacker cannot fake that inside the request, because a request line
 * with a blank in its target is refused by HTTP; nothing after the numbers is looked at.
 *
 * Keys of S3: the field is URL-encoded with + for a blank, once for what the service does by itself (lifecycle,
 * entries of a multi-object delete), twice for requests of clients (seen on real logs; the manual is silent). Both
 * readings are given where they differ; whoever knows the catalog takes the second when the first is unknown.
 */
#include <stdlib.h>
#include <string.h>

#include "catalog/accesslog.h"

/* The line that is being read. */
typedef struct Cursor
{
	const char *p;
	const char *end;
} Cursor;

/* S3's operations on the bytes of objects. All others (HEAD, ACL, tagging, parts of uploads, buckets) are not. */
static const struct
{
	const char *operation;
	CfAccessKind kind;
	bool		by_service;		/* key encoded once; no HTTP status */
}			operations[] = {
	{"REST.GET.OBJECT", CF_ACCESS_READ, false},
	{"REST.COPY.OBJECT_GET", CF_ACCESS_READ, false},	/* the source of a copy */
	{"WEBSITE.GET.OBJECT", CF_ACCESS_READ, false},
	{"REST.PUT.OBJECT", CF_ACCESS_WRITE, false},
	{"REST.POST.OBJECT", CF_ACCESS_WRITE, false},
	{"REST.COPY.OBJECT", CF_ACCESS_WRITE, false},
	{"REST.POST.UPLOAD", CF_ACCESS_WRITE, false},	/* completes a multipart upload */
	{"REST.DELETE.OBJECT", CF_ACCESS_DELETE, false},
	{"BATCH.DELETE.OBJECT", CF_ACCESS_DELETE, true},
	{"S3.EXPIRE.OBJECT", CF_ACCESS_DELETE, true},
	{"S3.CREATE.DELETEMARKER", CF_ACCESS_DELETE, true},
};

static const struct
{
	const char *method;
	CfAccessKind kind;
}			methods[] = {
	{"GET", CF_ACCESS_READ},
	{"PUT", CF_ACCESS_WRITE},
	{"POST", CF_ACCESS_WRITE},
	{"COPY", CF_ACCESS_WRITE},
	{"DELETE", CF_ACCESS_DELETE},
};

static const char *const format_names[CF_ACCESSLOG_FORMATS] = {
	[CF_ACCESSLOG_S3] = "s3",
	[CF_ACCESSLOG_APACHE] = "apache",
};

static const char *const reasons[CF_ACCESS_FAULTS] = {
	[CF_ACCESS_FINE] = "fine",
	[CF_ACCESS_FEW_FIELDS] = "too few fields",
	[CF_ACCESS_BAD_TIME] = "time is not like [06/Feb/2019:00:00:38 +0000]",
	[CF_ACCESS_BAD_REQUEST] = "request is not in quotes, or no status follows it",
	[CF_ACCESS_BAD_STATUS] = "status is not a number of three digits",
	[CF_ACCESS_BAD_NUMBER] = "number is not a number or too large",
	[CF_ACCESS_ZERO_BYTE] = "line contains a zero byte",
	[CF_ACCESS_LONG_LINE] = "line is longer than 65536 bytes",
};

static CfAccessFault parse_s3(const char *line, size_t length, CfAccessLine *out);
static CfAccessFault parse_apache(const char *line, size_t length, CfAccessLine *out);

bool
cf_catalog_accesslog_format(const char *name, CfAccessLogFormat *format)
{
	for (int i = 0; i < CF_ACCESSLOG_FORMATS; i++)
	{
		if (strcmp(name, format_names[i]) != 0)
			continue;
		*format = (CfAccessLogFormat) i;
		return true;
	}
	return false;
}

const char *
cf_catalog_accesslog_reason(CfAccessFault fault)
{
	return fault >= CF_ACCESS_FINE && fault < CF_ACCESS_FAULTS ? reasons[fault] : "unknown fault";
}

CfAccessFault
cf_catalog_accesslog_parse(CfAccessLogFormat format, const char *line, size_t length, CfAccessLine *out)
{
	if (length > 0 && line[length - 1] == '\r')
		length--;
	if (length > CF_ACCESSLOG_LINE_MAX)
		return CF_ACCESS_LONG_LINE;
	if (memchr(line, '\0', length) != NULL)
		return CF_ACCESS_ZERO_BYTE;
	out->kind = CF_ACCESS_OTHER;
	out->status = 0;
	out->bytes = out->latency_ms = -1;
	out->bucket = out->user = (CfAccessText) {line, 0};
	out->key_length = out->other_length = 0;
	return format == CF_ACCESSLOG_S3 ? parse_s3(line, length, out) : parse_apache(line, length, out);
}

/* take_word takes the next field that stands between blanks; false at the end of the line. */
static bool
take_word(Cursor *in, CfAccessText *word)
{
	const char *blank;

	while (in->p < in->end && *in->p == ' ')
		in->p++;
	if (in->p == in->end)
		return false;
	blank = memchr(in->p, ' ', (size_t) (in->end - in->p));
	word->data = in->p;
	in->p = blank == NULL ? in->end : blank;
	word->length = (size_t) (in->p - word->data);
	return true;
}

static bool
is_dash(const CfAccessText *word)
{
	return word->length == 1 && word->data[0] == '-';
}

static bool
is_text(const CfAccessText *word, const char *text)
{
	return word->length == strlen(text) && memcmp(word->data, text, word->length) == 0;
}

/* digits reads a number of exactly count digits; -1 = it is none. */
static int
digits(const char *p, int count)
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

/* days_of counts the days from 1970-01-01 to a date of the Gregorian calendar (years from 1 on). */
static int64_t
days_of(int year, int month, int day)
{
	int64_t		y = month <= 2 ? year - 1 : year;
	int64_t		era = y / 400;
	int64_t		year_of_era = y - era * 400;
	int64_t		day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

	return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719468;
}

static int
month_of(const char *name)
{
	static const char names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

	for (int i = 0; i < 12; i++)
		if (memcmp(names + 3 * i, name, 3) == 0)
			return i + 1;
	return -1;
}

static int
days_in(int year, int month)
{
	static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool		leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	return days[month - 1] + (month == 2 && leap);
}

/* take_time takes "[06/Feb/2019:00:00:38 +0000]", 28 bytes whatever the date. */
static bool
take_time(Cursor *in, int64_t *at_us)
{
	const char *p;
	int			day;
	int			month;
	int			year;
	int			hour;
	int			minute;
	int			second;
	int			zone;

	while (in->p < in->end && *in->p == ' ')
		in->p++;
	p = in->p;
	if (in->end - p < 28 || p[0] != '[' || p[3] != '/' || p[7] != '/' || p[12] != ':' || p[15] != ':' ||
		p[18] != ':' || p[21] != ' ' || (p[22] != '+' && p[22] != '-') || p[27] != ']')
		return false;
	day = digits(p + 1, 2);
	month = month_of(p + 4);
	year = digits(p + 8, 4);
	hour = digits(p + 13, 2);
	minute = digits(p + 16, 2);
	second = digits(p + 19, 2);
	zone = digits(p + 23, 4);
	if (year < 1970 || month < 1 || day < 1 || day > days_in(year, month) || hour < 0 || hour > 23 ||
		minute < 0 || minute > 59 || second < 0 || second > 60 || zone < 0 || zone / 100 > 15 ||
		zone % 100 > 59)
		return false;
	zone = (zone / 100 * 60 + zone % 100) * (p[22] == '-' ? -1 : 1);
	*at_us = (((days_of(year, month, day) * 24 + hour) * 60 + minute - zone) * 60 + second) * 1000000;
	in->p = p + 28;
	return true;
}

/* number_of reads a count; "-" means none_value. */
static bool
number_of(const CfAccessText *word, int64_t none_value, int64_t *value)
{
	int64_t		sum = 0;

	if (is_dash(word))
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

static bool
status_of(const CfAccessText *word, int *status)
{
	if (is_dash(word))
	{
		*status = 0;
		return true;
	}
	*status = word->length == 3 ? digits(word->data, 3) : -1;
	return *status >= 100;
}

/* ends_request tells whether a quote at in->p ends the request: a status and `numbers` counts follow it. */
static bool
ends_request(Cursor in, int words_before, int numbers)
{
	CfAccessText word;
	int64_t		ignored;
	int			status;

	in.p++;
	if (in.p == in.end || *in.p != ' ' || !take_word(&in, &word) || !status_of(&word, &status))
		return false;
	for (int i = 0; i < words_before + numbers; i++)
		if (!take_word(&in, &word) || (i >= words_before && !number_of(&word, 0, &ignored)))
			return false;
	return true;
}

/*
 * take_request takes the quoted request. words_before is how many free words stand between the status and the
 * numbers. When no quote ends it as it should, the request ends at the last plain `" `, so that what is wrong
 * behind it is told.
 */
static bool
take_request(Cursor *in, int words_before, int numbers, CfAccessText *request)
{
	const char *fallback = NULL;

	while (in->p < in->end && *in->p == ' ')
		in->p++;
	if (in->p == in->end || *in->p != '"')
		return false;
	request->data = ++in->p;
	for (Cursor at = *in; at.p < at.end; at.p++)
	{
		if (*at.p != '"')
			continue;
		if (ends_request(at, words_before, numbers))
		{
			request->length = (size_t) (at.p - request->data);
			in->p = at.p + 1;
			return true;
		}
		if (fallback == NULL && at.p + 1 < at.end && at.p[1] == ' ')
			fallback = at.p;
	}
	if (fallback == NULL)
		return false;
	request->length = (size_t) (fallback - request->data);
	in->p = fallback + 1;
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

/*
 * decode undoes one URL-encoding; what is no escape stands for itself. It gives the length, or 0 when the result
 * is no possible key: longer than capacity, or with a zero byte.
 */
static size_t
decode(const char *in, size_t length, bool plus_is_blank, char *out, size_t capacity)
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

/* read_s3_key gives both readings of a key, the likelier one first. */
static void
read_s3_key(const CfAccessText *word, bool by_service, CfAccessLine *out)
{
	char		once[CF_ACCESSLOG_KEY_MAX * 3]; /* of a key that was encoded twice */
	size_t		length = decode(word->data, word->length, true, once, sizeof(once));

	if (!by_service)
		out->key_length = decode(once, length, true, out->key, sizeof(out->key));
	if (length > sizeof(out->other))
		return;
	if (out->key_length == 0)
	{
		memcpy(out->key, once, length);
		out->key_length = length;
	}
	else if (length != out->key_length || memcmp(once, out->key, length) != 0)
	{
		memcpy(out->other, once, length);
		out->other_length = length;
	}
}

/* succeeded tells whether bytes were really read, written or deleted; 304 sends none. */
static bool
succeeded(CfAccessKind kind, int status)
{
	if (kind == CF_ACCESS_READ)
		return status == 200 || status == 206;
	return status >= 200 && status <= 299;
}

/* judge_s3 finds out what an operation did to which object. */
static void
judge_s3(const CfAccessText *operation, const CfAccessText *key, CfAccessLine *out)
{
	for (size_t i = 0; i < sizeof(operations) / sizeof(operations[0]); i++)
	{
		bool		done;

		if (!is_text(operation, operations[i].operation))
			continue;
		done = succeeded(operations[i].kind, out->status) || (operations[i].by_service && out->status == 0);
		if (!done)
			return;
		read_s3_key(key, operations[i].by_service, out);
		if (out->key_length > 0)
			out->kind = operations[i].kind;
		return;
	}
}

static CfAccessFault
parse_s3(const char *line, size_t length, CfAccessLine *out)
{
	Cursor		in = {line, line + length};
	CfAccessText owner;
	CfAccessText ip;
	CfAccessText id;
	CfAccessText operation;
	CfAccessText key;
	CfAccessText request;
	CfAccessText word;
	int64_t		size;

	if (!take_word(&in, &owner) || !take_word(&in, &out->bucket))
		return CF_ACCESS_FEW_FIELDS;
	if (!take_time(&in, &out->at_us))
		return CF_ACCESS_BAD_TIME;
	if (!take_word(&in, &ip) || !take_word(&in, &out->user) || !take_word(&in, &id) ||
		!take_word(&in, &operation) || !take_word(&in, &key))
		return CF_ACCESS_FEW_FIELDS;
	if (is_dash(&out->user))
		out->user.length = 0;
	if (in.end - in.p >= 3 && memcmp(in.p, " - ", 3) == 0)
		in.p += 2;				/* no request: the service did it by itself */
	else if (!take_request(&in, 1, 4, &request))
		return CF_ACCESS_BAD_REQUEST;
	if (!take_word(&in, &word))
		return CF_ACCESS_FEW_FIELDS;
	if (!status_of(&word, &out->status))
		return CF_ACCESS_BAD_STATUS;
	if (!take_word(&in, &word) || !take_word(&in, &word))
		return CF_ACCESS_FEW_FIELDS;
	if (!number_of(&word, 0, &out->bytes))
		return CF_ACCESS_BAD_NUMBER;
	if (!take_word(&in, &word))
		return CF_ACCESS_FEW_FIELDS;
	if (!number_of(&word, -1, &size))
		return CF_ACCESS_BAD_NUMBER;
	if (!take_word(&in, &word))
		return CF_ACCESS_FEW_FIELDS;
	if (!number_of(&word, -1, &out->latency_ms))
		return CF_ACCESS_BAD_NUMBER;
	if (!take_word(&in, &word))
		return CF_ACCESS_FEW_FIELDS;	/* the turn-around time; what follows may be missing */
	judge_s3(&operation, &key, out);
	if (out->kind != CF_ACCESS_READ)
		out->bytes = -1;
	return CF_ACCESS_FINE;
}

/* judge_apache finds out what a request did to which path. */
static void
judge_apache(const CfAccessText *request, CfAccessLine *out)
{
	Cursor		in = {request->data, request->data + request->length};
	CfAccessText method;
	CfAccessText target;
	CfAccessKind kind = CF_ACCESS_OTHER;
	const char *p;

	if (!take_word(&in, &method) || !take_word(&in, &target))
		return;
	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
		if (is_text(&method, methods[i].method))
			kind = methods[i].kind;
	if (kind == CF_ACCESS_OTHER || !succeeded(kind, out->status))
		return;

	/* A proxy's client sends the whole URL. */
	if (target.data[0] != '/')
	{
		p = memchr(target.data, ':', target.length);
		if (p == NULL || target.data + target.length - p < 3 || p[1] != '/' || p[2] != '/')
			return;
		p += 3;
		target.length -= (size_t) (p - target.data);
		target.data = p;
		p = memchr(target.data, '/', target.length);
		if (p == NULL)
			return;
		target.length -= (size_t) (p - target.data);
		target.data = p;
	}
	for (size_t i = 0; i < target.length; i++)
		if (target.data[i] == '?' || target.data[i] == '#')
			target.length = i;
	out->key_length = decode(target.data + 1, target.length - 1, false, out->key, sizeof(out->key));
	if (out->key_length > 0)
		out->kind = kind;
}

static CfAccessFault
parse_apache(const char *line, size_t length, CfAccessLine *out)
{
	Cursor		in = {line, line + length};
	CfAccessText host;
	CfAccessText ident;
	CfAccessText request;
	CfAccessText word;

	if (!take_word(&in, &host) || !take_word(&in, &ident) || !take_word(&in, &out->user))
		return CF_ACCESS_FEW_FIELDS;
	if (is_dash(&out->user))
		out->user.length = 0;
	if (!take_time(&in, &out->at_us))
		return CF_ACCESS_BAD_TIME;
	if (!take_request(&in, 0, 1, &request))
		return CF_ACCESS_BAD_REQUEST;
	if (!take_word(&in, &word))
		return CF_ACCESS_FEW_FIELDS;
	if (!status_of(&word, &out->status))
		return CF_ACCESS_BAD_STATUS;
	if (!take_word(&in, &word))
		return CF_ACCESS_FEW_FIELDS;
	if (!number_of(&word, 0, &out->bytes))
		return CF_ACCESS_BAD_NUMBER;
	judge_apache(&request, out);
	if (out->kind != CF_ACCESS_READ)
		out->bytes = -1;
	return CF_ACCESS_FINE;
}

void
cf_catalog_lines_init(CfLines *lines, char *buffer, size_t capacity, int64_t offset)
{
	memset(lines, 0, sizeof(*lines));
	lines->buffer = buffer;
	lines->capacity = capacity;
	lines->consumed = offset;
}

char *
cf_catalog_lines_room(CfLines *lines, size_t *room)
{
	size_t		held = lines->end - lines->start;

	if (held > CF_ACCESSLOG_LINE_MAX)
	{
		/* Too long already: its beginning is kept to be shown, the rest makes room. */
		size_t		cut = held - CF_ACCESSLOG_LINE_MAX / 2;

		lines->skipping = true;
		lines->dropped += cut;
		lines->end -= cut;
		held -= cut;
	}
	if (lines->start > 0)
	{
		memmove(lines->buffer, lines->buffer + lines->start, held);
		lines->start = 0;
		lines->end = held;
	}
	lines->scanned = held;
	*room = lines->capacity - lines->end;
	return lines->buffer + lines->end;
}

void
cf_catalog_lines_fill(CfLines *lines, size_t length)
{
	lines->end += length;
}

bool
cf_catalog_lines_next(CfLines *lines, const char **line, size_t *length, bool *whole)
{
	const char *from = lines->buffer + lines->start + lines->scanned;
	const char *newline = memchr(from, '\n', (size_t) (lines->buffer + lines->end - from));

	if (newline == NULL)
	{
		lines->scanned = lines->end - lines->start;
		return false;
	}
	*line = lines->buffer + lines->start;
	*length = (size_t) (newline - *line);
	*whole = !lines->skipping && *length <= CF_ACCESSLOG_LINE_MAX;
	lines->consumed += (int64_t) (lines->dropped + *length + 1);
	lines->dropped = 0;
	lines->start += *length + 1;
	lines->scanned = 0;
	lines->skipping = false;
	return true;
}
