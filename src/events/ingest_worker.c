/*
 * ingest_worker.c
 *		The ingester: one worker per database that reads topics of Kafka into tables, each message once.
 *
 * Process model. As the publisher: a thread (consumer.h) makes the calls that wait; between its results and the database's transactions
 * there is nothing open. Where no topic is mapped there is no thread and no connection.
 *
 *		idle	-> topics are mapped: look (which partitions, from where to where) -> plan (one transaction: positions, states, locks)
 *				-> assign -> fetch, take, fetch, take, …
 *		look is done again every 10 seconds; when it gives another plan, partitions are assigned anew
 *
 * Whatever happens, the next plan is made of the rows: a batch that failed was not written, and is fetched again from there. A topic that
 * has to wait (its table is locked, a right is missing) is left out of the assignment until it is tried again, so it takes no memory
 * and holds nobody up.
 *
 * What is taken from Kafka at once is bounded (kafka_ingest_batch, and an eighth of kafka_ingest_memory), and so is what is fetched ahead (a
 * quarter): a slow database slows down the fetching, and nothing else. The rest is for what is made of messages on their way into
 * tables, which is three times what they are, and for answers of brokers that are still coming.
 */
#include "postgres.h"

#include "fmgr.h"
#include "miscadmin.h"
#include "storage/latch.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/memutils.h"

#include "core/clock.h"
#include "core/compat.h"
#include "core/core.h"
#include "core/interrupt.h"
#include "core/settings_sql.h"
#include "core/worker.h"
#include "events/connection_sql.h"
#include "events/ingest_sql.h"

#define QUEUE_SHARE 4			/* of the memory, for what librdkafka has fetched ahead */
#define LOOK_US (10 * INT64CONST(1000000))
#define LOOK_SOON_US (1 * INT64CONST(1000000))	/* while a topic is missing */
#define CHANGES_US INT64CONST(1000000)
#define DEAD_US (5 * INT64CONST(1000000))
#define WAIT_MS 500				/* of one fetch, when there is nothing */
#define RETRY_MIN_MS 500
#define RETRY_MAX_MS 30000
#define PATIENCE_US (3 * INT64CONST(1000000))	/* after which a task that has not come back is worth a word */

bool		cf_kafka_ingest = true;
int			cf_kafka_ingest_batch = 5000;
int			cf_kafka_ingest_memory_kb = 32768;

typedef enum Phase
{
	PHASE_IDLE,					/* nothing is assigned */
	PHASE_LOOKING,				/* the thread has a task of this kind … */
	PHASE_ASSIGNING,
	PHASE_FETCHING,
	PHASE_CLOSING,
	PHASE_READING				/* partitions are assigned, and the thread has no task */
} Phase;

static CfConsumer *consumer = NULL;
static CfKafkaLog *kafka_log = NULL;
static CfConsumerTask task;
static CfConsumerConfig config;
static CfConnection connection;
static bool unreadable = false; /* connection is not to be used */
static bool handle_fits = false;	/* the handle was made of connection */
static bool connected = false;	/* there is a handle */
static uint32 wait_event = 0;

static Phase phase = PHASE_IDLE;
static bool stale = true;		/* what is assigned is not what it should be */
static bool incomplete = false; /* a topic is missing */
static bool fresh = false;		/* the next look makes a new handle */
static CfIngestPlan plan;
static MemoryContext plan_context = NULL;	/* of plan */
static MemoryContext other_context = NULL;	/* of a plan that is being made */
static MemoryContext topic_context = NULL;	/* of topics */
static CfConsumerTopic *topics = NULL;
static int	topic_count = 0;
static uint64 digest = 0;
static CfConsumerItem *items = NULL;
static int	item_room = 0;
static int64 looked_at_us = 0;
static int64 changes_at_us = 0;
static int64 submitted_at_us = 0;
static int64 dead_at_us = 0;
static int64 retry_at_us = 0;
static int	retry_ms = RETRY_MIN_MS;
static char last_line[CF_KAFKA_LINE_BYTES];

static void
submit(CfConsumerTaskKind kind, Phase to)
{
	task.kind = kind;
	phase = to;
	submitted_at_us = cf_clock_monotonic_us();
	cf_consumer_submit(consumer, &task);
}

