/*
 * kafka.c
 *		The transactional producer: its configuration, its errors, its transaction.
 *
 * Exactly once stands on three things. The transactional id is fixed, so that a later producer fences an earlier one. The
 * position is an offset of the progress topic that is committed in the transaction of the messages. And whatever is not known
 * to be committed or aborted is looked up: the handle is closed, a new one waits for the old transaction's end, and reads
 * the position. The ladder for an error of a transactional call:
 *
 *		retriable			the same call again, until its time is up
 *		requires abort		flush, abort; if that works, nothing was written
 *		anything else		unknown
 *
 * A flush before the abort, because librdkafka may otherwise ask the coordinator to end what it has not begun yet, which is
 * fatal (INVALID_TXN_STATE). Being fenced does not prove that another producer is there: a transaction that outlived its timeout
 * is fenced by the coordinator too.
 *
 * librdkafka's threads are made here, with all signals blocked: a signal of the server that one of them took would be lost.
 */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <librdkafka/rdkafka.h>

#include "core/clock.h"
#include "core/interrupt.h"
#include "events/kafka.h"

#define LINES 32
#define PAUSE_MS 20
#define FLUSH_MS 5000

struct CfKafkaLog
{
	pthread_mutex_t mutex;		/* of the rest */
	char		lines[LINES][CF_KAFKA_LINE_BYTES];
	int			first;
	int			held;
};

struct CfKafka
{
	rd_kafka_t *producer;
	char	   *brokers;
	char	   *group;
	char	   *progress_topic;
	int			transaction_timeout_ms;
	int			call_timeout_ms;
	int64_t		culprit;		/* id of the first message that was refused, 0 = none */
	rd_kafka_resp_err_t refused;	/* and why */
	CfKafkaLog *log;
};

const char *const cf_kafka_header_names[CF_KAFKA_HEADERS] = {"event_id", "event_type", "event_time", "content-type", "replay"};

/* kind_of tells what an error of librdkafka or a broker means to whoever reads it. */
static CfErrorKind
kind_of(rd_kafka_resp_err_t code)
{
	switch (code)
	{
		case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
		case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
		case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
		case RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED:
		case RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED:
		case RD_KAFKA_RESP_ERR__AUTHENTICATION:
			return CF_ERR_DENIED;
		case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
		case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
		case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
			return CF_ERR_NOT_FOUND;
		case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
		case RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE:
		case RD_KAFKA_RESP_ERR_INVALID_RECORD:
		case RD_KAFKA_RESP_ERR_POLICY_VIOLATION:
		case RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION:
		case RD_KAFKA_RESP_ERR_INVALID_REPLICATION_FACTOR:
		case RD_KAFKA_RESP_ERR_INVALID_PARTITIONS:
			return CF_ERR_INPUT;
		case RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS:
			return CF_ERR_EXISTS;
		case RD_KAFKA_RESP_ERR__FENCED:
		case RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH:
		case RD_KAFKA_RESP_ERR_PRODUCER_FENCED:
		case RD_KAFKA_RESP_ERR_CONCURRENT_TRANSACTIONS:
			return CF_ERR_BUSY;
		default:
			return CF_ERR_IO;
	}
}

/* fail_code starts an error from a code of librdkafka. */
static bool
fail_code(CfError *err, rd_kafka_resp_err_t code, const char *what)
{
	cf_error_set(err, kind_of(code), "could not %s: %s", what, rd_kafka_err2str(code));
	return cf_error_detail(err, "Kafka: %s.", rd_kafka_err2name(code));
}

/* fail_error does so from an error object, which it destroys. */
static bool
fail_error(CfError *err, rd_kafka_error_t *error, const char *what)
{
	cf_error_set(err, kind_of(rd_kafka_error_code(error)), "could not %s: %s", what, rd_kafka_error_string(error));
	cf_error_detail(err, "Kafka: %s.", rd_kafka_error_name(error));
	rd_kafka_error_destroy(error);
	return false;
}

CfKafkaLog *
cf_kafka_log_make(void)
{
	CfKafkaLog *log = calloc(1, sizeof(CfKafkaLog));

	if (log != NULL)
		pthread_mutex_init(&log->mutex, NULL);
	return log;
}

