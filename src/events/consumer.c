/*
 * consumer.c
 *		Reading partitions of Kafka from given positions.
 *
 * There is no group: rd_kafka_assign() with absolute offsets, nothing is stored or committed. auto.offset.reset=error, so that a
 * position that the partition does not have is an answer (CF_CONSUMER_LOST) and never a silent jump. isolation.level=read_committed, so
 * the end is that of what is committed; a transaction that is open holds back what lies behind it.
 *
 * Memory: librdkafka fetches ahead until queued.max.messages.kbytes are there, of all partitions together, and goes on when they were
 * taken. Who takes no more (because a database is slow) stops the fetching so.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "core/errand.h"
#include "events/consumer.h"
#include "events/consumer_look.h"
#include "events/kafka_client.h"

struct CfConsumer
{
	CfErrand   *errand;
	CfKafkaClient *client;		/* from here on the thread's own */
	rd_kafka_t *handle;
	int			timeout_ms;
	bool		closing;		/* closer is the thread that ends the handle before this one */
	pthread_t	closer;
	rd_kafka_message_t **held;	/* those that the last FETCH gave out */
	int			held_count;
	int			held_room;
};

static void
release(CfConsumer *self)
{
	for (int i = 0; i < self->held_count; i++)
		rd_kafka_message_destroy(self->held[i]);
	self->held_count = 0;
}

/* What is ended. */
typedef struct Ended
{
	CfKafkaClient *client;
	rd_kafka_t *handle;
} Ended;

static void *
end_handle(void *arg)
{
	Ended	   *ended = arg;

	/* No group was joined, so there is nobody to say good-bye to but our own threads. */
	rd_kafka_consumer_close(ended->handle);
	rd_kafka_destroy(ended->handle);
	cf_kafka_client_close(ended->client);
	free(ended);
	return NULL;
}

/* leave_closer does not wait for a handle that is being ended. */
static void
leave_closer(CfConsumer *self)
{
	if (self->closing && pthread_tryjoin_np(self->closer, NULL) != 0)
		pthread_detach(self->closer);
	self->closing = false;
}

/*
 * close_handle ends it on a thread of its own: librdkafka joins its threads, and one that still has partitions of a topic that was deleted may
 * not end at all (seen with 2.0.2). Nobody needs the handle any more, and whoever waits for it reads nothing meanwhile.
 */
static void
close_handle(CfConsumer *self)
{
	Ended	   *ended;

	release(self);
	if (self->handle == NULL)
		return;
	leave_closer(self);
	rd_kafka_assign(self->handle, NULL);
	ended = malloc(sizeof(Ended));
	if (ended != NULL)
	{
		*ended = (Ended){self->client, self->handle};
		self->closing = pthread_create(&self->closer, NULL, end_handle, ended) == 0;
		if (!self->closing)
			end_handle(ended);
	}
	/* Without the few bytes that it takes to end it, it is left alone. */
	self->handle = NULL;
	self->client = NULL;
}

static bool
open_handle(CfConsumer *self, const CfConsumerConfig *config, CfError *err)
{
	const CfKafkaProperty properties[] = {
		/* Never joined; the library asks for one. */
		{"group.id", "cloudflux-ingester", 0},
		{"session.timeout.ms", NULL, 6000},
		{"isolation.level", "read_committed", 0},
		{"enable.auto.commit", "false", 0},
		{"enable.auto.offset.store", "false", 0},
		{"enable.partition.eof", "true", 0},
		{"auto.offset.reset", "error", 0},
		{"allow.auto.create.topics", "false", 0},
		{"check.crcs", "true", 0},
		{"queued.max.messages.kbytes", NULL, config->memory_kb},
		{"fetch.message.max.bytes", NULL, config->memory_kb < 4096 ? config->memory_kb * 256 : 1048576},
		{"fetch.max.bytes", NULL, config->memory_kb < 4096 ? 2097152 : config->memory_kb < 16384 ? 4194304 : 8388608},
		{"fetch.error.backoff.ms", NULL, 100},
		{"fetch.wait.max.ms", NULL, 200},
		{"topic.metadata.refresh.interval.ms", NULL, 10000},
		{"retry.backoff.ms", NULL, 20},
	};

	if (!cf_kafka_client_open(config->brokers, config->security, config->log, NULL, &self->client, err))
		return false;
	self->handle = cf_kafka_client_handle(self->client, RD_KAFKA_CONSUMER, properties, sizeof(properties) / sizeof(properties[0]), NULL, err);
	self->timeout_ms = config->call_timeout_ms;
	if (self->handle == NULL)
	{
		cf_kafka_client_close(self->client);
		self->client = NULL;
		return false;
	}
	/* Everything comes by one queue, or what a partition has could be overlooked. */
	rd_kafka_poll_set_consumer(self->handle);
	return true;
}

static bool
look(CfConsumer *self, CfConsumerTask *task)
{
	task->part_count = 0;
	if (task->fresh)
		close_handle(self);
	return (self->handle != NULL || open_handle(self, task->config, &task->err)) && cf_consumer_look(self->handle, self->timeout_ms, task);
}