static void
hear(void)
{
	while (cf_kafka_log_take(kafka_log, last_line))
		ereport(DEBUG1, (errmsg_internal("librdkafka: %s", last_line)));
}

/* report says of all topics why they are not read; what librdkafka said last tells more than "timed out". */
static void
report(const CfError *err)
{
	static char words[CF_PUBLISHER_WORDS];
	const char *after;
	const char *hint = err->hint;

	hear();
	after = strstr(last_line, "]: ");
	if (err->kind == CF_ERR_IO && last_line[0] != '\0')
	{
		snprintf(words, sizeof(words), "no answer from Kafka: %s", after != NULL ? after + 3 : last_line);
		*(strstr(words, " (after ") != NULL ? strstr(words, " (after ") : words + strlen(words)) = '\0';
		if (hint[0] == '\0')
			hint = cf_kafka_advice(connection.secured ? &connection.security : NULL, last_line);
	}
	else
		snprintf(words, sizeof(words), "%s%s%s", err->message, err->detail[0] != '\0' ? ". " : "", err->detail);
	cf_ingest_say(NULL, "waiting", words, hint);
}

static void
try_later(void)
{
	retry_at_us = cf_clock_monotonic_us() + (int64) retry_ms * 1000;
	retry_ms = Min(retry_ms * 2, RETRY_MAX_MS);
}

static void
tell_of_waiting(void)
{
	CfError		err;

	if (phase == PHASE_FETCHING || cf_clock_monotonic_us() - submitted_at_us < PATIENCE_US)
		return;
	cf_error_set(&err, CF_ERR_IO, "no answer from Kafka");
	report(&err);
}

/* prepare makes what the process needs once there is something to read. */
static void
prepare(void)
{
	CfError		err;

	if (consumer == NULL)
	{
		cf_worker_has_threads();
		cf_connection_watch();
		if (kafka_log == NULL)
			kafka_log = cf_kafka_log_make();
		consumer = kafka_log != NULL ? cf_consumer_start(&err) : NULL;
		if (consumer == NULL)
			ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("could not start a thread for Kafka")));
	}
	if (item_room != cf_kafka_ingest_batch)
	{
		if (items != NULL)
			pfree(items);
		items = NULL;
		items = MemoryContextAlloc(TopMemoryContext, sizeof(CfConsumerItem) * cf_kafka_ingest_batch);
		item_room = cf_kafka_ingest_batch;
	}
}

/* notice_changes reads which topics are wanted; true = there is another set of them, or of positions, than was planned for. */
static void
notice_changes(void)
{
	MemoryContext outer;
	uint64		now;
	CfConsumerTopic *found;
	int			count;

	if (topic_context == NULL)
	{
		topic_context = AllocSetContextCreate(TopMemoryContext, "ingest topics", ALLOCSET_SMALL_SIZES);
		plan_context = AllocSetContextCreate(TopMemoryContext, "ingest plan", ALLOCSET_DEFAULT_SIZES);
		other_context = AllocSetContextCreate(TopMemoryContext, "ingest plan", ALLOCSET_DEFAULT_SIZES);
	}
	changes_at_us = cf_clock_monotonic_us();
	count = cf_ingest_topics(&found, &now);
	if (now == digest && count == topic_count)
		return;
	stale = true;
	digest = now;
	cf_ingest_forget_waits();	/* what they waited for may have been mended */
	MemoryContextReset(topic_context);
	outer = MemoryContextSwitchTo(topic_context);
	topics = palloc0(sizeof(CfConsumerTopic) * (count + 1));
	for (int i = 0; i < count; i++)
		topics[i].name = pstrdup(found[i].name);
	topic_count = count;
	MemoryContextSwitchTo(outer);
}

/* take_connection reads where Kafka is when that may have changed; false = that cannot be used, and has been reported. */
static bool
take_connection(void)
{
	CfError		err;
	bool		changed;

	if (!cf_connection_stale(&connection) && (!unreadable || cf_clock_monotonic_us() < retry_at_us))
		return !unreadable;
	unreadable = !cf_connection_read(&connection, &changed, &err);
	handle_fits = handle_fits && !changed;
	if (!unreadable && changed)
	{
		/* What was waited for may have been mended. */
		retry_at_us = 0;
		retry_ms = RETRY_MIN_MS;
	}
	if (!unreadable)
		return true;
	report(&err);
	try_later();
	return false;
}

