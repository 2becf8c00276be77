/*
 * publisher_worker.c
 *		The publisher: one worker per database that sends the outbox to Kafka, each event exactly once.
 *
 * Process model. The worker never waits for a broker: a thread (kafka_thread.h) makes the calls that wait, and the worker waits for
 * its latch and for the thread's descriptor. A step either looks at the database (publisher_read_sql.c: one short transaction) and
 * submits a task, or takes the result of one. Between the two there is no transaction, snapshot or lock.
 *
 *		open    -> position of Kafka, judged against what this database knows -> looking, or stopped
 *		looking -> nothing: idle; events: (are their topics there?) -> publish -> looking
 *		publish -> done: the position moves; aborted: the same again, later; unknown: open anew
 *
 * The process ends while librdkafka's threads may still run, and joining them may take as long as a resolver does: so it ends
 * without the exit handlers of libraries (cf_worker_has_threads()). A transaction that was open is ended by the next init.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "storage/latch.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "core/clock.h"
#include "core/compat.h"
#include "core/error_sql.h"
#include "core/worker.h"
#include "events/publisher_sql.h"

#define RETRY_MIN_MS 250
#define RETRY_MAX_MS 10000
#define STOPPED_MS 5000
#define PATIENCE_MS 3000		/* after which a task that has not come back is worth a word */

typedef enum Phase
{
	PHASE_CLOSED,				/* no session */
	PHASE_OPENING,
	PHASE_LOOKING,				/* a session, and its position is accepted */
	PHASE_CHECKING,				/* asking for a topic of the batch */
	PHASE_PUBLISHING,
	PHASE_REBASING,
	PHASE_CREATING
} Phase;

static CfKafkaThread *thread = NULL;
static CfKafkaLog *kafka_log = NULL;
static CfKafkaTask task;
static CfKafkaConfig config;
static CfConnection connection;
static bool unreadable = false; /* what the settings name cannot be used */
static bool handle_fits = false;	/* the handle was made for this connection */
static char name[64];			/* transactional id and group */
static uint32 wait_event = 0;

static Phase phase = PHASE_CLOSED;
static Phase created_from = PHASE_CLOSED;
static bool session = false;	/* current is Kafka's position, and accepted */
static bool fresh = true;		/* the next open makes a new handle */
static CfPosition current;
static CfPosition next;
static CfPosition mirror;
static CfBatch batch;
static CfTopicWish wish;
static char (*topics)[CF_TOPIC_BYTES] = NULL;	/* known to exist */
static int	topic_count = 0;
static int	topic_room = 0;
static int64 retry_at_us = 0;
static int	retry_ms = RETRY_MIN_MS;
static int64 submitted_at_us = 0;
static int64 sent_at_us = 0;
static bool sent_little = false;

static void
submit(CfKafkaTaskKind kind, Phase to)
{
	task.kind = kind;
	phase = to;
	submitted_at_us = cf_clock_monotonic_us();
	cf_kafka_thread_submit(thread, &task);
}

/* try_later waits longer after each failure in a row. */
static void
try_later(int at_least_ms)
{
	retry_at_us = cf_clock_monotonic_us() + (int64) Max(retry_ms, at_least_ms) * 1000;
	retry_ms = Min(retry_ms * 2, RETRY_MAX_MS);
}

static char last_line[CF_KAFKA_LINE_BYTES];

/* hear takes what librdkafka has said; its last line tells more than "timed out" when something fails. */
static void
hear(void)
{
	while (cf_kafka_log_take(kafka_log, last_line))
		ereport(DEBUG1, (errmsg_internal("librdkafka: %s", last_line)));
}