void
cf_kafka_log_free(CfKafkaLog *log)
{
	if (log == NULL)
		return;
	pthread_mutex_destroy(&log->mutex);
	free(log);
}

bool
cf_kafka_log_take(CfKafkaLog *log, char line[CF_KAFKA_LINE_BYTES])
{
	bool		any;

	pthread_mutex_lock(&log->mutex);
	any = log->held > 0;
	if (any)
	{
		memcpy(line, log->lines[log->first], CF_KAFKA_LINE_BYTES);
		log->first = (log->first + 1) % LINES;
		log->held--;
	}
	pthread_mutex_unlock(&log->mutex);
	return any;
}

/* on_log runs on any of librdkafka's threads; the oldest line gives way. */
static void
on_log(const rd_kafka_t *rk, int level, const char *facility, const char *text)
{
	CfKafkaLog *log = ((CfKafka *) rd_kafka_opaque(rk))->log;
	int			at;

	(void) level;
	pthread_mutex_lock(&log->mutex);
	at = (log->first + log->held) % LINES;
	if (log->held == LINES)
		log->first = (log->first + 1) % LINES;
	else
		log->held++;
	snprintf(log->lines[at], CF_KAFKA_LINE_BYTES, "%s: %s", facility, text);
	pthread_mutex_unlock(&log->mutex);
}

/* on_delivery runs inside our own calls, once for each message; the first that was refused is remembered. */
static void
on_delivery(rd_kafka_t *rk, const rd_kafka_message_t *message, void *opaque)
{
	CfKafka    *kafka = opaque;

	(void) rk;
	if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR || kafka->refused != RD_KAFKA_RESP_ERR_NO_ERROR)
		return;
	/* What was purged was purged because of another. */
	if (message->err == RD_KAFKA_RESP_ERR__PURGE_QUEUE || message->err == RD_KAFKA_RESP_ERR__PURGE_INFLIGHT)
		return;
	kafka->refused = message->err;
	kafka->culprit = (int64_t) (intptr_t) message->_private;
}

typedef struct Property
{
	const char *name;
	const char *value;			/* NULL = number */
	int			number;
} Property;

static bool
set_all(rd_kafka_conf_t *conf, const Property *properties, size_t count, CfError *err)
{
	char		said[256];
	char		number[16];

	for (size_t i = 0; i < count; i++)
	{
		const char *value = properties[i].value;

		if (value == NULL)
		{
			snprintf(number, sizeof(number), "%d", properties[i].number);
			value = number;
		}
		if (rd_kafka_conf_set(conf, properties[i].name, value, said, sizeof(said)) != RD_KAFKA_CONF_OK)
			return cf_error_set(err, CF_ERR_INPUT, "could not configure Kafka: %s", said);
	}
	return true;
}

/* make_handle makes a producer or a consumer of a configuration, which it consumes, with all signals blocked for its threads. */
static rd_kafka_t *
make_handle(CfKafka *kafka, rd_kafka_type_t type, rd_kafka_conf_t *conf, CfError *err)
{
	sigset_t	all,
				before;
	rd_kafka_t *handle;
	char		said[256];

	rd_kafka_conf_set_opaque(conf, kafka);
	rd_kafka_conf_set_log_cb(conf, on_log);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	handle = rd_kafka_new(type, conf, said, sizeof(said));
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (handle == NULL)
	{
		rd_kafka_conf_destroy(conf);
		cf_error_set(err, CF_ERR_INPUT, "could not configure Kafka: %s", said);
	}
	return handle;
}

