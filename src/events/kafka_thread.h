/*
 * kafka_thread.h
 *		One thread that owns the producer, so that a process of the server never waits for a broker.
 *
 * The owner submits a task and goes on; when the task is done a descriptor becomes readable. One task at a time. A task and all that
 * it points to belongs to the thread from cf_kafka_thread_submit() until cf_kafka_thread_done() gives it back.
 */
#ifndef CF_EVENTS_KAFKA_THREAD_H
#define CF_EVENTS_KAFKA_THREAD_H

#include "events/kafka.h"

typedef enum CfKafkaTaskKind
{
	CF_KAFKA_OPEN,				/* a handle (the one that is there, unless fresh), init, position */
	CF_KAFKA_PUBLISH,
	CF_KAFKA_PARTITIONS,
	CF_KAFKA_CREATE,			/* needs no init: opens a handle if there is none */
	CF_KAFKA_CLOSE,
} CfKafkaTaskKind;

typedef struct CfKafkaTask
{
	CfKafkaTaskKind kind;
	const CfKafkaConfig *config;	/* OPEN, CREATE */
	bool		fresh;			/* OPEN, CREATE: close the handle that is there first */
	const CfKafkaMessage *messages; /* PUBLISH */
	size_t		count;
	const char *topic;			/* PARTITIONS, CREATE */
	int			partitions;		/* CREATE; PARTITIONS: the answer, 0 = there is no such topic */
	int			replication;

	bool		known;			/* OPEN, answer: Kafka has a position */
	int64_t		offset;			/* OPEN: answer; PUBLISH */
	char		metadata[CF_KAFKA_METADATA_BYTES];
	CfKafkaOutcome outcome;		/* PUBLISH, answer; after CF_KAFKA_UNKNOWN the handle is closed already */
	int64_t		culprit;

	bool		good;			/* answer: it worked; else err tells why */
	CfError		err;
} CfKafkaTask;

typedef struct CfKafkaThread CfKafkaThread;

/* cf_kafka_thread_start gives NULL when the thread cannot be had. */
extern CfKafkaThread *cf_kafka_thread_start(CfError *err);

/* cf_kafka_thread_fd is readable when a task is done, until cf_kafka_thread_done() was called. */
extern int	cf_kafka_thread_fd(const CfKafkaThread *thread);

extern void cf_kafka_thread_submit(CfKafkaThread *thread, CfKafkaTask *task);

/* cf_kafka_thread_done gives the task back once it is done; NULL = it is not, or there is none. */
extern CfKafkaTask *cf_kafka_thread_done(CfKafkaThread *thread);

/* cf_kafka_thread_stop waits for the task, closes the handle and ends the thread. For tests: a worker just ends its process. */
extern void cf_kafka_thread_stop(CfKafkaThread *thread);

#endif							/* CF_EVENTS_KAFKA_THREAD_H */