/* report says why publishing waits. */
static void
report(const char *state, const CfError *err)
{
	static char words[CF_PUBLISHER_WORDS];
	const char *hint = err->hint;

	hear();
	/* Without a moving part, or the same trouble would be news every time. */
	if (err->kind == CF_ERR_IO && last_line[0] != '\0')
	{
		const char *after = strstr(last_line, "]: ");

		snprintf(words, sizeof(words), "%s: %s", err->retryable ? "no answer from Kafka" : err->message, after != NULL ? after + 3 : last_line);
		*(strstr(words, " (after ") != NULL ? strstr(words, " (after ") : words + strlen(words)) = '\0';
		if (hint[0] == '\0')
			hint = cf_kafka_advice(connection.secured ? &connection.security : NULL, last_line);
	}
	else if (err->kind == CF_ERR_IO && (err->detail[0] == '\0' || strstr(err->detail, "_TIMED_OUT") != NULL))
	{
		/* Nobody has said anything, librdkafka neither: a resolver or an address that swallows what is asked, a process that stands still. */
		snprintf(words, sizeof(words), "no answer from Kafka at %s", connection.brokers);
		if (hint[0] == '\0')
			hint = "From this machine the names of the brokers must resolve, and their ports answer; topics that were deleted must be made again.";
	}
	else
		snprintf(words, sizeof(words), "%s%s%s", err->message, err->detail[0] != '\0' ? ". " : "", err->detail);
	cf_publisher_say(state, words, hint);
}

/* tell_of_waiting says that Kafka keeps us waiting: a transaction may take its whole timeout to fail. */
static void
tell_of_waiting(void)
{
	CfError		err;

	if (cf_clock_monotonic_us() - submitted_at_us < PATIENCE_MS * INT64CONST(1000))
		return;
	cf_error_set(&err, CF_ERR_IO, "no answer from Kafka");
	report("waiting", &err);
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
	if (!unreadable)
		return true;
	session = false;
	phase = PHASE_CLOSED;
	report("waiting", &err);
	try_later(0);
	return false;
}

/* settings_differ tells whether the handle, or the batch, was made with other settings than those of now. */
static bool
settings_differ(void)
{
	return !handle_fits || config.transaction_timeout_ms != cf_kafka_transaction_ms ||
		config.call_timeout_ms != cf_kafka_timeout_ms || config.memory_kb != cf_kafka_memory_kb ||
		config.message_max_bytes != cf_kafka_message_bytes || batch.room != cf_kafka_batch;
}

/* start_open asks for a session with the brokers of the connection. */
static void
start_open(void)
{
	if (settings_differ())
	{
		handle_fits = true;
		fresh = true;
		topic_count = 0;
	}
	config.brokers = connection.brokers;
	config.security = connection.secured ? &connection.security : NULL;
	config.transactional_id = config.group = name;
	config.progress_topic = CF_PROGRESS_TOPIC;
	config.transaction_timeout_ms = cf_kafka_transaction_ms;
	config.message_timeout_ms = Max(cf_kafka_transaction_ms / 2, 1000);
	config.call_timeout_ms = cf_kafka_timeout_ms;
	config.memory_kb = cf_kafka_memory_kb;
	config.message_max_bytes = cf_kafka_message_bytes;
	config.log = kafka_log;
	task.config = &config;
	task.fresh = fresh;
	session = false;
	cf_publisher_prepare_batch(&batch);
	submit(CF_KAFKA_OPEN, PHASE_OPENING);
	fresh = false;
}

