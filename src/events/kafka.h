/*
 * kafka.h
 *		One transactional producer over librdkafka, and the position that it commits with what it sends.
 *
 * All calls may block for as long as their timeouts say: they are for a thread of their own (kafka_thread.h), never for a
 * process of the server. No call raises or logs.
 */
#ifndef CF_EVENTS_KAFKA_H
#define CF_EVENTS_KAFKA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/error.h"

#define CF_KAFKA_HEADERS 5
#define CF_KAFKA_METADATA_BYTES 4096
#define CF_KAFKA_LINE_BYTES 256

/*
 * What librdkafka has said last, line by line. The owner makes it before the first handle and keeps it beyond the last one;
 * librdkafka's threads write, any thread may read.
 */
typedef struct CfKafkaLog CfKafkaLog;

/* cf_kafka_log_make gives NULL when memory is short. */
extern CfKafkaLog *cf_kafka_log_make(void);
extern void cf_kafka_log_free(CfKafkaLog *log);

/* cf_kafka_log_take fetches the oldest line; false = there is none. Of what did not fit the ring the oldest is lost. */
extern bool cf_kafka_log_take(CfKafkaLog *log, char line[CF_KAFKA_LINE_BYTES]);

/* cf_kafka_brokers_check tells whether a text is a list of brokers; a port may be left away. */
extern bool cf_kafka_brokers_check(const char *brokers, CfError *err);

/* How we and the brokers prove to each other who we are. NULL = left to librdkafka, or not used. */
typedef struct CfKafkaSecurity
{
	bool		tls;
	const char *mechanism;		/* of SASL: PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, OAUTHBEARER; NULL = none */
	const char *username;
	const char *password;
	const char *token_file;		/* for OAUTHBEARER; read whenever a token is wanted */
	const char *ca_file;		/* whom we trust; NULL = whom the machine trusts */
	const char *certificate_file;	/* ours */
	const char *key_file;
} CfKafkaSecurity;

typedef struct CfKafkaConfig
{
	const char *brokers;		/* host:port,… */
	const CfKafkaSecurity *security;	/* NULL = in clear, and nobody asks who we are; read by cf_kafka_open() only */
	const char *transactional_id;
	const char *group;			/* under which the position is kept; nobody consumes with it */
	const char *progress_topic; /* its partition 0; must exist */
	int			transaction_timeout_ms;
	int			message_timeout_ms;
	int			call_timeout_ms;	/* of everything that is no transaction */
	int			memory_kb;		/* of messages that librdkafka holds; one of message_max_bytes always fits */
	int			message_max_bytes;
	CfKafkaLog *log;
} CfKafkaConfig;

/* What is sent: all memory is the caller's and stays as it is until the outcome is known. */
typedef struct CfKafkaMessage
{
	const char *topic;
	const char *key;
	size_t		key_length;
	const char *value;
	size_t		value_length;
	const char *header[CF_KAFKA_HEADERS];	/* values, in the order of cf_kafka_header_names; NULL = leave it out */
	int64_t		id;				/* for error messages */
} CfKafkaMessage;

/* event_id, event_type, event_time, content-type, replay */
extern const char *const cf_kafka_header_names[CF_KAFKA_HEADERS];

typedef enum CfKafkaOutcome
{
	CF_KAFKA_DONE,				/* committed: messages and position */
	CF_KAFKA_ABORTED,			/* nothing of it will ever be seen; the handle is good for the next transaction */
	CF_KAFKA_UNKNOWN,			/* perhaps committed: close the handle, open a new one, read the position */
} CfKafkaOutcome;

/*
 * cf_kafka_advice tells what to do when librdkafka's last line tells of a connection that was refused; NULL = it does not. security is
 * that of the connection, NULL = in clear.
 */
extern const char *cf_kafka_advice(const CfKafkaSecurity *security, const char *line);

typedef struct CfKafka CfKafka;

/* cf_kafka_open makes a handle; it connects later. Blocks all signals for the threads that librdkafka starts. */
extern bool cf_kafka_open(const CfKafkaConfig *config, CfKafka **kafka, CfError *err);

/* cf_kafka_close ends it, whatever it was doing; a transaction that is open is aborted by its timeout or by the next init. */
extern void cf_kafka_close(CfKafka *kafka);

/*
 * cf_kafka_init fences whoever had the transactional id before, and waits for its last transaction to end. A retryable error
 * (nobody answers yet) leaves the handle good for another call; else close it.
 */
extern bool cf_kafka_init(CfKafka *kafka, CfError *err);

/*
 * cf_kafka_position reads what was committed last; call it after cf_kafka_init. *known = false: there is none. A missing progress
 * topic is CF_ERR_NOT_FOUND.
 */
extern bool cf_kafka_position(CfKafka *kafka, bool *known, int64_t *offset, char metadata[CF_KAFKA_METADATA_BYTES], CfError *err);

/*
 * cf_kafka_publish sends messages and a position in one transaction. Of an outcome other than CF_KAFKA_DONE err tells why; *culprit is
 * then the id of the message that was refused, 0 = none in particular.
 */
extern CfKafkaOutcome cf_kafka_publish(CfKafka *kafka, const CfKafkaMessage *messages, size_t count, int64_t offset, const char *metadata,
									   int64_t *culprit, CfError *err);

/* cf_kafka_partitions tells how many partitions a topic has; 0 = it does not exist. */
extern bool cf_kafka_partitions(CfKafka *kafka, const char *topic, int *partitions, CfError *err);

/* cf_kafka_create makes a topic; one that exists is CF_ERR_EXISTS. */
extern bool cf_kafka_create(CfKafka *kafka, const char *topic, int partitions, int replication, CfError *err);

#endif							/* CF_EVENTS_KAFKA_H */
