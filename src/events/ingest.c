/*
 * ingest.c
 *		Which format a message has, and its records.
 *
 *		{"specversion": …}											a CloudEvent (ingest_cloudevents.c), also by headers ce_…
 *		{"Records": [{"s3": …}]}, {"detail-type": "Object …"}		S3 (ingest_s3.c)
 *		[{"eventType": …, "dataVersion": …}]						Azure Event Grid (ingest_eventgrid.c)
 *		{"kind": "storage#object"}, attributes of Pub/Sub			GCS (ingest_gcs.c)
 *
 * What a store says may have been wrapped by what carried it (SNS, Pub/Sub); up to four envelopes are opened.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/calendar.h"
#include "events/ingest_format.h"

#define WHOLE_MAX 9007199254740992.0	/* up to 2^53 a real number can be told from its neighbours */

static const struct
{
	const char *word;
	CfIngestFormat format;
}			formats[] = {
	{"auto", CF_INGEST_AUTO},
	{"json", CF_INGEST_JSON},
	{"cloudevents", CF_INGEST_CLOUDEVENTS},
	{"s3", CF_INGEST_S3},
	{"eventgrid", CF_INGEST_EVENTGRID},
	{"gcs", CF_INGEST_GCS},
};

bool
cf_ingest_format_of(const char *word, CfIngestFormat *format)
{
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++)
	{
		if (strcmp(formats[i].word, word) == 0)
		{
			*format = formats[i].format;
			return true;
		}
	}
	return false;
}

/* json_records makes a record of each document. */
static bool
json_records(CfIngestReader *in, const json_t *root)
{
	if (!json_is_array(root))
		return cf_ingest_add_data(in, "", in->message->value, -1, NULL, CF_ENVELOPE_NO_TIME);
	for (size_t i = 0; i < json_array_size(root); i++)
	{
		if (!cf_ingest_add_data(in, "", in->message->value, (int) i, NULL, CF_ENVELOPE_NO_TIME))
			return false;
	}
	return true;
}

static bool
looks_like_s3(const json_t *value)
{
	return json_is_array(json_object_get(value, "Records")) || json_object_get(value, "detail-type") != NULL ||
		(strcmp(cf_json_text(value, "Service"), "Amazon S3") == 0 && json_object_get(value, "Event") != NULL);
}

bool
cf_ingest_value(CfIngestReader *in, const json_t *root)
{
	const json_t *first = json_is_array(root) ? json_array_get(root, 0) : root;
	const char *inner = cf_ingest_member(root, "Message");

	if (json_object_get(first, "specversion") != NULL)
		return cf_ingest_cloudevents(in, root);
	if (in->shape == CF_INGEST_DATA)
		return json_records(in, root);
	if (looks_like_s3(root))
		return cf_ingest_s3(in, root);
	if (inner != NULL && json_object_get(root, "Type") != NULL)
		return cf_ingest_text(in, inner, strlen(inner));
	if (json_object_get(first, "eventType") != NULL && json_object_get(first, "data") != NULL)
		return cf_ingest_eventgrid(in, root);
	if (json_is_object(json_object_get(root, "message")) || json_is_object(json_object_get(root, "attributes")) ||
		strcmp(cf_json_text(root, "kind"), "storage#object") == 0 || cf_ingest_header(in, "eventType") != NULL)
		return cf_ingest_gcs(in, root);
	return cf_error_set(in->err, CF_ERR_INPUT, "the message is of no known format");
}

json_t *
cf_ingest_load(const char *text, size_t length, json_error_t *why)
{
	json_t	   *root = json_loadb(text, length, JSON_DECODE_ANY, why);

	if (root == NULL && json_error_code(why) == json_error_numeric_overflow)
		root = json_loadb(text, length, JSON_DECODE_ANY | JSON_DECODE_INT_AS_REAL, why);
	return root;
}

bool
cf_ingest_text(CfIngestReader *in, const char *text, size_t length)
{
	json_error_t why;
	json_t	   *root;
	bool		good;

	if (++in->depth > CF_INGEST_DEPTH)
		return cf_error_set(in->err, CF_ERR_INPUT, "the message has too many envelopes");
	if (!cf_json_bounded(text, length))
		return cf_error_set(in->err, CF_ERR_INPUT, "the message has too many values");
	root = cf_ingest_load(text, length, &why);
	if (root == NULL)
		return cf_error_set(in->err, CF_ERR_INPUT, "the message is no JSON: %.200s at byte %d", why.text, why.position);
	good = cf_ingest_value(in, root);
	json_decref(root);
	return good;
}

/* parse_value reads the value as what its format says it is. */
static bool
parse_value(CfIngestReader *in, CfIngestFormat format)
{
	CfText		value = in->message->value;
	json_error_t why;
	json_t	   *root = NULL;
	bool		good;

	if (value.length > 0 && !cf_json_bounded(value.text, value.length))
		return cf_error_set(in->err, CF_ERR_INPUT, "the message has too many values");
	if (value.length > 0)
		root = cf_ingest_load(value.text, value.length, &why);
	if (value.length > 0 && root == NULL)
		return cf_error_set(in->err, CF_ERR_INPUT, "the message is no JSON: %.200s at byte %d", why.text, why.position);
	switch (format)
	{
		case CF_INGEST_CLOUDEVENTS:
			good = cf_ingest_cloudevents(in, root);
			break;
		case CF_INGEST_EVENTGRID:
			good = cf_ingest_eventgrid(in, root);
			break;
		case CF_INGEST_GCS:
			good = cf_ingest_gcs(in, root);
			break;
		case CF_INGEST_JSON:
			good = root != NULL ? json_records(in, root) : cf_error_set(in->err, CF_ERR_INPUT, "the message is empty");
			break;
		case CF_INGEST_S3:		/* perhaps in an envelope of SNS */
		case CF_INGEST_AUTO:
		default:
			if (cf_ingest_is_binary_cloudevent(in->message))
				good = cf_ingest_cloudevents(in, root);
			else if (root != NULL)
				good = cf_ingest_value(in, root);
			else if (in->shape == CF_INGEST_OBJECTS && cf_ingest_header(in, "eventType") != NULL)
				good = cf_ingest_gcs(in, NULL);
			else
				good = cf_error_set(in->err, CF_ERR_INPUT, "the message is empty");
			break;
	}
	json_decref(root);
	return good;
}