/* opened judges the position that came back. */
static void
opened(void)
{
	CfPositionHere here;
	CfVerdict	verdict;
	CfError		err;
	bool		rebase;
	bool		readable;

	phase = PHASE_CLOSED;
	if (!task.good)
	{
		report("waiting", &task.err);
		try_later(0);
		return;
	}
	readable = !task.known || cf_position_decode(task.metadata, task.offset, &current, &err);
	if (!task.known || !readable)
		memset(&current, 0, sizeof(current));
	if (current.system_identifier == cf_publisher_system())
		cf_publisher_reserve_ids(current.highest_id);
	rebase = cf_publisher_here(current.timeline, &mirror, &here);
	if (!rebase && !readable)
	{
		/* Somebody has set it by a tool of Kafka's. */
		report("stopped", &err);
		try_later(STOPPED_MS);
		return;
	}
	if (!rebase)
	{
		verdict = cf_position_judge(task.known ? &current : NULL, &here);
		if (verdict > CF_VERDICT_BEGIN)
		{
			cf_position_why(verdict, task.known ? &current : NULL, &here, &err);
			report("stopped", &err);
			try_later(STOPPED_MS);
			return;
		}
		if (verdict == CF_VERDICT_BEGIN)
			current = mirror;
	}
	session = true;
	phase = PHASE_LOOKING;
	retry_at_us = 0;
	if (!rebase)
		cf_publisher_say("publishing", NULL, NULL);
}

static bool
topic_is_known(const char *topic)
{
	for (int i = 0; i < topic_count; i++)
	{
		if (strcmp(topics[i], topic) == 0)
			return true;
	}
	return false;
}

static void
know_topic(const char *topic)
{
	if (topic_count == topic_room)
	{
		int			room = Max(topic_room * 2, 32);
		Size		bytes = (Size) room * CF_TOPIC_BYTES;

		topics = topics == NULL ? MemoryContextAlloc(TopMemoryContext, bytes) : repalloc(topics, bytes);
		topic_room = room;
	}
	strlcpy(topics[topic_count++], topic, CF_TOPIC_BYTES);
}

/* send_batch sends it, as soon as each of its topics is known to exist: a missing one would show only at the commit. */
static void
send_batch(void)
{
	CfError		err;

	for (int i = -1; i < batch.count; i++)
	{
		task.topic = i < 0 ? CF_PROGRESS_TOPIC : batch.messages[i].topic;
		if (topic_is_known(task.topic))
			continue;
		submit(CF_KAFKA_PARTITIONS, PHASE_CHECKING);
		return;
	}
	if (!cf_position_encode(&next, task.metadata, &err))
	{
		phase = PHASE_LOOKING;
		report("waiting", &err);
		try_later(0);
		return;
	}
	TRIP("events_before_send");
	task.messages = batch.messages;
	task.count = batch.count;
	task.offset = next.events;
	submit(CF_KAFKA_PUBLISH, PHASE_PUBLISHING);
	TRIP("events_sending");
}

/* event_of_topic finds the first event of the batch that goes to a topic. */
static int64
event_of_topic(const char *topic)
{
	int			i = 0;

	while (i < batch.count - 1 && strcmp(batch.messages[i].topic, topic) != 0)
		i++;
	return batch.messages[i].id;
}

/* checked goes on when the topic exists. */
static void
checked(void)
{
	phase = PHASE_LOOKING;
	if (task.good && task.partitions > 0)
	{
		know_topic(task.topic);
		send_batch();
		return;
	}
	if (task.good)
	{
		cf_error_set(&task.err, CF_ERR_NOT_FOUND, "topic \"%s\" does not exist", task.topic);
		cf_error_hint(&task.err, "Create it: SELECT * FROM cloudflux.create_topics(ARRAY[%s]).", quote_literal_cstr(task.topic));
	}
	else if (task.err.kind == CF_ERR_INPUT)
	{
		cf_error_detail(&task.err, "Event " INT64_FORMAT " is to go there.", event_of_topic(task.topic));
		cf_error_hint(&task.err, "Send events of its type elsewhere (cloudflux.event_types), or keep it from Kafka: SELECT cloudflux.skip_event(" INT64_FORMAT ", 'why').",
					  event_of_topic(task.topic));
	}
	report("waiting", &task.err);
	try_later(0);
}