bool
cf_kafka_open(const CfKafkaConfig *config, CfKafka **result, CfError *err)
{
	const Property properties[] = {
		{"bootstrap.servers", config->brokers, 0},
		{"client.id", "cloudflux", 0},
		{"transactional.id", config->transactional_id, 0},
		{"transaction.timeout.ms", NULL, config->transaction_timeout_ms},
		{"message.timeout.ms", NULL, config->message_timeout_ms},
		{"message.max.bytes", NULL, config->message_max_bytes},
		{"queue.buffering.max.kbytes", NULL, config->memory_kb},
		{"acks", "all", 0},
		{"linger.ms", NULL, 5},
		/* Each transaction waits this long for the end of the one before; the default of 100 ms is what makes it slow. */
		{"retry.backoff.ms", NULL, 2},
		{"reconnect.backoff.ms", NULL, 50},
		{"reconnect.backoff.max.ms", NULL, 2000},
		/* As Java clients choose it, so that one key is in one partition whoever writes. */
		{"partitioner", "murmur2_random", 0},
		{"log.connection.close", "false", 0},
		{"socket.keepalive.enable", "true", 0},
	};
	CfKafka    *kafka = calloc(1, sizeof(CfKafka));
	rd_kafka_conf_t *conf;

	if (kafka == NULL)
		return cf_error_set(err, CF_ERR_MEMORY, "out of memory");
	kafka->brokers = strdup(config->brokers);
	kafka->group = strdup(config->group);
	kafka->progress_topic = strdup(config->progress_topic);
	kafka->transaction_timeout_ms = config->transaction_timeout_ms;
	kafka->call_timeout_ms = config->call_timeout_ms;
	kafka->log = config->log;
	conf = rd_kafka_conf_new();
	rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
	if (kafka->brokers == NULL || kafka->group == NULL || kafka->progress_topic == NULL)
		cf_error_set(err, CF_ERR_MEMORY, "out of memory");
	else if (set_all(conf, properties, sizeof(properties) / sizeof(properties[0]), err))
	{
		kafka->producer = make_handle(kafka, RD_KAFKA_PRODUCER, conf, err);
		conf = NULL;
	}
	if (conf != NULL)
		rd_kafka_conf_destroy(conf);
	*result = kafka->producer != NULL ? kafka : NULL;
	if (*result == NULL)
		cf_kafka_close(kafka);
	return *result != NULL;
}

void
cf_kafka_close(CfKafka *kafka)
{
	if (kafka == NULL)
		return;
	if (kafka->producer != NULL)
	{
		rd_kafka_purge(kafka->producer, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT | RD_KAFKA_PURGE_F_NON_BLOCKING);
		rd_kafka_destroy(kafka->producer);
	}
	free(kafka->brokers);
	free(kafka->group);
	free(kafka->progress_topic);
	free(kafka);
}

static int64_t
deadline_in(int ms)
{
	return cf_clock_monotonic_us() + (int64_t) ms * 1000;
}

static int
left_ms(int64_t deadline_us)
{
	int64_t		left = (deadline_us - cf_clock_monotonic_us()) / 1000;

	return left < 0 ? 0 : (int) left;
}

bool
cf_kafka_init(CfKafka *kafka, CfError *err)
{
	int64_t		deadline = deadline_in(kafka->call_timeout_ms);

	for (;;)
	{
		rd_kafka_error_t *error = rd_kafka_init_transactions(kafka->producer, left_ms(deadline) + 1);
		bool		again;

		if (error == NULL)
			return true;
		again = rd_kafka_error_is_retriable(error) && !rd_kafka_error_is_fatal(error);
		if (!again || left_ms(deadline) == 0)
		{
			fail_error(err, error, "take over the transactional id");
			err->retryable = again;
			return false;
		}
		rd_kafka_error_destroy(error);
		rd_kafka_poll(kafka->producer, PAUSE_MS);
	}
}

/* count_partitions asks for one topic by a handle. */
static bool
count_partitions(rd_kafka_t *handle, const char *name, int timeout_ms, int *partitions, CfError *err)
{
	const struct rd_kafka_metadata *metadata;
	rd_kafka_topic_t *topic = rd_kafka_topic_new(handle, name, NULL);
	rd_kafka_resp_err_t code;

	*partitions = 0;
	if (topic == NULL)
		return fail_code(err, rd_kafka_last_error(), "ask for a topic");
	code = rd_kafka_metadata(handle, 0, topic, &metadata, timeout_ms);
	rd_kafka_topic_destroy(topic);
	if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
		return fail_code(err, code, "ask for a topic");
	code = metadata->topic_cnt > 0 ? metadata->topics[0].err : RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
	if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
		*partitions = metadata->topics[0].partition_cnt;
	rd_kafka_metadata_destroy(metadata);
	if (code == RD_KAFKA_RESP_ERR_NO_ERROR || code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART)
		return true;
	return fail_code(err, code, "ask for a topic");
}

