/*
 * traffic.c
 *		A made-up stream of events that looks like a real one: few teams and sensors are busy and many are not, objects are read
 *		while they are young, sizes differ by orders of magnitude, what is deleted was there.
 *
 * An object has no row anywhere: its number and the seed tell its key, size and file_id, whenever they are asked for. So a stream of
 * any length takes no memory, and the event that deletes an object names the size that the one that created it told. Its file_id begins
 * with GEN, its location with generated://, so that nobody takes it for one that is really somewhere.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "events/envelope.h"
#include "events/traffic.h"

#define TEAMS 24
#define USERS 500
#define SENSORS 1000
#define SITES 12
#define LIVE_MIN 50				/* objects that there are before one is deleted */
#define WAVE 20000				/* readings, of all sensors, from one crest to the next */

static const struct
{
	const char *word;
	CfTrafficKind kind;
}			kinds[] = {
	{"objects", CF_TRAFFIC_OBJECTS},
	{"sensors", CF_TRAFFIC_SENSORS},
};

/* Sorts of objects: how many of a hundred, the smallest size, and how many times that may double. */
static const struct
{
	int			percent;
	const char *folder;
	const char *suffix;
	double		smallest_bytes;
	double		doublings;
}			sorts[] = {
	{40, "logs", "log.gz", 16384, 10},
	{30, "images", "jpg", 65536, 7},
	{15, "tables", "parquet", 4194304, 7},
	{10, "documents", "pdf", 8192, 8},
	{5, "video", "mp4", 33554432, 7},
};

/* What sensors measure: mean and swing in hundredths of the unit. */
static const struct
{
	const char *metric;
	const char *unit;
	int64_t		mean;
	int64_t		swing;
}			metrics[] = {
	{"temperature", "celsius", 2100, 600},
	{"humidity", "percent", 5500, 1500},
	{"vibration", "mm/s", 320, 140},
	{"power", "watt", 75000, 30000},
};

#define lengthof(array) (sizeof(array) / sizeof((array)[0]))

/* mix spreads the bits of a number over all 64 (the finisher of splitmix64). */
static uint64_t
mix(uint64_t x)
{
	x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
	return x ^ (x >> 31);
}

/* fraction makes a number from 0 to below 1 of 64 mixed bits. */
static double
fraction(uint64_t bits)
{
	return (double) (bits >> 11) / 9007199254740992.0;
}

/* dice throws the next fraction of the stream. */
static double
dice(CfTraffic *traffic)
{
	traffic->state += UINT64_C(0x9e3779b97f4a7c15);
	return fraction(mix(traffic->state));
}

/* trait is a fraction that belongs to a thing, whenever it is asked for. */
static double
trait(const CfTraffic *traffic, int64_t thing, int which)
{
	return fraction(mix(mix(traffic->seed + (uint64_t) thing * UINT64_C(0x9e3779b97f4a7c15)) + (uint64_t) which));
}

typedef struct Object
{
	char		key[64];
	char		location[112];
	int64_t		size_bytes;
} Object;

/* describe tells what an object is. */
static void
describe(const CfTraffic *traffic, int64_t number, Object *object)
{
	double		part = trait(traffic, number, 1) * 100;
	double		busy = trait(traffic, number, 2);
	size_t		sort = 0;

	while (sort + 1 < lengthof(sorts) && part >= sorts[sort].percent)
		part -= sorts[sort++].percent;
	object->size_bytes = (int64_t) (sorts[sort].smallest_bytes * exp2(trait(traffic, number, 3) * sorts[sort].doublings));
	snprintf(object->key, sizeof(object->key), "team-%02d/%s/%09lld.%s", (int) (busy * busy * TEAMS) + 1, sorts[sort].folder,
			 (long long) number, sorts[sort].suffix);
	snprintf(object->location, sizeof(object->location), "generated://%016llx/%s", (unsigned long long) traffic->seed, object->key);
}