static bool
assign(CfConsumer *self, CfConsumerTask *task)
{
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(task->wanted_count);
	rd_kafka_resp_err_t code;

	for (int i = 0; i < task->wanted_count; i++)
		rd_kafka_topic_partition_list_add(list, task->wanted[i].topic, task->wanted[i].partition)->offset = task->wanted[i].position;
	code = rd_kafka_assign(self->handle, list);
	rd_kafka_topic_partition_list_destroy(list);
	return code == RD_KAFKA_RESP_ERR_NO_ERROR || cf_kafka_fail_code(&task->err, code, "read partitions");
}

/* tell makes an item of what librdkafka gives. */
static CfConsumerItem
tell(const rd_kafka_message_t *message)
{
	CfConsumerItem item = {.what = CF_CONSUMER_MESSAGE, .partition = message->partition, .offset = message->offset, .time_us = -1,
	.message = (void *) message};
	rd_kafka_timestamp_type_t type;
	int64_t		ms;

	item.topic = message->rkt != NULL ? rd_kafka_topic_name(message->rkt) : "";
	switch (message->err)
	{
		case RD_KAFKA_RESP_ERR_NO_ERROR:
			break;
		case RD_KAFKA_RESP_ERR__PARTITION_EOF:
			item.what = CF_CONSUMER_END;
			return item;
		case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET:
		case RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE:
			item.what = CF_CONSUMER_LOST;
			item.why = rd_kafka_err2str(message->err);
			return item;
		default:
			item.what = CF_CONSUMER_TROUBLE;
			item.why = rd_kafka_err2str(message->err);
			return item;
	}
	ms = rd_kafka_message_timestamp(message, &type);
	if (type != RD_KAFKA_TIMESTAMP_NOT_AVAILABLE && ms >= 0 && ms < INT64_MAX / 1000)
		item.time_us = ms * 1000;
	item.key = message->key;
	item.key_length = message->key_len;
	item.value = message->payload;
	item.value_length = message->len;
	return item;
}

static bool
fetch(CfConsumer *self, CfConsumerTask *task)
{
	size_t		bytes = 0;

	task->item_count = 0;
	if (self->held_room < task->item_room)
	{
		rd_kafka_message_t **held = realloc(self->held, sizeof(rd_kafka_message_t *) * (size_t) task->item_room);

		if (held == NULL)
			return cf_error_set(&task->err, CF_ERR_MEMORY, "out of memory");
		self->held = held;
		self->held_room = task->item_room;
	}
	while (task->item_count < task->item_room && bytes < task->bytes_max)
	{
		rd_kafka_message_t *message = rd_kafka_consumer_poll(self->handle, task->item_count == 0 ? task->wait_ms : 0);

		if (message == NULL)
			break;
		self->held[self->held_count++] = message;
		task->items[task->item_count] = tell(message);
		bytes += task->items[task->item_count].value_length + task->items[task->item_count].key_length;
		task->item_count++;
	}
	return true;
}

static bool
perform(CfConsumer *self, CfConsumerTask *task)
{
	release(self);
	if (task->kind == CF_CONSUMER_LOOK)
		return look(self, task);
	if (task->kind == CF_CONSUMER_CLOSE)
	{
		close_handle(self);
		return true;
	}
	if (self->handle == NULL)
		return cf_error_set(&task->err, CF_ERR_STATE, "there is no connection to Kafka");
	return task->kind == CF_CONSUMER_ASSIGN ? assign(self, task) : fetch(self, task);
}

static void
work(void *owner, void *errand)
{
	CfConsumerTask *task = errand;

	task->err.kind = CF_ERR_NONE;
	task->good = perform(owner, task);
}

bool
cf_consumer_header(const CfConsumerItem *item, size_t n, const char **name, const char **value, size_t *length)
{
	rd_kafka_headers_t *headers;
	const void *bytes = NULL;

	if (item->what != CF_CONSUMER_MESSAGE || rd_kafka_message_headers(item->message, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR ||
		rd_kafka_header_get_all(headers, n, name, &bytes, length) != RD_KAFKA_RESP_ERR_NO_ERROR)
		return false;
	*value = bytes;
	return true;
}

CfConsumer *
cf_consumer_start(CfError *err)
{
	CfConsumer *self = calloc(1, sizeof(CfConsumer));

	if (self != NULL)
		self->errand = cf_errand_start(work, self, err);
	else
		cf_error_set(err, CF_ERR_MEMORY, "out of memory");
	if (self != NULL && self->errand != NULL)
		return self;
	free(self);
	return NULL;
}

int
cf_consumer_fd(const CfConsumer *self)
{
	return cf_errand_fd(self->errand);
}

void
cf_consumer_submit(CfConsumer *self, CfConsumerTask *task)
{
	cf_errand_submit(self->errand, task);
}

CfConsumerTask *
cf_consumer_done(CfConsumer *self)
{
	return cf_errand_done(self->errand);
}

void
cf_consumer_stop(CfConsumer *self)
{
	cf_errand_stop(self->errand);
	close_handle(self);
	if (self->closing)
		pthread_join(self->closer, NULL);
	free(self->held);
	free(self);
}