static bool
settings_differ(void)
{
	return !handle_fits || config.call_timeout_ms != cf_kafka_timeout_ms || config.memory_kb != cf_kafka_ingest_memory_kb / QUEUE_SHARE;
}

static void
start_look(void)
{
	if (settings_differ())
	{
		handle_fits = true;
		fresh = true;
		stale = true;
	}
	for (int i = 0; i < topic_count; i++)
		topics[i].skip = cf_ingest_has_to_wait(topics[i].name);
	config.brokers = connection.brokers;
	config.security = connection.secured ? &connection.security : NULL;
	config.call_timeout_ms = cf_kafka_timeout_ms;
	config.memory_kb = cf_kafka_ingest_memory_kb / QUEUE_SHARE;
	config.log = kafka_log;
	task.config = &config;
	task.fresh = fresh;
	task.topics = topics;
	task.topic_count = topic_count;
	fresh = false;
	connected = true;
	looked_at_us = cf_clock_monotonic_us();
	submit(CF_CONSUMER_LOOK, PHASE_LOOKING);
}

/* tell_of_topics writes down what Kafka said of them. */
static void
tell_of_topics(void)
{
	incomplete = false;
	for (int i = 0; i < topic_count; i++)
	{
		if (!topics[i].skip && !cf_ingest_tell(&topics[i]))
			incomplete = true;
	}
}

/* same_parts tells whether a plan reads the same partitions from where we are. */
static bool
same_parts(const CfIngestPlan *other)
{
	if (other->count != plan.count)
		return false;
	for (int i = 0; i < plan.count; i++)
	{
		const CfIngestPart *a = &plan.parts[i];
		const CfIngestPart *b = &other->parts[i];

		if (strcmp(a->topic, b->topic) != 0 || a->partition != b->partition || a->position != b->position || a->generation != b->generation)
			return false;
	}
	return true;
}

/* start_assign reads what the plan says, and where there is a last message, from that one on: it has to be the same. */
static void
start_assign(void)
{
	CfConsumerPart *wanted = MemoryContextAllocZero(plan_context, sizeof(CfConsumerPart) * (plan.count + 1));

	for (int i = 0; i < plan.count; i++)
		wanted[i] = (CfConsumerPart){.topic = plan.parts[i].topic, .partition = plan.parts[i].partition,
			.position = plan.parts[i].doubted ? plan.parts[i].last_offset : plan.parts[i].position};
	task.wanted = wanted;
	task.wanted_count = plan.count;
	stale = false;
	submit(CF_CONSUMER_ASSIGN, PHASE_ASSIGNING);
}

/* looked makes a plan of what Kafka has; where it is another one than that which is read, partitions are assigned anew. */
static void
looked(void)
{
	MemoryContext made_in;
	CfIngestPlan other;

	phase = plan.count > 0 && !stale ? PHASE_READING : PHASE_IDLE;
	if (!task.good)
	{
		report(&task.err);
		stale = true;
		try_later();
		return;
	}
	hear();
	last_line[0] = '\0';
	retry_ms = RETRY_MIN_MS;
	tell_of_topics();
	MemoryContextReset(other_context);
	cf_ingest_plan(&task, cf_ingest_has_to_wait, other_context, &other);
	if (!stale && same_parts(&other))
		return;
	made_in = other_context;
	other_context = plan_context;
	plan_context = made_in;
	plan = other;
	start_assign();
}

static void
assigned(void)
{
	phase = task.good ? PHASE_READING : PHASE_IDLE;
	if (task.good)
		return;
	report(&task.err);
	stale = true;
	try_later();
}

/*
 * seen_again looks at the first message of a partition that was assigned. When it is not the one that we read last, it is another
 * partition, whatever its name is. One that is not there any more (deleted, compacted) proves nothing. False = stopped.
 */
static bool
seen_again(CfIngestPart *part, const CfConsumerItem *item)
{
	char		here[CF_DIGEST_BYTES];

	if (item->what == CF_CONSUMER_MESSAGE && item->offset == part->last_offset)
	{
		cf_ingest_digest(item, here);
		if (strcmp(here, part->last_digest) != 0)
		{
			cf_ingest_stop_part(part, psprintf("The message at " INT64_FORMAT ", which was read last, is another one now: the topic was made anew.", part->last_offset),
								psprintf("SELECT cloudflux.reset_ingest(%s, 'earliest') to read what there is, or 'latest'.", quote_literal_cstr(part->topic)));
			return false;
		}
	}
	part->doubted = false;
	return true;
}

