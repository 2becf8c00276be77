/*
 * accesslog.c
 *		The formats of access logs; of them S3 server access logs and Apache's, taken apart without trusting them.
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
#include "catalog/records.h"

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

static CfAccessFault parse_s3(const char *line, size_t length, CfAccessLine *out);
static CfAccessFault parse_apache(const char *line, size_t length, CfAccessLine *out);

static const struct
{
	const char *name;
	CfAccessFault (*parse) (const char *line, size_t length, CfAccessLine *out);
}			formats[CF_ACCESSLOG_FORMATS] = {
	[CF_ACCESSLOG_S3] = {"s3", parse_s3},
	[CF_ACCESSLOG_APACHE] = {"apache", parse_apache},
	[CF_ACCESSLOG_CLOUDTRAIL] = {"cloudtrail", cf_catalog_accesslog_cloudtrail},
	[CF_ACCESSLOG_AZURE] = {"azure", cf_catalog_accesslog_azure},
	[CF_ACCESSLOG_GCS] = {"gcs", cf_catalog_accesslog_gcs},
};

static const char *const reasons[CF_ACCESS_FAULTS] = {
	[CF_ACCESS_FINE] = "fine",
	[CF_ACCESS_FEW_FIELDS] = "too few fields",
	[CF_ACCESS_BAD_TIME] = "time is not like [06/Feb/2019:00:00:38 +0000]",
	[CF_ACCESS_BAD_MOMENT] = "time is not as this format has it",
	[CF_ACCESS_BAD_REQUEST] = "request is not in quotes, or no status follows it",
	[CF_ACCESS_BAD_STATUS] = "status is not a number of three digits",
	[CF_ACCESS_BAD_NUMBER] = "number is not a number or too large",
	[CF_ACCESS_BAD_QUOTES] = "quotes do not match",
	[CF_ACCESS_BAD_VERSION] = "neither version 1.0 nor 2.0 of the format",
	[CF_ACCESS_BAD_HEADER] = "header does not begin with the documented columns",
	[CF_ACCESS_BAD_JSON] = "not a JSON object",
	[CF_ACCESS_BAD_MEMBER] = "a member of the JSON object that is needed is missing or of the wrong kind",
	[CF_ACCESS_DAMAGED] = "log is damaged or ends in the middle",
	[CF_ACCESS_ZERO_BYTE] = "line contains a zero byte",
	[CF_ACCESS_LONG_LINE] = "line is longer than 65536 bytes",
};

bool
cf_catalog_accesslog_format(const char *name, CfAccessLogFormat *format)
{
	for (int i = 0; i < CF_ACCESSLOG_FORMATS; i++)
	{
		if (strcmp(name, formats[i].name) != 0)
			continue;
		*format = (CfAccessLogFormat) i;
		return true;
	}
	return false;
}

const char *
cf_catalog_accesslog_name(CfAccessLogFormat format)
{
	return formats[format].name;
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
	if (length > (format == CF_ACCESSLOG_CLOUDTRAIL ? CF_RECORDS_MAX : CF_ACCESSLOG_LINE_MAX))
		return CF_ACCESS_LONG_LINE;
	if (memchr(line, '\0', length) != NULL)
		return CF_ACCESS_ZERO_BYTE;
	out->kind = CF_ACCESS_OTHER;
	out->header = false;
	out->status = 0;
	out->bytes = out->latency_ms = -1;
	out->account = out->bucket = out->user = (CfAccessText) {line, 0};
	out->key_length = out->other_length = out->source_length = out->texts_length = 0;
	return formats[format].parse(line, length, out);
}

bool
cf_catalog_accesslog_source(CfAccessLine *line)
{
	const char *slash = memchr(line->source, '/', line->source_length);

	if (slash == NULL || slash == line->source || slash + 1 == line->source + line->source_length ||
		line->source + line->source_length - slash - 1 > CF_ACCESSLOG_KEY_MAX)
		return false;
	line->kind = CF_ACCESS_READ;
	line->bytes = -1;
	line->bucket = (CfAccessText) {line->source, (size_t) (slash - line->source)};
	line->key_length = line->source_length - line->bucket.length - 1;
	memcpy(line->key, slash + 1, line->key_length);
	line->other_length = line->source_length = 0;
	return true;
}

/* cf_catalog_access_succeeded tells whether bytes were really read, written or deleted; 304 sends none. */
bool
cf_catalog_access_succeeded(CfAccessKind kind, int status)
{
	if (kind == CF_ACCESS_READ)
		return status == 200 || status == 206;
	return status >= 200 && status <= 299;
}

const char *
cf_catalog_access_keep(CfAccessLine *out, const char *text, size_t length)
{
	char	   *to = out->texts + out->texts_length;

	if (length == 0 || length > sizeof(out->texts) - out->texts_length)
		return NULL;
	memcpy(to, text, length);
	out->texts_length += length;
	return to;
}