/* name_object writes the file_id of an object: 26 letters as others have, the first of them GEN. */
static void
name_object(const CfTraffic *traffic, int64_t number, char *out)
{
	static const char letters[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
	uint64_t	bits = mix(traffic->seed + UINT64_C(0x632be59bd9b4e019));

	memcpy(out, "GEN", 3);
	for (int i = 3; i < 13; i++, bits >>= 5)
		out[i] = letters[bits & 31];
	bits = (uint64_t) number;
	for (int i = 25; i >= 13; i--, bits >>= 5)
		out[i] = letters[bits & 31];
	out[26] = '\0';
}

/* access_object tells of a read of some object: mostly a young one, mostly as a whole. */
static void
access_object(CfTraffic *traffic, CfTrafficEvent *event)
{
	double		age = dice(traffic);
	double		user = dice(traffic);
	double		whole = dice(traffic);
	double		slow = dice(traffic);
	int64_t		number = traffic->next - 1 - (int64_t) (age * age * age * (double) (traffic->next - traffic->oldest));
	Object		object;

	describe(traffic, number, &object);
	name_object(traffic, number, event->subject);
	event->event_type = "object.accessed";
	snprintf(event->data, sizeof(event->data),
			 "{\"storage_location\": \"%s\", \"access_type\": \"read\", \"bytes\": %lld, \"latency_ms\": %d, \"user_id\": \"user-%03d\"}",
			 object.location, (long long) (whole < 0.8 ? object.size_bytes : (int64_t) ((double) object.size_bytes * dice(traffic))),
			 4 + (int) (200 * slow * slow * slow), (int) (user * user * USERS) + 1);
}

/* next_of_objects: an object comes, is read, or goes. */
static void
next_of_objects(CfTraffic *traffic, CfTrafficEvent *event)
{
	double		what = dice(traffic);
	int64_t		live = traffic->next - traffic->oldest;
	bool		created = live <= LIVE_MIN || what >= 0.10;
	int64_t		number;
	Object		object;

	event->topic = "data-ingestion";
	if (live >= LIVE_MIN / 2 && what >= 0.25)
	{
		access_object(traffic, event);
		return;
	}
	event->event_type = created ? "object.created" : "object.deleted";
	number = created ? traffic->next++ : traffic->oldest++;
	describe(traffic, number, &object);
	name_object(traffic, number, event->subject);
	snprintf(event->data, sizeof(event->data),
			 "{\"place\": null, \"object_key\": \"%s\", \"size_bytes\": %lld, \"storage_class\": \"STANDARD\"%s%s%s}", object.key,
			 (long long) object.size_bytes, created ? ", \"storage_location\": \"" : "", created ? object.location : "", created ? "\"" : "");
}

/* next_of_sensors: a sensor tells what it measures; a tenth of them sends a third of all readings. */
static void
next_of_sensors(CfTraffic *traffic, int64_t now_us, CfTrafficEvent *event)
{
	double		busy = dice(traffic);
	int			sensor = (int) (busy * busy * SENSORS) + 1;
	size_t		of = (size_t) (trait(traffic, sensor, 1) * lengthof(metrics));
	double		crest = trait(traffic, sensor, 2) + (double) (traffic->events % WAVE) / WAVE;
	double		noise = dice(traffic) - 0.5;
	int64_t		value = metrics[of].mean + (int64_t) ((double) metrics[of].swing * (sin(6.283185307179586 * crest) + 0.2 * noise));
	char		told_at[CF_ENVELOPE_TIME_BYTES];

	if (!cf_envelope_time(now_us, told_at))
		told_at[0] = '\0';
	event->topic = "metrics.raw";
	event->event_type = "sensor.reading";
	snprintf(event->subject, sizeof(event->subject), "sensor-%04d", sensor);
	snprintf(event->data, sizeof(event->data),
			 "{\"metric\": \"%s\", \"value\": %lld.%02d, \"unit\": \"%s\", \"source\": \"%s\", \"time\": \"%s\", \"labels\": {\"site\": \"site-%02d\"}}",
			 metrics[of].metric, (long long) (value / 100), (int) (value % 100), metrics[of].unit, event->subject, told_at,
			 (int) (trait(traffic, sensor, 3) * SITES) + 1);
}

bool
cf_traffic_kind_of(const char *word, CfTrafficKind *kind)
{
	for (size_t i = 0; i < lengthof(kinds); i++)
	{
		if (strcmp(word, kinds[i].word) != 0)
			continue;
		*kind = kinds[i].kind;
		return true;
	}
	return false;
}

void
cf_traffic_begin(CfTraffic *traffic, CfTrafficKind kind, uint64_t seed)
{
	memset(traffic, 0, sizeof(*traffic));
	traffic->kind = kind;
	traffic->seed = seed;
	traffic->state = mix(seed + UINT64_C(0x9e3779b97f4a7c15));
}

void
cf_traffic_next(CfTraffic *traffic, int64_t now_us, CfTrafficEvent *event)
{
	if (traffic->kind == CF_TRAFFIC_OBJECTS)
		next_of_objects(traffic, event);
	else
		next_of_sensors(traffic, now_us, event);
	traffic->events++;
}