/* have_trouble leaves a topic out for a while, of which a partition cannot be read; without a topic it concerns all. */
static void
have_trouble(const CfConsumerItem *item)
{
	CfIngestWords words = {.hint = ""};

	ereport(DEBUG1, (errmsg_internal("partition %d of topic \"%s\": %s", item->partition, item->topic, item->why)));
	stale = true;
	if (item->what == CF_CONSUMER_LOST || cf_ingest_find(&plan, item->topic, item->partition) == NULL)
		retry_at_us = Max(retry_at_us, cf_clock_monotonic_us() + RETRY_MIN_MS * INT64CONST(1000));
	else if (!cf_ingest_has_to_wait(item->topic))
	{
		snprintf(words.detail, sizeof(words.detail), "Partition %d: %s.", item->partition, item->why);
		cf_ingest_make_wait(item->topic, &words);
	}
}

/* look_at_items sorts out what is no message, and doubts. */
static void
look_at_items(void)
{
	for (int i = 0; i < task.item_count; i++)
	{
		CfConsumerItem *item = &items[i];
		CfIngestPart *part = cf_ingest_find(&plan, item->topic, item->partition);

		if (item->what == CF_CONSUMER_LOST || item->what == CF_CONSUMER_TROUBLE)
			have_trouble(item);
		else if (part != NULL && part->doubted && !seen_again(part, item))
			stale = true;
	}
}

/* take_topic takes the messages of one topic. */
static void
take_topic(const char *topic)
{
	CfIngestWords words;

	if (cf_ingest_has_to_wait(topic))
		return;
	switch (cf_ingest_take(topic, &plan, items, task.item_count, &words))
	{
		case CF_INGEST_DONE:
			cf_ingest_end_wait(topic);
			break;
		case CF_INGEST_LATER:
			cf_ingest_make_wait(topic, &words);
			stale = true;
			break;
		case CF_INGEST_MOVED:
			stale = true;
			break;
	}
}

/* fetched takes what came, topic by topic. */
static void
fetched(void)
{
	phase = PHASE_READING;
	if (!task.good)
	{
		phase = PHASE_IDLE;
		stale = fresh = true;
		report(&task.err);
		try_later();
		return;
	}
	look_at_items();
	for (int i = 0; i < task.item_count; i++)
	{
		bool		first = true;

		for (int k = i - 1; k >= 0 && first; k--)
			first = strcmp(items[k].topic, items[i].topic) != 0;
		if (first && items[i].topic[0] != '\0')
			take_topic(items[i].topic);
		/* Most come from the topic before: nothing to look back for. */
		while (i + 1 < task.item_count && strcmp(items[i + 1].topic, items[i].topic) == 0)
			i++;
	}
}

static void
take_result(void)
{
	int			events = WaitLatchOrSocket(MyLatch, WL_LATCH_SET | WL_SOCKET_READABLE | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
										   cf_consumer_fd(consumer), 1000, CF_WAIT_EVENT(wait_event, "CloudfluxIngest"));

	if (events & WL_LATCH_SET)
	{
		ResetLatch(MyLatch);
		changes_at_us = 0;
	}
	cf_worker_attend();
	if (cf_consumer_done(consumer) == NULL)
	{
		tell_of_waiting();
		return;
	}
	switch (phase)
	{
		case PHASE_LOOKING:
			looked();
			break;
		case PHASE_ASSIGNING:
			assigned();
			break;
		case PHASE_FETCHING:
			fetched();
			break;
		case PHASE_CLOSING:
		case PHASE_IDLE:
		case PHASE_READING:
			phase = PHASE_IDLE;
			break;
	}
}

static bool
busy(void)
{
	return phase != PHASE_IDLE && phase != PHASE_READING;
}