/* published follows the outcome of a transaction. */
static void
published(bool rebase)
{
	TRIP("events_sent");
	phase = PHASE_LOOKING;
	if (task.outcome == CF_KAFKA_DONE)
	{
		current = next;
		retry_ms = RETRY_MIN_MS;
		retry_at_us = 0;
		sent_at_us = cf_clock_monotonic_us();
		sent_little = batch.rows < cf_kafka_batch / 10;
		if (rebase)
			cf_publisher_rebased(&current);
		cf_publisher_say("publishing", NULL, NULL);
		hear();
		last_line[0] = '\0';
		return;
	}
	/* A topic that was there may have gone, which shows in no error of its own. */
	topic_count = 0;
	report("waiting", &task.err);
	if (task.outcome == CF_KAFKA_UNKNOWN)
	{
		session = false;
		phase = PHASE_CLOSED;
	}
	try_later(0);
}

static void
created(void)
{
	phase = created_from;
	if (task.good || task.err.kind == CF_ERR_EXISTS)
		cf_publisher_topic_settled(wish.topic, "present", NULL);
	else if (task.err.kind == CF_ERR_IO)
	{
		report("waiting", &task.err);
		try_later(0);
		return;
	}
	else
		cf_publisher_topic_settled(wish.topic, "refused", task.err.message);
	/* What waited for a topic need not wait longer. */
	retry_at_us = 0;
}

/* take_result waits for the thread, at most a second, and follows up. */
static void
take_result(void)
{
	/* Who commits meanwhile need not tell: the database is looked at next, anyway. */
	cf_worker_deaf(true);
	(void) WaitLatchOrSocket(MyLatch, WL_LATCH_SET | WL_SOCKET_READABLE | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
							 cf_kafka_thread_fd(thread), 1000, CF_WAIT_EVENT(wait_event, "CloudfluxKafka"));
	cf_worker_deaf(false);
	ResetLatch(MyLatch);
	cf_worker_attend();
	if (cf_kafka_thread_done(thread) == NULL)
	{
		tell_of_waiting();
		return;
	}
	switch (phase)
	{
		case PHASE_OPENING:
			opened();
			break;
		case PHASE_CHECKING:
			checked();
			break;
		case PHASE_PUBLISHING:
		case PHASE_REBASING:
			published(phase == PHASE_REBASING);
			break;
		case PHASE_CREATING:
			created();
			break;
		case PHASE_CLOSED:
		case PHASE_LOOKING:
			/* The step that submitted it has failed meanwhile: what came of it is read anew. */
			session = false;
			fresh = true;
			phase = PHASE_CLOSED;
			break;
	}
}

/* follow_look submits what the database asks for; false when there is nothing to do. */
static bool
follow_look(CfLook look)
{
	CfError		err;

	switch (look)
	{
		case CF_LOOK_NOTHING:
			return false;
		case CF_LOOK_BATCH:
			TRIP("events_read");
			send_batch();
			return true;
		case CF_LOOK_TOO_LARGE:
			cf_error_set(&err, CF_ERR_INPUT, "event " INT64_FORMAT " is larger than cloudflux.kafka_message_size", batch.too_large);
			if (batch.replay != 0)
				cf_error_hint(&err, "Raise it; or end the replay: DELETE FROM cloudflux.event_replays WHERE id = " INT64_FORMAT ".", batch.replay);
			else
				cf_error_hint(&err, "Raise it, and max.message.bytes of the topic; or keep it from Kafka: SELECT cloudflux.skip_event(" INT64_FORMAT ", 'why').",
							  batch.too_large);
			report("waiting", &err);
			try_later(0);
			return false;
		case CF_LOOK_REBASE:
			batch.count = 0;
			batch.rows = 0;
			if (!cf_position_encode(&next, task.metadata, &err))
			{
				report("waiting", &err);
				try_later(0);
				return false;
			}
			task.count = 0;
			task.offset = next.events;
			submit(CF_KAFKA_PUBLISH, PHASE_REBASING);
			return true;
		case CF_LOOK_TOPIC:
			created_from = phase;
			task.config = &config;
			task.fresh = false;
			task.topic = wish.topic;
			task.partitions = wish.partitions;
			task.replication = wish.replication;
			submit(CF_KAFKA_CREATE, PHASE_CREATING);
			return true;
	}
	return false;
}

