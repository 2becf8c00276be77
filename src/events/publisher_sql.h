/*
 * publisher_sql.h
 *		The publisher's transactions: its row, what it reads (publisher_read_sql.c, publisher_batch_sql.c), what it tells of itself
 *		(publisher_state_sql.c). Private to the room.
 *
 * The row of event_positions is the database's own knowledge of what Kafka has: what was acknowledged, and what is about to be
 * sent. It is written, and flushed, before anything is sent; Kafka's position is then one of the two (position.h).
 */
#ifndef CF_EVENTS_PUBLISHER_SQL_H
#define CF_EVENTS_PUBLISHER_SQL_H

#include "postgres.h"

#include "utils/portal.h"

#include "events/connection_sql.h"
#include "events/kafka_thread.h"
#include "events/position.h"

#define CF_PUBLISHER_WORDS 1024
#define CF_TOPIC_BYTES 256		/* Kafka allows 249 */

extern int	cf_kafka_batch;
extern int	cf_kafka_linger_ms;
extern int	cf_kafka_memory_kb;
extern int	cf_kafka_message_bytes;
extern int	cf_kafka_transaction_ms;
extern int	cf_kafka_timeout_ms;
extern int	cf_kafka_refresh_sec;

#define CF_PROGRESS_TOPIC "cloudflux-progress"

/* What is sent at once: memory of malloc(), since another thread reads it; made once, filled again and again. */
typedef struct CfBatch
{
	CfKafkaMessage *messages;
	int			room;
	int			count;
	char	   *bytes;
	size_t		bytes_room;
	size_t		bytes_used;
	int64		rows;			/* that it stands for; those of types that are not sent have no message */
	int64		last_id;
	int64		too_large;		/* id of the event at which it ended because that one is too large; 0 = none */
	int64		replay;			/* id of the replay that it is read for; 0 = none */
} CfBatch;

typedef enum CfLook
{
	CF_LOOK_NOTHING,			/* all is sent */
	CF_LOOK_BATCH,				/* batch and next are to be sent */
	CF_LOOK_TOO_LARGE,			/* the first event is too large to be sent: batch.too_large */
	CF_LOOK_REBASE,				/* somebody asked to go on from next */
	CF_LOOK_TOPIC				/* somebody asked for a topic */
} CfLook;

/* A topic that somebody asked for. */
typedef struct CfTopicWish
{
	char		topic[CF_TOPIC_BYTES];
	int			partitions;
	int			replication;
} CfTopicWish;

/*
 * cf_publisher_look is one transaction: it writes down what Kafka has acknowledged (current), looks what is to be done, and if that
 * is to send events, fills the batch and `next`, which is durable then, as are the events. session tells whether current is known;
 * without it only wishes are looked for.
 */
extern CfLook cf_publisher_look(bool session, const CfPosition *current, CfBatch *batch, CfPosition *next, CfTopicWish *wish);

/*
 * cf_publisher_here tells where this database believes to be (mirror) and what it knows to judge a position of that timeline by (0 = there
 * is none); true = a rebase is wished.
 */
extern bool cf_publisher_here(uint32 timeline, CfPosition *mirror, CfPositionHere *here);

/*
 * cf_publisher_reserve_ids sees to it that events to come have larger ids than one that Kafka has seen: a database that went back in its history
 * (a backup, the extension made anew) would use them a second time, for other events.
 */
extern void cf_publisher_reserve_ids(int64 highest_id);

/* cf_publisher_rebased writes down that Kafka has taken the position of a rebase. */
extern void cf_publisher_rebased(const CfPosition *position);

/* cf_publisher_say writes a state with its reason into the row, and to the log, when it is another one than before. */
extern void cf_publisher_say(const char *state, const char *detail, const char *hint);

/* cf_publisher_topic_settled answers a wish for a topic. */
extern void cf_publisher_topic_settled(const char *topic, const char *state, const char *detail);

/* cf_publisher_fill fetches rows from a cursor until the batch is full, and closes it; true = there are no more. */
extern bool cf_publisher_fill(Portal portal, CfBatch *batch, bool replay);

/* cf_publisher_prepare_batch makes room in a batch as the settings say. */
extern void cf_publisher_prepare_batch(CfBatch *batch);

extern uint64 cf_publisher_system(void);

extern void cf_publisher_register(void);
extern void cf_publisher_init_settings(void);

#endif							/* CF_EVENTS_PUBLISHER_SQL_H */
