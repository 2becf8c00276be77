/*
 * ingest_sql.h
 *		The ingester's transactions: what is to be read (ingest_plan_sql.c), what becomes of messages (ingest_batch_sql.c,
 *		ingest_records_sql.c), what came of commands (ingest_actions_sql.c), dead letters (ingest_dead_sql.c), who has to wait (ingest_waiting_sql.c). Private to the room.
 *
 * The rows of ingest_positions are the truth about what has been read; what the process remembers is thrown away at any doubt.
 */
#ifndef CF_EVENTS_INGEST_SQL_H
#define CF_EVENTS_INGEST_SQL_H

#include "postgres.h"

#include "events/consumer.h"
#include "events/ingest.h"
#include "events/publisher_sql.h"

extern bool cf_kafka_ingest;
extern int	cf_kafka_ingest_batch;
extern int	cf_kafka_ingest_memory_kb;

#define CF_INGEST_BATCH_SHARE 8	/* of kafka_ingest_memory, for the messages of one transaction */
#define CF_DIGEST_BYTES 65		/* SHA-256 in hexadecimal digits, and NUL */

/* A partition that is read. */
typedef struct CfIngestPart
{
	const char *topic;
	int			partition;
	int64		position;		/* as in its row */
	int32		generation;
	int64		last_offset;	/* -1 = nothing to compare */
	char		last_digest[CF_DIGEST_BYTES];
	bool		doubted;		/* the message at last_offset has to be seen again first */
} CfIngestPart;

/* What is read: sorted by topic and partition; lives in a context of its own. */
typedef struct CfIngestPlan
{
	CfIngestPart *parts;
	int			count;
} CfIngestPlan;

/* A message on its way into tables; also a dead letter that is tried again. */
typedef struct CfLetter
{
	int			partition;
	int64		offset;
	int64		time_us;		/* -1 = none */
	CfText		key;			/* text NULL = none */
	CfIngestMessage message;
	int64		dead_id;		/* 0 = it comes from Kafka */
	int			first_record;
	int			record_count;
	const char *reason;			/* NULL = not refused */
	const char *sqlstate;		/* NULL = it could not be read */
} CfLetter;

typedef enum CfIngestOutcome
{
	CF_INGEST_DONE,				/* tables and position have it */
	CF_INGEST_LATER,			/* not now, and it is not the messages' fault: nothing was changed; words tell why */
	CF_INGEST_MOVED				/* the position is another one by now: plan anew */
} CfIngestOutcome;

typedef struct CfIngestWords
{
	char		detail[CF_PUBLISHER_WORDS];
	char		hint[CF_PUBLISHER_WORDS];
} CfIngestWords;

/*
 * cf_ingest_topics finds the topics that are to be read, their names in the current context; *digest changes when anything does that asks
 * for another plan.
 */
extern int	cf_ingest_topics(CfConsumerTopic **topics, uint64 *digest);

/* cf_ingest_plan makes positions and plan of what Kafka has; memory of `context`. skip(topic) = leave it out for now. */
extern void cf_ingest_plan(const CfConsumerTask *found, bool (*skip) (const char *topic), MemoryContext context, CfIngestPlan *plan);

/* cf_ingest_find finds a partition of the plan; NULL = it is not read. */
extern CfIngestPart *cf_ingest_find(const CfIngestPlan *plan, const char *topic, int partition);

/* cf_ingest_say writes the state of a topic (NULL = all) into its row, and to the log, when it is another one than before. */
extern void cf_ingest_say(const char *topic, const char *state, const char *detail, const char *hint);

/* cf_ingest_stop_part writes down that a partition cannot be read on. */
extern void cf_ingest_stop_part(const CfIngestPart *part, const char *detail, const char *hint);

/*
 * cf_ingest_take is one transaction: messages of one topic, in the order of their offsets, into tables, and the positions with them. Parts
 * of the plan move when it is done. ends are ends of partitions that were reached, whose positions move past the marks of transactions.
 */
extern CfIngestOutcome cf_ingest_take(const char *topic, CfIngestPlan *plan, const CfConsumerItem *items, int count, CfIngestWords *words);

/* cf_ingest_retry tries some of the dead letters that somebody asked for; *more = there may be others. */
extern CfIngestOutcome cf_ingest_retry(char topic[CF_TOPIC_BYTES], bool *more, CfIngestWords *words);

/* What both do inside of their transactions, where SPI is connected. */

/* cf_ingest_guarded runs a body in a subtransaction, of which nothing stays unless it is DONE; an ERROR is LATER, in words. */
extern CfIngestOutcome cf_ingest_guarded(CfIngestOutcome (*body) (void *arg), void *arg, CfIngestWords *words);

/* cf_ingest_target finds what is to be done with a topic; NULL = nothing (words are empty: it is not to be read) or not now. */
typedef struct CfIngestTarget CfIngestTarget;
extern CfIngestTarget *cf_ingest_target(const char *topic, CfIngestWords *words);

/* cf_ingest_letters runs the handler for letters, and marks those that are refused; false = not now. */
extern bool cf_ingest_letters(CfIngestTarget *target, CfLetter *letters, int count, CfIngestWords *words);

/* cf_ingest_bury writes those that are refused into dead_letters. */
extern void cf_ingest_bury(const char *topic, const CfLetter *letters, int count);

/* cf_ingest_words makes a text that the database can hold of words that may have been cut, or hold bytes of a message. */
extern Datum cf_ingest_words(const char *words);

/* cf_ingest_bytes makes a bytea; *isnull = there are none. */
extern Datum cf_ingest_bytes(CfText given, bool *isnull);

/*
 * What came of commands (ingest_actions_sql.c), logged with our own rights: `records` and `results` are arrays of equal length, of those that
 * were done; of letters those that were refused are logged.
 */
extern void cf_ingest_note_done(const char *topic, Datum records, Oid array_type, Datum results, bool no_results);
extern void cf_ingest_note_refused(const char *topic, const CfLetter *letters, int count);

/* cf_ingest_digest tells the SHA-256 of a message, its key and its time. */
extern void cf_ingest_digest(const CfConsumerItem *item, char digest[CF_DIGEST_BYTES]);

/*
 * Topics that have to wait (ingest_waiting_sql.c). cf_ingest_make_wait leaves one out for a while, longer each time, and says so; cf_ingest_end_wait
 * forgets it. cf_ingest_waits tells whether one is known, cf_ingest_has_to_wait whether its time is not over yet, cf_ingest_wait_is_over whether
 * that of any has come since a moment.
 */
extern void cf_ingest_make_wait(const char *topic, const CfIngestWords *words);
extern void cf_ingest_end_wait(const char *topic);
extern bool cf_ingest_waits(const char *topic);
extern bool cf_ingest_has_to_wait(const char *topic);
extern bool cf_ingest_wait_is_over(int64 since_us);
extern void cf_ingest_forget_waits(void);

/* cf_ingest_tell writes down what Kafka said of a topic; false = not all of it can be read. */
extern bool cf_ingest_tell(const CfConsumerTopic *topic);

extern void cf_ingest_register(void);

#endif							/* CF_EVENTS_INGEST_SQL_H */