/* refresh_due tells whether the position was committed so long ago that brokers may forget it. */
static bool
refresh_due(void)
{
	return current.events > 0 && cf_clock_monotonic_us() - sent_at_us > (int64) cf_kafka_refresh_sec * 1000000;
}

/* prepare makes what the process needs once. */
static void
prepare(void)
{
	CfError		err;

	if (thread != NULL)
		return;
	snprintf(name, sizeof(name), "cloudflux-" UINT64_FORMAT "-%u", cf_publisher_system(), MyDatabaseId);
	cf_worker_has_threads();
	if (kafka_log == NULL)
		kafka_log = cf_kafka_log_make();
	thread = kafka_log != NULL ? cf_kafka_thread_start(&err) : NULL;
	if (thread == NULL)
		ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("could not start a thread for Kafka")));
	cf_connection_watch();
	sent_at_us = cf_clock_monotonic_us();
}

/* busy tells whether the thread has a task of ours. */
static bool
busy(void)
{
	return phase != PHASE_CLOSED && phase != PHASE_LOOKING;
}

/* wait_until makes the loop come back at a moment; true = not yet. */
static bool
wait_until(int64 moment_us)
{
	int64		left_ms = (moment_us - cf_clock_monotonic_us() + 999) / 1000;

	if (left_ms <= 0)
		return false;
	cf_worker_idle_at_most((int) Min(left_ms, 1000));
	return true;
}

static CfWorkerResult
step(void)
{
	CfLook		look;
	bool		reads;

	prepare();
	if (busy())
	{
		take_result();
		return CF_WORKER_MORE;
	}
	if (!take_connection())
	{
		(void) wait_until(retry_at_us);
		return CF_WORKER_IDLE;
	}
	if (settings_differ())
	{
		start_open();
		return CF_WORKER_MORE;
	}
	/* When there is little, it is collected for a moment: a transaction of Kafka costs as much as a hundred events. */
	if (session && sent_little && wait_until(sent_at_us + (int64) cf_kafka_linger_ms * 1000))
	{
		cf_worker_collect_for(cf_kafka_linger_ms);
		return CF_WORKER_IDLE;
	}
	reads = session && cf_clock_monotonic_us() >= retry_at_us;
	look = cf_publisher_look(reads, &current, &batch, &next, &wish);
	sent_little = false;
	if (look == CF_LOOK_REBASE && !session)
	{
		/* Nobody may write a position who has not taken over the transactional id. */
		retry_at_us = 0;
		look = CF_LOOK_NOTHING;
	}
	if (follow_look(look))
		return CF_WORKER_MORE;
	if (wait_until(retry_at_us))
		return CF_WORKER_IDLE;
	if (!session)
	{
		start_open();
		return CF_WORKER_MORE;
	}
	if (refresh_due())
	{
		next = current;
		batch.rows = batch.count = 0;
		send_batch();
		return CF_WORKER_MORE;
	}
	/* What was waited for is not wanted any more. */
	if (reads)
		cf_publisher_say("publishing", NULL, NULL);
	return CF_WORKER_IDLE;
}

/* cleanup forgets the session: what is in flight is taken and thrown away, then the position is read again. */
static void
cleanup(void)
{
	if (!busy())
		fresh = true;
	session = false;
	if (!busy())
		phase = PHASE_CLOSED;
}

static int
count(void)
{
	return cf_connection_wanted() ? 1 : 0;
}

static const CfWorkerKind publisher = {
	.name = "publisher",
	.count = count,
	.step = step,
	.cleanup = cleanup,
	.idle_ms = 1000,
};

void
cf_publisher_register(void)
{
	cf_worker_register(&publisher);
}