bool
cf_kafka_partitions(CfKafka *kafka, const char *topic, int *partitions, CfError *err)
{
	return count_partitions(kafka->producer, topic, kafka->call_timeout_ms, partitions, err);
}

/*
 * committed asks until there is an answer. While a transaction of the group is open the broker lets us wait and librdkafka then
 * says -1001 together with an error: that is no answer.
 */
static bool
committed(CfKafka *kafka, rd_kafka_t *consumer, bool *known, int64_t *offset, char *metadata, CfError *err)
{
	int64_t		deadline = deadline_in(kafka->call_timeout_ms);
	rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR__TIMED_OUT;

	while (left_ms(deadline) > 0)
	{
		rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
		rd_kafka_topic_partition_t *element = rd_kafka_topic_partition_list_add(list, kafka->progress_topic, 0);

		code = rd_kafka_committed(consumer, list, left_ms(deadline) + 1);
		if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
			code = element->err;
		if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
		{
			size_t		length = element->metadata_size < CF_KAFKA_METADATA_BYTES ? element->metadata_size : CF_KAFKA_METADATA_BYTES - 1;

			*known = element->offset >= 0;
			*offset = element->offset;
			if (length > 0)
				memcpy(metadata, element->metadata, length);
			metadata[length] = '\0';
		}
		rd_kafka_topic_partition_list_destroy(list);
		if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
			return true;
		if (kind_of(code) == CF_ERR_DENIED)
			break;
		rd_kafka_poll(consumer, PAUSE_MS);
	}
	return fail_code(err, code, "read the position");
}

