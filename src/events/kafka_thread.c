/*
 * kafka_thread.c
 *		The thread that makes the calls of librdkafka which wait.
 *
 * librdkafka has calls that cannot be told to return within milliseconds: destroying a handle joins its threads, and one of these
 * may be inside the resolver. So none of them is called by the process of the server itself, but by an errand (core/errand.h), which
 * touches only its task and its handle.
 */
#include <stdlib.h>

#include "core/errand.h"
#include "events/kafka_thread.h"

struct CfKafkaThread
{
	CfErrand   *errand;
	CfKafka    *kafka;			/* the thread's own, as is ready */
	bool		ready;			/* init has been called with success */
};

static void
close_handle(CfKafkaThread *self)
{
	cf_kafka_close(self->kafka);
	self->kafka = NULL;
	self->ready = false;
}

/* have_handle makes a handle where there is none, or where another one is wanted. */
static bool
have_handle(CfKafkaThread *self, CfKafkaTask *task)
{
	if (task->fresh)
		close_handle(self);
	return self->kafka != NULL || cf_kafka_open(task->config, &self->kafka, &task->err);
}

/* open_session is init first and position second: the other way round a transaction of the past could end in between. */
static bool
open_session(CfKafkaThread *self, CfKafkaTask *task)
{
	if (!have_handle(self, task))
		return false;
	if (!self->ready && !cf_kafka_init(self->kafka, &task->err))
	{
		/* While nobody answers the handle goes on trying by itself. */
		if (!task->err.retryable)
			close_handle(self);
		return false;
	}
	self->ready = true;
	return cf_kafka_position(self->kafka, &task->known, &task->offset, task->metadata, &task->err);
}

static bool
publish(CfKafkaThread *self, CfKafkaTask *task)
{
	task->outcome = cf_kafka_publish(self->kafka, task->messages, task->count, task->offset, task->metadata, &task->culprit, &task->err);
	if (task->outcome == CF_KAFKA_UNKNOWN)
		close_handle(self);
	return task->outcome == CF_KAFKA_DONE;
}

static bool
perform(CfKafkaThread *self, CfKafkaTask *task)
{
	switch (task->kind)
	{
		case CF_KAFKA_OPEN:
			return open_session(self, task);
		case CF_KAFKA_CREATE:
			return have_handle(self, task) && cf_kafka_create(self->kafka, task->topic, task->partitions, task->replication, &task->err);
		case CF_KAFKA_CLOSE:
			close_handle(self);
			return true;
		case CF_KAFKA_PUBLISH:
		case CF_KAFKA_PARTITIONS:
			break;
	}
	if (self->kafka == NULL)
		return cf_error_set(&task->err, CF_ERR_STATE, "there is no connection to Kafka");
	return task->kind == CF_KAFKA_PUBLISH ? publish(self, task)
		: cf_kafka_partitions(self->kafka, task->topic, &task->partitions, &task->err);
}

static void
work(void *owner, void *errand)
{
	CfKafkaThread *self = owner;
	CfKafkaTask *task = errand;

	task->err.kind = CF_ERR_NONE;
	task->good = perform(self, task);
}

CfKafkaThread *
cf_kafka_thread_start(CfError *err)
{
	CfKafkaThread *self = calloc(1, sizeof(CfKafkaThread));

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
cf_kafka_thread_fd(const CfKafkaThread *self)
{
	return cf_errand_fd(self->errand);
}

void
cf_kafka_thread_submit(CfKafkaThread *self, CfKafkaTask *task)
{
	cf_errand_submit(self->errand, task);
}

CfKafkaTask *
cf_kafka_thread_done(CfKafkaThread *self)
{
	return cf_errand_done(self->errand);
}

void
cf_kafka_thread_stop(CfKafkaThread *self)
{
	cf_errand_stop(self->errand);
	close_handle(self);
	free(self);
}