void
cf_catalog_access_keys(CfAccessLine *out, const CfAccessText *likely, const CfAccessText *other)
{
	out->key_length = likely->length <= sizeof(out->key) ? likely->length : 0;
	memcpy(out->key, likely->data, out->key_length);
	if (other->length == 0 || other->length > sizeof(out->other) ||
		(other->length == out->key_length && memcmp(other->data, out->key, other->length) == 0))
		return;
	if (out->key_length == 0)
	{
		memcpy(out->key, other->data, other->length);
		out->key_length = other->length;
		return;
	}
	memcpy(out->other, other->data, other->length);
	out->other_length = other->length;
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

static int
month_of(const char *name)
{
	static const char names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

	for (int i = 0; i < 12; i++)
		if (memcmp(names + 3 * i, name, 3) == 0)
			return i + 1;
	return -1;
}

/* take_time takes "[06/Feb/2019:00:00:38 +0000]", 28 bytes whatever the date. */
static bool
take_time(Cursor *in, int64_t *at_us)
{
	const char *p;
	int			zone;

	while (in->p < in->end && *in->p == ' ')
		in->p++;
	p = in->p;
	if (in->end - p < 28 || p[0] != '[' || p[3] != '/' || p[7] != '/' || p[12] != ':' || p[15] != ':' ||
		p[18] != ':' || p[21] != ' ' || (p[22] != '+' && p[22] != '-') || p[27] != ']')
		return false;
	zone = cf_catalog_field_digits(p + 23, 4);
	if (zone < 0 || zone / 100 > 15 || zone % 100 > 59)
		return false;
	zone = (zone / 100 * 60 + zone % 100) * (p[22] == '-' ? -1 : 1);
	if (!cf_catalog_field_moment(cf_catalog_field_digits(p + 8, 4), month_of(p + 4), cf_catalog_field_digits(p + 1, 2),
								 cf_catalog_field_digits(p + 13, 2), cf_catalog_field_digits(p + 16, 2),
								 cf_catalog_field_digits(p + 19, 2), zone, at_us))
		return false;
	in->p = p + 28;
	return true;
}

/* ends_request tells whether a quote at in->p ends the request: a status and `numbers` counts follow it. */
static bool
ends_request(Cursor in, int words_before, int numbers)
{
	CfAccessText word;
	int64_t		ignored;
	int			status;

	in.p++;
	if (in.p == in.end || *in.p != ' ' || !take_word(&in, &word) || !cf_catalog_field_status(&word, &status))
		return false;
	for (int i = 0; i < words_before + numbers; i++)
		if (!take_word(&in, &word) || (i >= words_before && !cf_catalog_field_number(&word, 0, &ignored)))
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

/* read_s3_key gives both readings of a key, the likelier one first. */
static void
read_s3_key(const CfAccessText *word, bool by_service, CfAccessLine *out)
{
	char		once[CF_ACCESSLOG_KEY_MAX * 3]; /* of a key that was encoded twice */
	size_t		length = cf_catalog_field_decode(word->data, word->length, true, once, sizeof(once));

	if (!by_service)
		out->key_length = cf_catalog_field_decode(once, length, true, out->key, sizeof(out->key));
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

/* judge_s3 finds out what an operation did to which object. */
static void
judge_s3(const CfAccessText *operation, const CfAccessText *key, CfAccessLine *out)
{
	for (size_t i = 0; i < sizeof(operations) / sizeof(operations[0]); i++)
	{
		bool		done;

		if (!cf_catalog_field_is(operation, operations[i].operation))
			continue;
		done = cf_catalog_access_succeeded(operations[i].kind, out->status) || (operations[i].by_service && out->status == 0);
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
	if (cf_catalog_field_dash(&out->user))
		out->user.length = 0;
	if (in.end - in.p >= 3 && memcmp(in.p, " - ", 3) == 0)
		in.p += 2;				/* no request: the service did it by itself */
	else if (!take_request(&in, 1, 4, &request))
		return CF_ACCESS_BAD_REQUEST;
	if (!take_word(&in, &word))
		return CF_ACCESS_FEW_FIELDS;
	if (!cf_catalog_field_status(&word, &out->status))
		return CF_ACCESS_BAD_STATUS;
	if (!take_word(&in, &word) || !take_word(&in, &word))
		return CF_ACCESS_FEW_FIELDS;
	if (!cf_catalog_field_number(&word, 0, &out->bytes))
		return CF_ACCESS_BAD_NUMBER;
	if (!take_word(&in, &word))
		return CF_ACCESS_FEW_FIELDS;
	if (!cf_catalog_field_number(&word, -1, &size))
		return CF_ACCESS_BAD_NUMBER;
	if (!take_word(&in, &word))
		return CF_ACCESS_FEW_FIELDS;
	if (!cf_catalog_field_number(&word, -1, &out->latency_ms))
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
		if (cf_catalog_field_is(&method, methods[i].method))
			kind = methods[i].kind;
	if (kind == CF_ACCESS_OTHER || !cf_catalog_access_succeeded(kind, out->status))
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
	out->key_length = cf_catalog_field_decode(target.data + 1, target.length - 1, false, out->key, sizeof(out->key));
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
	if (cf_catalog_field_dash(&out->user))
		out->user.length = 0;
	if (!take_time(&in, &out->at_us))
		return CF_ACCESS_BAD_TIME;
	if (!take_request(&in, 0, 1, &request))
		return CF_ACCESS_BAD_REQUEST;
	if (!take_word(&in, &word))
		return CF_ACCESS_FEW_FIELDS;
	if (!cf_catalog_field_status(&word, &out->status))
		return CF_ACCESS_BAD_STATUS;
	if (!take_word(&in, &word))
		return CF_ACCESS_FEW_FIELDS;
	if (!cf_catalog_field_number(&word, 0, &out->bytes))
		return CF_ACCESS_BAD_NUMBER;
	judge_apache(&request, out);
	if (out->kind != CF_ACCESS_READ)
		out->bytes = -1;
	return CF_ACCESS_FINE;
}
