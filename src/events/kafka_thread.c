/*
 * kafka_thread.c
 *		The thread that makes the calls of librdkafka which wait.
 *
 * librdkafka has calls that cannot be told to return within milliseconds: destroying a handle joins its threads, and one of these
 * may be inside the resolver. So none of them is called by the process of the server itself. The thread runs with all signals
 * blocked, touches only its task and its handle, and calls nothing of the server.
 */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "events/kafka_thread.h"

struct CfKafkaThread
{
	pthread_t	thread;
	pthread_mutex_t mutex;		/* of task, done, stop */
	pthread_cond_t wanted;
	CfKafkaTask *task;
	bool		done;
	bool		stop;
	int			ends[2];		/* a pipe; a byte in it = done */
	CfKafka    *kafka;			/* the thread's own from here on */
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

static void *
run(void *arg)
{
	CfKafkaThread *self = arg;

	pthread_mutex_lock(&self->mutex);
	while (!self->stop)
	{
		CfKafkaTask *task = self->done ? NULL : self->task;

		if (task == NULL)
		{
			pthread_cond_wait(&self->wanted, &self->mutex);
			continue;
		}
		pthread_mutex_unlock(&self->mutex);
		task->err.kind = CF_ERR_NONE;
		task->good = perform(self, task);
		pthread_mutex_lock(&self->mutex);
		self->done = true;
		/* One byte per task, taken with it: the pipe is never full. */
		if (write(self->ends[1], "", 1) < 0)
			self->stop = true;
	}
	pthread_mutex_unlock(&self->mutex);
	close_handle(self);
	return NULL;
}

CfKafkaThread *
cf_kafka_thread_start(CfError *err)
{
	CfKafkaThread *self = calloc(1, sizeof(CfKafkaThread));
	sigset_t	all,
				before;
	int			failed;

	if (self == NULL || pipe2(self->ends, O_NONBLOCK | O_CLOEXEC) != 0)
	{
		free(self);
		cf_error_set(err, CF_ERR_MEMORY, "could not start a thread for Kafka");
		return NULL;
	}
	pthread_mutex_init(&self->mutex, NULL);
	pthread_cond_init(&self->wanted, NULL);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	failed = pthread_create(&self->thread, NULL, run, self);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (failed == 0)
		return self;
	close(self->ends[0]);
	close(self->ends[1]);
	free(self);
	cf_error_set(err, CF_ERR_MEMORY, "could not start a thread for Kafka");
	return NULL;
}

int
cf_kafka_thread_fd(const CfKafkaThread *self)
{
	return self->ends[0];
}

void
cf_kafka_thread_submit(CfKafkaThread *self, CfKafkaTask *task)
{
	pthread_mutex_lock(&self->mutex);
	self->task = task;
	self->done = false;
	pthread_cond_signal(&self->wanted);
	pthread_mutex_unlock(&self->mutex);
}

CfKafkaTask *
cf_kafka_thread_done(CfKafkaThread *self)
{
	CfKafkaTask *task = NULL;
	char		byte;

	pthread_mutex_lock(&self->mutex);
	if (self->done && self->task != NULL && read(self->ends[0], &byte, 1) == 1)
	{
		task = self->task;
		self->task = NULL;
		self->done = false;
	}
	pthread_mutex_unlock(&self->mutex);
	return task;
}

void
cf_kafka_thread_stop(CfKafkaThread *self)
{
	pthread_mutex_lock(&self->mutex);
	self->stop = true;
	pthread_cond_signal(&self->wanted);
	pthread_mutex_unlock(&self->mutex);
	pthread_join(self->thread, NULL);
	pthread_cond_destroy(&self->wanted);
	pthread_mutex_destroy(&self->mutex);
	close(self->ends[0]);
	close(self->ends[1]);
	free(self);
}
