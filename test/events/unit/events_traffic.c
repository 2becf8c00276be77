/* A made-up stream of events is the same for the same seed, makes sense in itself, and is skewed as real ones are. */
#include "tap.h"

#include "core/json.h"
#include "events/traffic.h"

#define EVENTS 20000
#define NOW INT64_C(1795000000123456)

static CfTraffic traffic, again;
static CfTrafficEvent event, other;

static void
test_kinds(void)
{
	CfTrafficKind kind = CF_TRAFFIC_OBJECTS;

	ok(cf_traffic_kind_of("sensors", &kind) && kind == CF_TRAFFIC_SENSORS, "sensors are a kind");
	ok(cf_traffic_kind_of("objects", &kind) && kind == CF_TRAFFIC_OBJECTS, "so are objects");
	ok(!cf_traffic_kind_of("Objects", &kind) && !cf_traffic_kind_of("", &kind) && !cf_traffic_kind_of("object", &kind), "nothing else is");
}

static void
test_seeds(CfTrafficKind kind)
{
	int			differ = 0;

	cf_traffic_begin(&traffic, kind, 42);
	cf_traffic_begin(&again, kind, 42);
	for (int i = 0; i < 1000; i++)
	{
		cf_traffic_next(&traffic, NOW, &event);
		cf_traffic_next(&again, NOW, &other);
		differ += strcmp(event.subject, other.subject) != 0 || strcmp(event.data, other.data) != 0 || strcmp(event.event_type, other.event_type) != 0;
	}
	is_int(differ, 0, "the same seed gives the same events");
	cf_traffic_begin(&again, kind, 43);
	differ = 0;
	cf_traffic_begin(&traffic, kind, 42);
	for (int i = 0; i < 1000; i++)
	{
		cf_traffic_next(&traffic, NOW, &event);
		cf_traffic_next(&again, NOW, &other);
		differ += strcmp(event.data, other.data) != 0;
	}
	ok(differ > 990, "another seed gives others (%d of 1,000)", differ);
}

/* number_of reads the number of an object out of its file_id. */
static int64_t
number_of(const char *file_id)
{
	static const char letters[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
	int64_t		number = 0;

	for (int i = 13; i < 26; i++)
		number = number * 32 + (strchr(letters, file_id[i]) - letters);
	return number;
}

static void
test_objects(void)
{
	static char state[EVENTS];	/* 'c' is there, 'd' is gone */
	static double size[EVENTS];
	static int	reads[EVENTS];
	int			wrong = 0, unparsed = 0, created = 0, deleted = 0, accessed = 0, large = 0, small = 0, young = 0;

	cf_traffic_begin(&traffic, CF_TRAFFIC_OBJECTS, 7);
	for (int i = 0; i < EVENTS; i++)
	{
		json_t	   *data;
		int64_t		number;

		cf_traffic_next(&traffic, NOW, &event);
		number = number_of(event.subject);
		data = cf_json_object(event.data, strlen(event.data));
		unparsed += data == NULL;
		wrong += strlen(event.subject) != 26 || strncmp(event.subject, "GEN", 3) != 0 || strcmp(event.topic, "data-ingestion") != 0 ||
			number < 0 || number >= EVENTS;
		if (strcmp(event.event_type, "object.created") == 0)
		{
			created++;
			wrong += state[number] != 0 || number != created - 1;
			state[number] = 'c';
			size[number] = (double) json_integer_value(json_object_get(data, "size_bytes"));
			large += size[number] > 1e8;
			small += size[number] < 1e6;
			wrong += strncmp(cf_json_text(data, "storage_location"), "generated://", 12) != 0;
		}
		else if (strcmp(event.event_type, "object.deleted") == 0)
		{
			deleted++;
			wrong += state[number] != 'c' || size[number] != (double) json_integer_value(json_object_get(data, "size_bytes"));
			state[number] = 'd';
		}
		else
		{
			double		bytes = (double) json_integer_value(json_object_get(data, "bytes"));

			accessed++;
			wrong += strcmp(event.event_type, "object.accessed") != 0 || state[number] != 'c' || bytes < 0 || bytes > size[number];
			reads[number]++;
			young += number > traffic.next - 1 - (traffic.next - traffic.oldest) / 4;
		}
		json_decref(data);
	}
	is_int(unparsed, 0, "the data are JSON");
	is_int(wrong, 0, "what is read or deleted was there, of the same size; file_ids begin with GEN");
	ok(accessed > 2 * created && created > deleted && deleted > EVENTS / 20, "most events are reads (%d), more comes (%d) than goes (%d)", accessed, created, deleted);
	ok(large > created / 50 && small > created / 10, "sizes differ by orders of magnitude (%d above 100 MB, %d below 1 MB)", large, small);
	ok(young > accessed / 2, "the youngest quarter has more than half of the reads (%d of %d)", young, accessed);
}

static void
test_sensors(void)
{
	static int	of[1001];
	int			wrong = 0, busy = 0;

	cf_traffic_begin(&traffic, CF_TRAFFIC_SENSORS, 7);
	for (int i = 0; i < EVENTS; i++)
	{
		json_t	   *data;
		int			sensor = 0;

		cf_traffic_next(&traffic, NOW, &event);
		data = cf_json_object(event.data, strlen(event.data));
		wrong += data == NULL || sscanf(event.subject, "sensor-%d", &sensor) != 1 || sensor < 1 || sensor > 1000 ||
			strcmp(event.topic, "metrics.raw") != 0 || strcmp(event.event_type, "sensor.reading") != 0 ||
			strcmp(cf_json_text(data, "source"), event.subject) != 0 || strcmp(cf_json_text(data, "time"), "2026-11-18T11:06:40.123456Z") != 0 ||
			!json_is_real(json_object_get(data, "value")) || json_real_value(json_object_get(data, "value")) <= 0 ||
			cf_json_text(json_object_get(data, "labels"), "site") == NULL;
		of[sensor]++;
		json_decref(data);
	}
	is_int(wrong, 0, "readings tell sensor, value, unit, time and site");
	for (int i = 1; i <= 100; i++)
		busy += of[i];
	ok(busy > EVENTS / 4 && busy < EVENTS / 2, "a tenth of the sensors sends a third of the readings (%d of %d)", busy, EVENTS);
	cf_traffic_next(&traffic, INT64_MAX, &event);
	ok(strstr(event.data, "\"time\": \"\"") != NULL, "a moment that cannot be told is left empty");
}

int
main(void)
{
	test_kinds();
	test_seeds(CF_TRAFFIC_OBJECTS);
	test_seeds(CF_TRAFFIC_SENSORS);
	test_objects();
	test_sensors();
	return done_testing();
}
