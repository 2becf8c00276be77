/*
 * kafka_client.h
 *		What all handles of librdkafka share: how they are configured and secured, whom they tell, what their errors mean. Private to
 *		the room's kernels.
 */
#ifndef CF_EVENTS_KAFKA_CLIENT_H
#define CF_EVENTS_KAFKA_CLIENT_H

#include <librdkafka/rdkafka.h>

#include "events/kafka.h"

#define CF_KAFKA_PAUSE_MS 20	/* between two calls of the same */

typedef struct CfKafkaProperty
{
	const char *name;
	const char *value;			/* NULL = number */
	int			number;
} CfKafkaProperty;

/* Brokers, and how we prove to each other who we are; handles are made of it. */
typedef struct CfKafkaClient CfKafkaClient;

/*
 * cf_kafka_client_open keeps what it needs of server; the caller may wipe it. owner is what a delivery report is given
 * (cf_kafka_client_owner() of its opaque). Handles go before their client.
 */
extern bool cf_kafka_client_open(const char *brokers, const CfKafkaSecurity *security, CfKafkaLog *log, void *owner,
								 CfKafkaClient **client, CfError *err);
extern void cf_kafka_client_close(CfKafkaClient *client);
extern void *cf_kafka_client_owner(void *opaque);

/* cf_kafka_client_handle makes a producer or consumer with properties of its own; all signals are blocked for its threads. */
extern rd_kafka_t *cf_kafka_client_handle(CfKafkaClient *client, rd_kafka_type_t type, const CfKafkaProperty *properties, size_t count,
										  void (*delivered) (rd_kafka_t *, const rd_kafka_message_t *, void *), CfError *err);

/* cf_kafka_kind tells what an error of librdkafka or a broker means to whoever reads it. */
extern CfErrorKind cf_kafka_kind(rd_kafka_resp_err_t code);

/* cf_kafka_fail_code starts an error from a code of librdkafka; cf_kafka_fail from an error object, which it destroys. Both give false. */
extern bool cf_kafka_fail_code(CfError *err, rd_kafka_resp_err_t code, const char *what);
extern bool cf_kafka_fail(CfError *err, rd_kafka_error_t *error, const char *what);

/* cf_kafka_deadline is a moment of the monotonic clock; cf_kafka_left_ms is never less than 0. */
extern int64_t cf_kafka_deadline(int ms);
extern int	cf_kafka_left_ms(int64_t deadline_us);

/* cf_kafka_count_partitions asks by a handle; *partitions = 0: there is no such topic. */
extern bool cf_kafka_count_partitions(rd_kafka_t *handle, const char *topic, int timeout_ms, int *partitions, CfError *err);

/* cf_kafka_producer is the producer's handle. */
extern rd_kafka_t *cf_kafka_producer(CfKafka *kafka, int *call_timeout_ms);

/* cf_kafka_log_add writes a line; of a longer one the beginning. The oldest line gives way. */
extern void cf_kafka_log_add(CfKafkaLog *log, const char *line);

#define CF_KAFKA_TOKEN_BYTES 16384
#define CF_KAFKA_PRINCIPAL_BYTES 256

/*
 * cf_kafka_token_read reads a bearer token (a JWT, RFC 7519) from a file: until when it may be used, in milliseconds since 1970, and
 * whom it names. One that does not say so is read again after five minutes. What is in it stands in no error.
 */
extern bool cf_kafka_token_read(const char *path, char token[CF_KAFKA_TOKEN_BYTES], int64_t *until_ms,
								char principal[CF_KAFKA_PRINCIPAL_BYTES], CfError *err);

#endif							/* CF_EVENTS_KAFKA_CLIENT_H */
