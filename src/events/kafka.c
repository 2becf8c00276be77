/*
 * kafka.c
 *		The transactional producer: its position, its transaction, and what follows from their errors.
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
 */
#include <stdlib.h>
#include <string.h>

#include "core/interrupt.h"
#include "events/kafka_client.h"

#define FLUSH_MS 5000

struct CfKafka
{
	CfKafkaClient *client;
	rd_kafka_t *producer;
	char	   *group;
	char	   *progress_topic;
	int			transaction_timeout_ms;
	int			call_timeout_ms;
	int64_t		culprit;		/* id of the first message that was refused, 0 = none */
	rd_kafka_resp_err_t refused;	/* and why */
};

const char *const cf_kafka_header_names[CF_KAFKA_HEADERS] = {"event_id", "event_type", "event_time", "content-type", "replay"};

/* on_delivery runs inside our own calls, once for each message; the first that was refused is remembered. */
static void
on_delivery(rd_kafka_t *rk, const rd_kafka_message_t *message, void *opaque)
{
	CfKafka    *kafka = cf_kafka_client_owner(opaque);

	(void) rk;
	if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR || kafka->refused != RD_KAFKA_RESP_ERR_NO_ERROR)
		return;
	/* What was purged was purged because of another. */
	if (message->err == RD_KAFKA_RESP_ERR__PURGE_QUEUE || message->err == RD_KAFKA_RESP_ERR__PURGE_INFLIGHT)
		return;
	kafka->refused = message->err;
	kafka->culprit = (int64_t) (intptr_t) message->_private;
}

bool
cf_kafka_open(const CfKafkaConfig *config, CfKafka **result, CfError *err)
{
	/* A message that has no room in an empty queue would wait for room for ever. */
	int			one_kb = config->message_max_bytes / 1024 + 64;
	const CfKafkaProperty properties[] = {
		{"transactional.id", config->transactional_id, 0},
		{"transaction.timeout.ms", NULL, config->transaction_timeout_ms},
		{"message.timeout.ms", NULL, config->message_timeout_ms},
		{"message.max.bytes", NULL, config->message_max_bytes},
		{"queue.buffering.max.kbytes", NULL, config->memory_kb > one_kb ? config->memory_kb : one_kb},
		{"acks", "all", 0},
		{"linger.ms", NULL, 5},
		/* Each transaction waits this long for the end of the one before; the default of 100 ms is what makes it slow. */
		{"retry.backoff.ms", NULL, 2},
		/* As Java clients choose it, so that one key is in one partition whoever writes. */
		{"partitioner", "murmur2_random", 0},
	};
	CfKafka    *kafka = calloc(1, sizeof(CfKafka));

	*result = NULL;
	if (kafka == NULL)
		return cf_error_set(err, CF_ERR_MEMORY, "out of memory");
	kafka->group = strdup(config->group);
	kafka->progress_topic = strdup(config->progress_topic);
	kafka->transaction_timeout_ms = config->transaction_timeout_ms;
	kafka->call_timeout_ms = config->call_timeout_ms;
	if (kafka->group == NULL || kafka->progress_topic == NULL)
		cf_error_set(err, CF_ERR_MEMORY, "out of memory");
	else if (cf_kafka_client_open(config->brokers, config->security, config->log, kafka, &kafka->client, err))
		kafka->producer = cf_kafka_client_handle(kafka->client, RD_KAFKA_PRODUCER, properties, sizeof(properties) / sizeof(properties[0]),
												 on_delivery, err);
	if (kafka->producer != NULL)
		*result = kafka;
	else
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
	cf_kafka_client_close(kafka->client);
	free(kafka->group);
	free(kafka->progress_topic);
	free(kafka);
}

rd_kafka_t *
cf_kafka_producer(CfKafka *kafka, int *call_timeout_ms)
{
	*call_timeout_ms = kafka->call_timeout_ms;
	return kafka->producer;
}

bool
cf_kafka_init(CfKafka *kafka, CfError *err)
{
	int64_t		deadline = cf_kafka_deadline(kafka->call_timeout_ms);

	for (;;)
	{
		rd_kafka_error_t *error = rd_kafka_init_transactions(kafka->producer, cf_kafka_left_ms(deadline) + 1);
		bool		again;

		if (error == NULL)
			return true;
		again = rd_kafka_error_is_retriable(error) && !rd_kafka_error_is_fatal(error);
		if (!again || cf_kafka_left_ms(deadline) == 0)
		{
			cf_kafka_fail(err, error, "take over the transactional id");
			err->retryable = again;
			return false;
		}
		rd_kafka_error_destroy(error);
		rd_kafka_poll(kafka->producer, CF_KAFKA_PAUSE_MS);
	}
}

/*
 * committed asks until there is an answer. While a transaction of the group is open the broker lets us wait and librdkafka then
 * says -1001 together with an error: that is no answer.
 */
