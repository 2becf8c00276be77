/*
 * ingest_waiting_sql.c
 *		Topics that have to wait: for a lock, a table, a right, a broker of their own. They are left out of what is read until their time has
 *		come, which is later after each failure in a row.
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/memutils.h"

#include "core/clock.h"
#include "events/ingest_sql.h"

#define RETRY_MIN_MS 500
#define RETRY_MAX_MS 30000

typedef struct Waiting
{
	char		topic[CF_TOPIC_BYTES];
	int64		until_us;
	int			delay_ms;
} Waiting;

static Waiting *waiting = NULL;
static int	count = 0;
static int	room = 0;

static Waiting *
find(const char *topic)
{
	for (int i = 0; i < count; i++)
	{
		if (strcmp(waiting[i].topic, topic) == 0)
			return &waiting[i];
	}
	return NULL;
}

bool
cf_ingest_waits(const char *topic)
{
	return find(topic) != NULL;
}

bool
cf_ingest_has_to_wait(const char *topic)
{
	Waiting    *found = find(topic);

	return found != NULL && found->until_us > cf_clock_monotonic_us();
}

void
cf_ingest_make_wait(const char *topic, const CfIngestWords *words)
{
	Waiting    *found = find(topic);

	if (found == NULL)
	{
		if (count == room)
		{
			waiting = waiting == NULL ? MemoryContextAlloc(TopMemoryContext, sizeof(Waiting) * (room * 2 + 8))
				: repalloc(waiting, sizeof(Waiting) * (room * 2 + 8));
			room = room * 2 + 8;
		}
		found = &waiting[count++];
		strlcpy(found->topic, topic, CF_TOPIC_BYTES);
		found->delay_ms = RETRY_MIN_MS;
	}
	found->until_us = cf_clock_monotonic_us() + (int64) found->delay_ms * 1000;
	found->delay_ms = Min(found->delay_ms * 2, RETRY_MAX_MS);
	cf_ingest_say(topic, "waiting", words->detail, words->hint);
}

void
cf_ingest_end_wait(const char *topic)
{
	Waiting    *found = find(topic);

	if (found == NULL)
		return;
	*found = waiting[--count];
	cf_ingest_say(topic, "reading", NULL, NULL);
}

bool
cf_ingest_wait_is_over(int64 since_us)
{
	int64		now = cf_clock_monotonic_us();

	for (int i = 0; i < count; i++)
	{
		if (waiting[i].until_us <= now && waiting[i].until_us > since_us)
			return true;
	}
	return false;
}

void
cf_ingest_forget_waits(void)
{
	count = 0;
}

bool
cf_ingest_tell(const CfConsumerTopic *topic)
{
	CfIngestWords words = {.hint = "See whether its brokers run; it is tried again."};

	if (topic->failed == CF_ERR_NONE && topic->leaderless == 0)
	{
		if (!cf_ingest_waits(topic->name))
			cf_ingest_say(topic->name, "reading", NULL, NULL);
		return true;
	}
	if (topic->failed == CF_ERR_NONE)
		cf_ingest_say(topic->name, "waiting", psprintf("%d of %d partitions have no leader in Kafka; the others are read.", topic->leaderless, topic->partitions),
					  words.hint);
	else if (topic->failed == CF_ERR_NOT_FOUND)
		cf_ingest_say(topic->name, "waiting", "The topic does not exist.", "Create it, for instance with SELECT * FROM cloudflux.create_topics(…).");
	else if (topic->failed == CF_ERR_DENIED || topic->failed == CF_ERR_INPUT)
		cf_ingest_say(topic->name, "waiting", "Kafka does not let us read the topic.", "Grant READ and DESCRIBE on it.");
	else
	{
		/* To ask takes time, in which nothing else is read: not every time. */
		snprintf(words.detail, sizeof(words.detail), "Kafka does not tell of its partitions: %s.", topic->why);
		cf_ingest_make_wait(topic->name, &words);
	}
	return false;
}
