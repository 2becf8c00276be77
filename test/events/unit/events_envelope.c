/* The body of a message is CloudEvents 1.0 in JSON, whatever the row holds. */
#include "tap.h"

#include <jansson.h>

#include "events/envelope.h"

static char body[65536];

#define TEXT(s) {(s), sizeof(s) - 1}

static const CfText source = TEXT("urn:cloudflux:7:db");

/* written gives the body of an event, with a closing NUL. */
static const char *
written(const CfEvent *event)
{
	size_t		length = cf_envelope_write(event, source, body, sizeof(body) - 1);

	if (length >= sizeof(body))
		bail("the body has %zu bytes", length);
	body[length] = '\0';
	return body;
}

/* parsed reads the body by a parser that is not ours. */
static json_t *
parsed(const CfEvent *event)
{
	json_error_t error;
	json_t	   *json = json_loads(written(event), JSON_REJECT_DUPLICATES, &error);

	if (json == NULL)
		note("%s: %s", error.text, body);
	return json;
}

static const char *
member(json_t *json, const char *name)
{
	return json_string_value(json_object_get(json, name));
}

static CfEvent
an_event(void)
{
	return (CfEvent){.id = 42, .topic = TEXT("data-ingestion"), .event_type = TEXT("object.created"), .version = 1, .subject = TEXT("01M7"),
		.data = TEXT("{\"size\": 1}"), .actor = TEXT("alice"), .time_us = INT64_C(1795521600000001)};
}

static void
test_plain(void)
{
	CfEvent		event = an_event();
	json_t	   *json;

	is_str(written(&event), "{\"specversion\":\"1.0\",\"id\":\"42\",\"source\":\"urn:cloudflux:7:db\",\"type\":\"object.created\",\"subject\":\"01M7\","
		   "\"time\":\"2026-11-24T12:00:00.000001Z\",\"datacontenttype\":\"application/json\",\"dataschema\":\"urn:cloudflux:schema:object.created:1\","
		   "\"topic\":\"data-ingestion\",\"actor\":\"alice\",\"data\":{\"size\": 1}}", "an event is written as documented");
	event.replay = true;
	json = parsed(&event);
	ok(json_is_true(json_object_get(json, "replay")), "a replay says so");
	json_decref(json);
}

static void
test_escapes(void)
{
	CfEvent		event = an_event();
	json_t	   *json;

	event.subject = (CfText){"a\"b\\c\n\x01/\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", 17};
	event.actor = (CfText){"x\0y", 3};
	json = json_loads(written(&event), JSON_ALLOW_NUL, NULL);
	is_str(member(json, "subject"), "a\"b\\c\n\x01/\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", "quotes, backslashes, control characters and UTF-8 come through");
	is_int(json_string_length(json_object_get(json, "actor")), 3, "so does a NUL");
	json_decref(json);
}

static void
test_broken(void)
{
	static const char *const texts[] = {"\xff", "a\x80z", "\xc0\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xe2\x82", "\xf5\x80\x80\x80", "\xe0\x80\x80",
	"\xf0\x80\x80\x80", "\xc3", "\xe2\x28\xa1"};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
	{
		CfEvent		event = an_event();
		char		data[16];
		json_t	   *json;

		snprintf(data, sizeof(data), "\"%s\"", texts[i]);
		event.subject = (CfText){texts[i], strlen(texts[i])};
		event.data = (CfText){data, strlen(data)};
		json = parsed(&event);
		ok(json != NULL && strstr(member(json, "subject"), "\xef\xbf\xbd") != NULL && strstr(member(json, "data"), "\xef\xbf\xbd") != NULL,
		   "bytes that are no UTF-8 become U+FFFD (%zu)", i);
		json_decref(json);
	}
}

static void
test_clean(void)
{
	char		out[8];

	is_int(cf_envelope_clean((CfText){"a\xff\xc3\xa9", 4}, out, sizeof(out)), 6, "a text is cleaned");
	is_mem(out, "a\xef\xbf\xbd\xc3\xa9", 6, "by U+FFFD");
	is_int(cf_envelope_clean((CfText){"\xc3\xa9", 2}, NULL, 0), 2, "a clean one stays as long as it is");
}

static void
test_room(void)
{
	CfEvent		event = an_event();
	size_t		whole = cf_envelope_write(&event, source, NULL, 0);

	is_int(whole, strlen(written(&event)), "without room it tells how much it takes");
	for (size_t room = 0; room <= whole; room++)
	{
		char	   *exact = malloc(room + 1);

		if (cf_envelope_write(&event, source, exact, room) != whole)
			ok(false, "with room for %zu it tells the same", room);
		free(exact);
	}
	ok(true, "and never writes beyond its room");
}

static void
test_time(void)
{
	char		text[CF_ENVELOPE_TIME_BYTES];
	CfEvent		event = an_event();
	json_t	   *json;

	ok(cf_envelope_time(0, text), "the epoch is a time");
	is_str(text, "1970-01-01T00:00:00.000000Z", "the epoch");
	ok(cf_envelope_time(INT64_C(253402300799999999), text), "the end of the year 9999");
	is_str(text, "9999-12-31T23:59:59.999999Z", "the end of the year 9999 is the last");
	ok(!cf_envelope_time(INT64_C(253402300800000000), text), "later there is none");
	ok(!cf_envelope_time(-1, text) && !cf_envelope_time(INT64_MAX, text) && !cf_envelope_time(CF_ENVELOPE_NO_TIME, text), "nor before 1970, nor for infinity");
	event.time_us = CF_ENVELOPE_NO_TIME;
	json = parsed(&event);
	ok(json != NULL && json_object_get(json, "time") == NULL, "an event without a time has none");
	json_decref(json);
}

static void
test_source(void)
{
	char		out[64];

	ok(cf_envelope_source(18446744073709551615u, "my db/ä", out, sizeof(out)), "a source is made");
	is_str(out, "urn:cloudflux:18446744073709551615:my%20db%2F%C3%A4", "its database is percent-encoded");
	ok(!cf_envelope_source(1, "x", out, 10), "or refused where it does not fit");
	ok(!cf_envelope_source(1, "abcdefghijklmnopqrstuvwxyz", out, 24), "wherever it ends");
}

int
main(void)
{
	test_plain();
	test_escapes();
	test_broken();
	test_clean();
	test_room();
	test_time();
	test_source();
	return done_testing();
}