bool
cf_ingest_parse(const CfIngestMessage *message, CfIngestShape shape, CfIngestFormat format, CfIngestRecords *out, CfError *err)
{
	CfIngestReader in = {message, shape, out, err, 0, out->count};

	if (parse_value(&in, format))
		return true;
	out->count = in.first;
	return false;
}

const char *
cf_ingest_header(const CfIngestReader *in, const char *name)
{
	const CfIngestMessage *message = in->message;

	for (int i = 0; i < message->header_count; i++)
	{
		CfText		value = message->headers[i].value;

		if (strcasecmp(message->headers[i].name, name) == 0 && value.text != NULL && memchr(value.text, '\0', value.length) == NULL)
			return cf_arena_strndup(in->out->arena, value.text, value.length);
	}
	return NULL;
}

const char *
cf_ingest_member(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));

	return text != NULL && text[0] != '\0' ? text : NULL;
}

int64_t
cf_ingest_count(const json_t *object, const char *name)
{
	const json_t *value = json_object_get(object, name);
	const char *digits = json_string_value(value);
	int64_t		count = 0;

	if (json_is_integer(value))
		return json_integer_value(value) < 0 ? -1 : json_integer_value(value);
	if (json_is_real(value))
	{
		double		number = json_real_value(value);

		return number >= 0 && number <= WHOLE_MAX && number == (double) (int64_t) number ? (int64_t) number : -1;
	}
	if (digits == NULL || digits[0] == '\0' || strlen(digits) > 18)
		return -1;
	for (; *digits != '\0'; digits++)
	{
		if (*digits < '0' || *digits > '9')
			return -1;
		count = count * 10 + (*digits - '0');
	}
	return count;
}

/* digits reads count digits at *at, which it moves on; -1 = they are none. */
static int
digits(const char **at, int count)
{
	int			value = 0;

	for (int i = 0; i < count; i++, (*at)++)
	{
		if (**at < '0' || **at > '9')
			return -1;
		value = value * 10 + (**at - '0');
	}
	return value;
}

int64_t
cf_ingest_moment(const char *text)
{
	int			part[6];
	static const char *const after[] = {"-", "-", "Tt ", ":", ":", ""};
	int64_t		us,
				fraction = 0,
				unit = 100000;
	int			zone = 0;

	if (text == NULL)
		return CF_ENVELOPE_NO_TIME;
	for (int i = 0; i < 6; i++)
	{
		part[i] = digits(&text, i == 0 ? 4 : 2);
		if (part[i] < 0 || (i < 5 && (*text == '\0' || strchr(after[i], *text++) == NULL)))
			return CF_ENVELOPE_NO_TIME;
	}
	if (*text == '.')
	{
		for (text++; *text >= '0' && *text <= '9'; text++, unit /= 10)
			fraction += (*text - '0') * unit;
	}
	if (*text == '+' || *text == '-')
	{
		int			sign = *text++ == '-' ? -1 : 1;
		int			hours = digits(&text, 2);
		int			minutes = *text == ':' && text++ != NULL ? digits(&text, 2) : digits(&text, 2);

		if (hours < 0 || hours > 23 || minutes < 0 || minutes > 59)
			return CF_ENVELOPE_NO_TIME;
		zone = sign * (hours * 60 + minutes);
	}
	else if (*text == 'Z' || *text == 'z')
		text++;
	if (*text != '\0' || part[0] < 1970 || !cf_calendar_us(part[0], part[1], part[2], part[3], part[4], part[5], &us))
		return CF_ENVELOPE_NO_TIME;
	return us + fraction - (int64_t) zone * 60000000;
}

static int
hex_digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

const char *
cf_ingest_decode(CfArena *arena, const char *text, size_t length, bool plus_is_blank)
{
	char	   *out = cf_arena_alloc(arena, length + 1);
	size_t		used = 0;
	char		nothing;

	if (out == NULL)
		return NULL;
	for (size_t i = 0; i < length; i++)
	{
		bool		escape = text[i] == '%' && i + 2 < length && hex_digit(text[i + 1]) >= 0 && hex_digit(text[i + 2]) >= 0;

		out[used] = text[i] == '+' && plus_is_blank ? ' ' : text[i];
		if (escape)
		{
			out[used] = (char) (hex_digit(text[i + 1]) << 4 | hex_digit(text[i + 2]));
			i += 2;
		}
		if (out[used++] == '\0')
			return NULL;
	}
	out[used] = '\0';
	/* Where nothing has to be cleaned, it is UTF-8. */
	return cf_envelope_clean((CfText){out, used}, &nothing, 0) == used ? out : NULL;
}