bool
cf_kafka_position(CfKafka *kafka, bool *known, int64_t *offset, char metadata[CF_KAFKA_METADATA_BYTES], CfError *err)
{
	const Property properties[] = {
		{"bootstrap.servers", kafka->brokers, 0},
		{"client.id", "cloudflux", 0},
		{"group.id", kafka->group, 0},
		{"isolation.level", "read_committed", 0},
		{"enable.auto.commit", "false", 0},
		{"allow.auto.create.topics", "false", 0},
		{"retry.backoff.ms", NULL, 20},
		{"queued.max.messages.kbytes", NULL, 1024},
		{"log.connection.close", "false", 0},
	};
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	rd_kafka_t *consumer;
	int			partitions = 0;
	bool		good;

	if (!set_all(conf, properties, sizeof(properties) / sizeof(properties[0]), err))
	{
		rd_kafka_conf_destroy(conf);
		return false;
	}
	consumer = make_handle(kafka, RD_KAFKA_CONSUMER, conf, err);
	if (consumer == NULL)
		return false;
	/* A topic that is missing would read as a position that is missing. */
	good = count_partitions(consumer, kafka->progress_topic, kafka->call_timeout_ms, &partitions, err);
	if (good && partitions == 0)
	{
		good = cf_error_set(err, CF_ERR_NOT_FOUND, "topic \"%s\" does not exist", kafka->progress_topic);
		cf_error_hint(err, "Create it: SELECT * FROM cloudflux.create_topics().");
	}
	good = good && committed(kafka, consumer, known, offset, metadata, err);
	rd_kafka_destroy_flags(consumer, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
	return good;
}

/* produce hands one message over; what librdkafka has no room for waits until something was sent. */
static rd_kafka_resp_err_t
produce(CfKafka *kafka, const CfKafkaMessage *message, int64_t deadline)
{
	rd_kafka_headers_t *headers = rd_kafka_headers_new(CF_KAFKA_HEADERS);
	rd_kafka_resp_err_t code;

	for (int i = 0; i < CF_KAFKA_HEADERS; i++)
	{
		if (message->header[i] != NULL)
			rd_kafka_header_add(headers, cf_kafka_header_names[i], -1, message->header[i], -1);
	}
	for (;;)
	{
		code = rd_kafka_producev(kafka->producer, RD_KAFKA_V_TOPIC(message->topic), RD_KAFKA_V_KEY(message->key, message->key_length),
								 RD_KAFKA_V_VALUE((void *) message->value, message->value_length), RD_KAFKA_V_HEADERS(headers),
								 RD_KAFKA_V_OPAQUE((void *) (intptr_t) message->id), RD_KAFKA_V_END);
		if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
			return code;
		if (code != RD_KAFKA_RESP_ERR__QUEUE_FULL || left_ms(deadline) == 0)
			break;
		rd_kafka_poll(kafka->producer, PAUSE_MS);
	}
	rd_kafka_headers_destroy(headers);
	return code;
}

/* abort_now gives a transaction up after an error, which err tells already. */
static CfKafkaOutcome
abort_now(CfKafka *kafka)
{
	int64_t		deadline = deadline_in(kafka->transaction_timeout_ms);

	rd_kafka_flush(kafka->producer, FLUSH_MS);
	for (;;)
	{
		rd_kafka_error_t *error = rd_kafka_abort_transaction(kafka->producer, -1);
		bool		again;

		if (error == NULL)
			return CF_KAFKA_ABORTED;
		again = rd_kafka_error_is_retriable(error) && !rd_kafka_error_is_fatal(error);
		rd_kafka_error_destroy(error);
		if (!again || left_ms(deadline) == 0)
			return CF_KAFKA_UNKNOWN;
		rd_kafka_poll(kafka->producer, PAUSE_MS);
	}
}

/* send_position adds the position to the transaction that is open; NULL = it was taken. */
static rd_kafka_error_t *
send_position(CfKafka *kafka, int64_t offset, const char *metadata)
{
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
	rd_kafka_topic_partition_t *element = rd_kafka_topic_partition_list_add(list, kafka->progress_topic, 0);
	rd_kafka_consumer_group_metadata_t *group = rd_kafka_consumer_group_metadata_new(kafka->group);
	rd_kafka_error_t *error;

	element->offset = offset;
	element->metadata = strdup(metadata);
	element->metadata_size = element->metadata != NULL ? strlen(metadata) : 0;
	error = rd_kafka_send_offsets_to_transaction(kafka->producer, list, group, kafka->call_timeout_ms);
	rd_kafka_consumer_group_metadata_destroy(group);
	rd_kafka_topic_partition_list_destroy(list);
	return error;
}

/* finish climbs the ladder for the two calls that end a transaction: first its position, then its commit. */
static CfKafkaOutcome
finish(CfKafka *kafka, int64_t offset, const char *metadata, int64_t deadline, CfError *err)
{
	bool		sent = false;

	for (;;)
	{
		rd_kafka_error_t *error = sent ? rd_kafka_commit_transaction(kafka->producer, -1) : send_position(kafka, offset, metadata);
		bool		again,
					abortable;

		if (error == NULL && sent)
			return CF_KAFKA_DONE;
		if (error == NULL)
		{
			sent = true;
			/* Messages and position are there, and nobody may see them yet. */
			if (CF_FAULT("events_before_commit", err))
				return abort_now(kafka);
			continue;
		}
		again = rd_kafka_error_is_retriable(error) && !rd_kafka_error_is_fatal(error) && left_ms(deadline) > 0;
		abortable = rd_kafka_error_txn_requires_abort(error) && !rd_kafka_error_is_fatal(error);
		if (again)
		{
			rd_kafka_error_destroy(error);
			rd_kafka_poll(kafka->producer, PAUSE_MS);
			continue;
		}
		fail_error(err, error, sent ? "commit to Kafka" : "send the position to Kafka");
		return abortable ? abort_now(kafka) : CF_KAFKA_UNKNOWN;
	}
}

/* blame puts the message that was refused, if there is one, into the error. */
static void
blame(CfKafka *kafka, CfKafkaOutcome outcome, int64_t *culprit, CfError *err)
{
	*culprit = kafka->culprit;
	if (outcome == CF_KAFKA_DONE || kafka->refused == RD_KAFKA_RESP_ERR_NO_ERROR)
		return;
	fail_code(err, kafka->refused, "send an event to Kafka");
	cf_error_detail(err, "Kafka: %s, for event %lld.", rd_kafka_err2name(kafka->refused), (long long) kafka->culprit);
	if (kafka->refused == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE)
		cf_error_hint(err, "Raise cloudflux.kafka_message_size, and max.message.bytes of the topic.");
}

CfKafkaOutcome
cf_kafka_publish(CfKafka *kafka, const CfKafkaMessage *messages, size_t count, int64_t offset, const char *metadata,
				 int64_t *culprit, CfError *err)
{
	int64_t		deadline = deadline_in(kafka->transaction_timeout_ms);
	rd_kafka_error_t *error = rd_kafka_begin_transaction(kafka->producer);
	CfKafkaOutcome outcome = CF_KAFKA_DONE;

	kafka->culprit = 0;
	kafka->refused = RD_KAFKA_RESP_ERR_NO_ERROR;
	*culprit = 0;
	if (error != NULL)
	{
		fail_error(err, error, "begin a transaction of Kafka");
		return CF_KAFKA_UNKNOWN;
	}
	for (size_t i = 0; i < count && outcome == CF_KAFKA_DONE; i++)
	{
		rd_kafka_resp_err_t code = produce(kafka, &messages[i], deadline);

		if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
			continue;
		if (kafka->refused == RD_KAFKA_RESP_ERR_NO_ERROR)
		{
			kafka->refused = code;
			kafka->culprit = messages[i].id;
		}
		outcome = abort_now(kafka);
	}
	if (outcome == CF_KAFKA_DONE)
		outcome = finish(kafka, offset, metadata, deadline, err);
	blame(kafka, outcome, culprit, err);
	return outcome;
}

/* created waits for the answer to a request for one topic. */
static bool
created(rd_kafka_queue_t *queue, int timeout_ms, const char *topic, CfError *err)
{
	rd_kafka_event_t *event = rd_kafka_queue_poll(queue, timeout_ms);
	const rd_kafka_topic_result_t **topics;
	size_t		count = 0;
	rd_kafka_resp_err_t code = event == NULL ? RD_KAFKA_RESP_ERR__TIMED_OUT : rd_kafka_event_error(event);

	if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
	{
		topics = rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event), &count);
		code = count > 0 ? rd_kafka_topic_result_error(topics[0]) : RD_KAFKA_RESP_ERR_UNKNOWN;
		if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
		{
			const char *words = count > 0 ? rd_kafka_topic_result_error_string(topics[0]) : NULL;

			cf_error_set(err, kind_of(code), "could not create topic \"%s\": %s", topic, words != NULL ? words : rd_kafka_err2str(code));
		}
	}
	else
		cf_error_set(err, kind_of(code), "could not create topic \"%s\": %s", topic, rd_kafka_err2str(code));
	if (event != NULL)
		rd_kafka_event_destroy(event);
	return code == RD_KAFKA_RESP_ERR_NO_ERROR;
}