static bool
committed(CfKafka *kafka, rd_kafka_t *consumer, bool *known, int64_t *offset, char *metadata, CfError *err)
{
	int64_t		deadline = cf_kafka_deadline(kafka->call_timeout_ms);
	rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR__TIMED_OUT;

	while (cf_kafka_left_ms(deadline) > 0)
	{
		rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
		rd_kafka_topic_partition_t *element = rd_kafka_topic_partition_list_add(list, kafka->progress_topic, 0);

		code = rd_kafka_committed(consumer, list, cf_kafka_left_ms(deadline) + 1);
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
		if (cf_kafka_kind(code) == CF_ERR_DENIED)
			break;
		rd_kafka_poll(consumer, CF_KAFKA_PAUSE_MS);
	}
	return cf_kafka_fail_code(err, code, "read the position");
}

bool
cf_kafka_position(CfKafka *kafka, bool *known, int64_t *offset, char metadata[CF_KAFKA_METADATA_BYTES], CfError *err)
{
	const CfKafkaProperty properties[] = {
		{"group.id", kafka->group, 0},
		{"isolation.level", "read_committed", 0},
		{"enable.auto.commit", "false", 0},
		{"allow.auto.create.topics", "false", 0},
		{"retry.backoff.ms", NULL, 20},
		{"queued.max.messages.kbytes", NULL, 1024},
	};
	rd_kafka_t *consumer = cf_kafka_client_handle(kafka->client, RD_KAFKA_CONSUMER, properties, sizeof(properties) / sizeof(properties[0]), NULL, err);
	int			partitions = 0;
	bool		good;

	if (consumer == NULL)
		return false;
	/* A topic that is missing would read as a position that is missing. */
	good = cf_kafka_count_partitions(consumer, kafka->progress_topic, kafka->call_timeout_ms, &partitions, err);
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
		if (code != RD_KAFKA_RESP_ERR__QUEUE_FULL || cf_kafka_left_ms(deadline) == 0)
			break;
		rd_kafka_poll(kafka->producer, CF_KAFKA_PAUSE_MS);
	}
	rd_kafka_headers_destroy(headers);
	return code;
}

/* abort_now gives a transaction up after an error, which err tells already. */
static CfKafkaOutcome
abort_now(CfKafka *kafka)
{
	int64_t		deadline = cf_kafka_deadline(kafka->transaction_timeout_ms);

	rd_kafka_flush(kafka->producer, FLUSH_MS);
	for (;;)
	{
		rd_kafka_error_t *error = rd_kafka_abort_transaction(kafka->producer, -1);
		bool		again;

		if (error == NULL)
			return CF_KAFKA_ABORTED;
		again = rd_kafka_error_is_retriable(error) && !rd_kafka_error_is_fatal(error);
		rd_kafka_error_destroy(error);
		if (!again || cf_kafka_left_ms(deadline) == 0)
			return CF_KAFKA_UNKNOWN;
		rd_kafka_poll(kafka->producer, CF_KAFKA_PAUSE_MS);
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
		again = rd_kafka_error_is_retriable(error) && !rd_kafka_error_is_fatal(error) && cf_kafka_left_ms(deadline) > 0;
		abortable = rd_kafka_error_txn_requires_abort(error) && !rd_kafka_error_is_fatal(error);
		if (again)
		{
			rd_kafka_error_destroy(error);
			rd_kafka_poll(kafka->producer, CF_KAFKA_PAUSE_MS);
			continue;
		}
		cf_kafka_fail(err, error, sent ? "commit to Kafka" : "send the position to Kafka");
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
	cf_kafka_fail_code(err, kafka->refused, "send an event to Kafka");
	cf_error_detail(err, "Kafka: %s, for event %lld.", rd_kafka_err2name(kafka->refused), (long long) kafka->culprit);
	if (kafka->refused == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE)
		cf_error_hint(err, "Raise cloudflux.kafka_message_size, and max.message.bytes of the topic; or keep it from Kafka: SELECT cloudflux.skip_event(%lld, 'why').",
					  (long long) kafka->culprit);
	else if (err->kind == CF_ERR_INPUT)
		cf_error_hint(err, "If it is this event: SELECT cloudflux.skip_event(%lld, 'why') keeps it from Kafka.", (long long) kafka->culprit);
}

CfKafkaOutcome
cf_kafka_publish(CfKafka *kafka, const CfKafkaMessage *messages, size_t count, int64_t offset, const char *metadata,
				 int64_t *culprit, CfError *err)
{
	int64_t		deadline = cf_kafka_deadline(kafka->transaction_timeout_ms);
	rd_kafka_error_t *error = rd_kafka_begin_transaction(kafka->producer);
	CfKafkaOutcome outcome = CF_KAFKA_DONE;

	kafka->culprit = 0;
	kafka->refused = RD_KAFKA_RESP_ERR_NO_ERROR;
	*culprit = 0;
	if (error != NULL)
	{
		cf_kafka_fail(err, error, "begin a transaction of Kafka");
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
