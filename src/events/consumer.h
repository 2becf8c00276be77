/*
 * consumer.h
 *		A consumer over librdkafka whose positions are its caller's: partitions are assigned by hand, nothing is committed to Kafka.
 *
 * It lives on an errand (core/errand.h): the process submits a task and is told of its end by a descriptor. Only what is committed is
 * read. Offsets have gaps (marks of transactions), and the order within a partition is that of its offsets.
 */
#ifndef CF_EVENTS_CONSUMER_H
#define CF_EVENTS_CONSUMER_H

#include "events/kafka.h"

typedef struct CfConsumerConfig
{
	const char *brokers;
	const CfKafkaSecurity *security;	/* NULL = in clear, and nobody asks who we are; read by a LOOK that makes a handle */
	int			call_timeout_ms;
	int			memory_kb;		/* of messages that librdkafka has fetched ahead, all partitions together */
	CfKafkaLog *log;
} CfConsumerConfig;

/* A topic that is looked for. */
typedef struct CfConsumerTopic
{
	const char *name;
	bool		skip;			/* not looked for this time */
	int			partitions;		/* answer; 0 = it does not exist, or may not be seen */
	int			leaderless;		/* as many of them have no leader, and are not among the task's parts */
	CfErrorKind failed;			/* CF_ERR_NONE, CF_ERR_NOT_FOUND or why nothing is known of it */
	const char *why;			/* the same in librdkafka's words */
} CfConsumerTopic;

typedef struct CfConsumerPart
{
	const char *topic;
	int			partition;
	int64_t		position;		/* ASSIGN: the first offset that is wanted */
	int64_t		low;			/* LOOK, answers: the first offset that is there, and the one behind the last that may be read */
	int64_t		high;
} CfConsumerPart;

typedef enum CfConsumerWhat
{
	CF_CONSUMER_MESSAGE,
	CF_CONSUMER_END,			/* there is nothing more for now; offset is where it goes on */
	CF_CONSUMER_LOST,			/* the position is none that the partition has */
	CF_CONSUMER_TROUBLE			/* why tells of it; it may go on by itself, or after an ASSIGN */
} CfConsumerWhat;

/* What came of a partition. Texts and bytes are librdkafka's, until the next task. */
typedef struct CfConsumerItem
{
	CfConsumerWhat what;
	const char *topic;
	int			partition;
	int64_t		offset;
	int64_t		time_us;		/* since the Unix epoch; -1 = it has none */
	const char *key;			/* NULL = none */
	size_t		key_length;
	const char *value;			/* NULL = none */
	size_t		value_length;
	const char *why;			/* of LOST and TROUBLE */
	void	   *message;		/* librdkafka's */
} CfConsumerItem;

/* cf_consumer_header tells the n-th header of a message, from 0; a NULL value has length 0. False = there are no more. */
extern bool cf_consumer_header(const CfConsumerItem *item, size_t n, const char **name, const char **value, size_t *length);

typedef enum CfConsumerTaskKind
{
	CF_CONSUMER_LOOK,			/* which partitions have these topics, and from where to where do they go? Makes a handle. */
	CF_CONSUMER_ASSIGN,			/* reads these partitions from now on, and no others */
	CF_CONSUMER_FETCH,			/* waits for items */
	CF_CONSUMER_CLOSE
} CfConsumerTaskKind;

typedef struct CfConsumerTask
{
	CfConsumerTaskKind kind;
	const CfConsumerConfig *config; /* LOOK */
	bool		fresh;			/* LOOK: close the handle that is there first */
	CfConsumerTopic *topics;	/* LOOK */
	int			topic_count;
	CfConsumerPart *parts;		/* LOOK, answer: the task's own memory, kept from one to the next */
	int			part_count;
	int			part_room;
	const CfConsumerPart *wanted;	/* ASSIGN */
	int			wanted_count;
	CfConsumerItem *items;		/* FETCH, the caller's */
	int			item_room;
	int			item_count;
	size_t		bytes_max;		/* FETCH: stops when it has as many */
	int			wait_ms;		/* FETCH: for the first item */

	bool		good;			/* answer; else err tells why */
	CfError		err;
} CfConsumerTask;

typedef struct CfConsumer CfConsumer;

/* cf_consumer_start gives NULL when the thread cannot be had. The next four are those of an errand. */
extern CfConsumer *cf_consumer_start(CfError *err);
extern int	cf_consumer_fd(const CfConsumer *consumer);
extern void cf_consumer_submit(CfConsumer *consumer, CfConsumerTask *task);
extern CfConsumerTask *cf_consumer_done(CfConsumer *consumer);
extern void cf_consumer_stop(CfConsumer *consumer);

#endif							/* CF_EVENTS_CONSUMER_H */
