/*
 * consumer_look.h
 *		Which partitions topics have, and from where to where these go. Private to the room; runs on the consumer's thread.
 */
#ifndef CF_EVENTS_CONSUMER_LOOK_H
#define CF_EVENTS_CONSUMER_LOOK_H

#include "events/consumer.h"
#include "events/kafka_client.h"

/* cf_consumer_look answers a task CF_CONSUMER_LOOK; false = nothing is known of any topic. */
extern bool cf_consumer_look(rd_kafka_t *handle, int timeout_ms, CfConsumerTask *task);

#endif							/* CF_EVENTS_CONSUMER_LOOK_H */