bool
cf_kafka_create(CfKafka *kafka, const char *topic, int partitions, int replication, CfError *err)
{
	char		said[256];
	rd_kafka_NewTopic_t *wanted = rd_kafka_NewTopic_new(topic, partitions, replication, said, sizeof(said));
	rd_kafka_AdminOptions_t *options;
	rd_kafka_queue_t *queue;
	bool		good;

	if (wanted == NULL)
		return cf_error_set(err, CF_ERR_INPUT, "could not create topic \"%s\": %s", topic, said);
	options = rd_kafka_AdminOptions_new(kafka->producer, RD_KAFKA_ADMIN_OP_CREATETOPICS);
	queue = rd_kafka_queue_new(kafka->producer);
	rd_kafka_AdminOptions_set_request_timeout(options, kafka->call_timeout_ms, said, sizeof(said));
	rd_kafka_AdminOptions_set_operation_timeout(options, kafka->call_timeout_ms, said, sizeof(said));
	rd_kafka_CreateTopics(kafka->producer, &wanted, 1, options, queue);
	good = created(queue, kafka->call_timeout_ms * 2, topic, err);
	rd_kafka_queue_destroy(queue);
	rd_kafka_AdminOptions_destroy(options);
	rd_kafka_NewTopic_destroy(wanted);
	return good;
}