/* retry_dead tries dead letters again that somebody asked for; true = there may be more. What fails for no fault of theirs is tried later. */
static bool
retry_dead(void)
{
	CfIngestWords words;
	char		topic[CF_TOPIC_BYTES];
	bool		more;
	CfIngestOutcome outcome;

	if (cf_clock_monotonic_us() < dead_at_us)
		return false;
	outcome = cf_ingest_retry(topic, &more, &words);
	if (more && outcome != CF_INGEST_DONE)
		dead_at_us = cf_clock_monotonic_us() + DEAD_US;
	return more && outcome == CF_INGEST_DONE;
}

static CfWorkerResult
step(void)
{
	int64		now = cf_clock_monotonic_us();

	if (busy())
	{
		take_result();
		return CF_WORKER_MORE;
	}
	if (now - changes_at_us >= CHANGES_US || phase == PHASE_IDLE)
	{
		notice_changes();
		if (topic_count > 0 && retry_dead())
		{
			changes_at_us = 0;
			return CF_WORKER_MORE;
		}
	}
	if (topic_count == 0)
	{
		if (!connected)
			return CF_WORKER_IDLE;
		/* Nothing to read: no connection. */
		connected = handle_fits = false;
		plan.count = 0;
		submit(CF_CONSUMER_CLOSE, PHASE_CLOSING);
		return CF_WORKER_MORE;
	}
	prepare();
	if (!take_connection() || retry_at_us > now)
	{
		cf_worker_idle_at_most((int) Max(Min((retry_at_us - now) / 1000 + 1, 1000), 1));
		return CF_WORKER_IDLE;
	}
	if (stale || settings_differ() || now - looked_at_us >= (incomplete ? LOOK_SOON_US : LOOK_US) || cf_ingest_wait_is_over(looked_at_us))
	{
		start_look();
		return CF_WORKER_MORE;
	}
	if (plan.count == 0)
		return CF_WORKER_IDLE;
	task.items = items;
	task.item_room = item_room;
	task.bytes_max = (size_t) cf_kafka_ingest_memory_kb * 1024 / CF_INGEST_BATCH_SHARE;
	task.wait_ms = WAIT_MS;
	submit(CF_CONSUMER_FETCH, PHASE_FETCHING);
	return CF_WORKER_MORE;
}

/* cleanup goes on from what the rows say; what the thread is doing is taken and thrown away. */
static void
cleanup(void)
{
	stale = true;
	if (!busy())
		phase = PHASE_IDLE;
}

static int
count(void)
{
	int			readers = 1;

#ifdef CF_TEST
	/* A second one would gain nothing, since the first one has the locks; tests see to it that it does no harm. */
	if (getenv("CF_SECOND_INGESTER") != NULL)
		readers = 2;
#endif
	return cf_kafka_ingest && cf_connection_wanted() ? readers : 0;
}

static const CfIntSetting settings[] = {
	{"cloudflux.kafka_ingest_batch", "Messages that are taken from Kafka in one transaction at most.", NULL,
	&cf_kafka_ingest_batch, 1, 100000, 0},
	{"cloudflux.kafka_ingest_memory", "Memory for messages on their way from Kafka.",
	"An eighth of it for a batch, a quarter for what is fetched ahead, the rest for what is made of these. One message that is larger comes nevertheless.",
	&cf_kafka_ingest_memory_kb, 2048, 2097151, GUC_UNIT_KB},
};

static const CfWorkerKind ingester = {
	.name = "ingester",
	.count = count,
	.step = step,
	.cleanup = cleanup,
	.idle_ms = 1000,
};

void
cf_ingest_register(void)
{
	DefineCustomBoolVariable("cloudflux.kafka_ingest", "Whether topics of Kafka are read into tables.",
							 "Which ones is in cloudflux.ingest_topics. Needs cloudflux.kafka_brokers or cloudflux.kafka_server.", &cf_kafka_ingest, true, PGC_SIGHUP, 0,
							 NULL, NULL, NULL);
	cf_settings_define(settings, lengthof(settings), NULL);
	cf_worker_register(&ingester);
}

/* wake_ingester() makes this database's ingester look as soon as this transaction has committed. */
PG_FUNCTION_INFO_V1(cloudflux_wake_ingester);
Datum
cloudflux_wake_ingester(PG_FUNCTION_ARGS)
{
	CF_ABI_CHECK();
	cf_worker_wake_on_commit("ingester");
	PG_RETURN_VOID();
}
