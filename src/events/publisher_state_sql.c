/*
 * publisher_state_sql.c
 *		What the publisher tells of itself: its state, what was done about wishes; and its settings.
 */
#include "postgres.h"

#include <limits.h>

#include "access/timeline.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/guc.h"

#include "core/clock.h"
#include "core/error_sql.h"
#include "core/settings_sql.h"
#include "core/spi_sql.h"
#include "core/worker.h"
#include "events/events.h"
#include "events/publisher_sql.h"

#define LOG_US (60 * INT64CONST(1000000))

int			cf_kafka_batch = 5000;
int			cf_kafka_linger_ms = 50;
int			cf_kafka_memory_kb = 32768;
int			cf_kafka_message_bytes = 1000000;
int			cf_kafka_transaction_ms = 60000;
int			cf_kafka_timeout_ms = 10000;
int			cf_kafka_refresh_sec = 86400;

static const CfIntSetting settings[] = {
	{"cloudflux.kafka_batch", "Events that go to Kafka in one transaction at most.", NULL,
	&cf_kafka_batch, 1, 5000, 0},
	{"cloudflux.kafka_linger", "How long few events are collected before they are sent.",
	"When there are many they are not waited for.", &cf_kafka_linger_ms, 0, 10000, GUC_UNIT_MS},
	{"cloudflux.kafka_memory", "Memory for messages on their way to Kafka.",
	"Half of it for the batch, and as much as it says at most for the library.", &cf_kafka_memory_kb, 1024, 2097151, GUC_UNIT_KB},
	{"cloudflux.kafka_message_size", "Size that a message may have.",
	"A topic has its own limit, max.message.bytes. A larger event holds publishing up.", &cf_kafka_message_bytes, 1000, 100000000, GUC_UNIT_BYTE},
	{"cloudflux.kafka_transaction_timeout", "After which time Kafka ends a transaction by itself.",
	"It may not be larger than the broker's transaction.max.timeout.ms.", &cf_kafka_transaction_ms, 2000, 900000, GUC_UNIT_MS},
	{"cloudflux.kafka_timeout", "How long the publisher waits for one answer.", NULL,
	&cf_kafka_timeout_ms, 500, 300000, GUC_UNIT_MS},
	{"cloudflux.kafka_refresh", "How often the position is committed again while there is nothing to send.",
	"Brokers forget the position of a group that is idle for offsets.retention.minutes, seven days unless told otherwise.",
	&cf_kafka_refresh_sec, 1, 86400 * 30, GUC_UNIT_S},
};

static CfSpiPlan say_state = {
	"UPDATE cloudflux.event_positions p"
	"   SET state = $1, detail = $2, hint = $3,"
	"       state_since = CASE WHEN p.state IS DISTINCT FROM $1 THEN pg_catalog.clock_timestamp() ELSE p.state_since END,"
	"       failures = p.failures + CASE WHEN $1 = 'publishing' THEN 0 ELSE 1 END"
	" WHERE p.reader = 'kafka' AND (p.state, p.detail) IS DISTINCT FROM ($1, $2)", 3, {TEXTOID, TEXTOID, TEXTOID}
};
static CfSpiPlan find_here = {
	"SELECT p.wish IS NOT NULL, p.published::pg_catalog.text, p.opened::pg_catalog.text, p.last_id, p.events, p.intended, p.system_identifier,"
	"       p.events = 0 AND EXISTS (SELECT FROM cloudflux.events e WHERE e.occurred_at < p.begun_at)"
	"  FROM cloudflux.event_positions p WHERE p.reader = 'kafka'", 0, {0}
};
static CfSpiPlan rebased = {
	"UPDATE cloudflux.event_positions p"
	"   SET wish = NULL, published = $1::pg_catalog.pg_snapshot, opened = $2::pg_catalog.pg_snapshot, last_id = $3, events = $4, intended = $4,"
	"       system_identifier = i.system_identifier, timeline = i.timeline, lsn = i.lsn, updated_at = pg_catalog.clock_timestamp()"
	"  FROM cloudflux.wal_identity() i"
	" WHERE p.reader = 'kafka' AND p.published::pg_catalog.text OPERATOR(pg_catalog.=) $1", 4, {TEXTOID, TEXTOID, INT8OID, INT8OID}
};
/* (A position that says more than this was not written by us: it must not use up all ids that there are.) */
static CfSpiPlan reserve_ids = {
	"SELECT pg_catalog.setval('cloudflux.events_id_seq', $1) FROM cloudflux.events_id_seq s"
	" WHERE s.last_value OPERATOR(pg_catalog.<) $1 AND $1 OPERATOR(pg_catalog.<) 4611686018427387904", 1, {INT8OID}
};
static CfSpiPlan settle_topic = {
	"UPDATE cloudflux.topic_requests w SET state = $2, detail = $3, settled_at = pg_catalog.clock_timestamp() WHERE w.topic = $1",
	3, {TEXTOID, TEXTOID, TEXTOID}
};

void
cf_publisher_init_settings(void)
{
	cf_connection_register();
	cf_settings_define(settings, lengthof(settings), NULL);
	cf_publisher_register();
}

/* text_or_null makes a text argument; NULL and the empty text are null. */
static Datum
text_or_null(const char *text, bool *isnull)
{
	*isnull = text == NULL || text[0] == '\0';
	return *isnull ? (Datum) 0 : CStringGetTextDatum(text);
}

static void
log_state(const char *state, const char *detail, const char *hint)
{
	if (strcmp(state, "publishing") == 0)
		ereport(LOG, (errmsg("cloudflux publishes events to Kafka at %s", cf_connection_where())));
	else
		ereport(LOG, (errmsg("cloudflux does not publish events to Kafka at %s (%s)", cf_connection_where(), state),
					  errdetail_internal("%s", detail != NULL ? detail : ""), hint != NULL && hint[0] != '\0' ? errhint("%s", hint) : 0));
}

void
cf_publisher_say(const char *state, const char *detail, const char *hint)
{
	static char said[CF_PUBLISHER_WORDS + 32];
	static int64 logged_at_us = 0;
	char		now[CF_PUBLISHER_WORDS + 32];
	Datum		values[3];
	bool		nulls[3];

	snprintf(now, sizeof(now), "%s: %s", state, detail != NULL ? detail : "");
	if (strcmp(now, said) == 0)
		return;
	/* The row has every reason, the log not the same trouble in other words again and again. */
	if (strncmp(now, said, strlen(state) + 1) != 0 || cf_clock_monotonic_us() - logged_at_us > LOG_US)
	{
		log_state(state, detail, hint);
		logged_at_us = cf_clock_monotonic_us();
	}
	cf_worker_begin("telling the state of publishing");
	values[0] = CStringGetTextDatum(state);
	nulls[0] = false;
	values[1] = text_or_null(detail, &nulls[1]);
	values[2] = text_or_null(hint, &nulls[2]);
	cf_spi_begin();
	cf_spi_run(&say_state, values, nulls);
	cf_spi_end();
	cf_worker_commit();
	strlcpy(said, now, sizeof(said));
}

/* timeline_end tells where a timeline of this server's history ended; 0 = it is no part of it. */
static uint64
timeline_end(uint32 timeline)
{
	TimeLineID	here = GetWALInsertionTimeLine();
	List	   *history;
	ListCell   *cell;

	if (timeline == here || timeline == 0)
		return PG_UINT64_MAX;
	history = readTimeLineHistory(here);
	foreach(cell, history)
	{
		TimeLineHistoryEntry *entry = lfirst(cell);

		if (entry->tli == timeline)
			return entry->end;
	}
	return 0;
}

bool
cf_publisher_here(uint32 timeline, CfPosition *mirror, CfPositionHere *here)
{
	bool		wish;
	char	   *opened;

	memset(mirror, 0, sizeof(*mirror));
	memset(here, 0, sizeof(*here));
	cf_worker_begin("judging the position in Kafka");
	cf_spi_begin();
	if (cf_spi_run(&find_here, NULL, NULL) == 0)
		ereport(ERROR, (errcode(ERRCODE_NO_DATA), errmsg("reader \"kafka\" is missing in cloudflux.event_positions")));
	wish = cf_spi_bool(0, 1, NULL);
	strlcpy(mirror->published, cf_spi_text(0, 2), CF_SNAPSHOT_BYTES);
	opened = cf_spi_text(0, 3);
	if (opened != NULL)
		strlcpy(mirror->opened, opened, CF_SNAPSHOT_BYTES);
	mirror->last_id = cf_spi_int64(0, 4, NULL);
	here->confirmed = mirror->events = cf_spi_int64(0, 5, NULL);
	here->intended = cf_spi_int64(0, 6, NULL);
	here->mirror_system = strtoull(cf_spi_text(0, 7), NULL, 10);
	here->restored = cf_spi_bool(0, 8, NULL);
	here->system_identifier = mirror->system_identifier = GetSystemIdentifier();
	here->lsn = GetXLogInsertRecPtr();
	here->timeline_end = timeline_end(timeline);
	cf_spi_end();
	cf_worker_commit();
	return wish;
}

void
cf_publisher_reserve_ids(int64 highest_id)
{
	Datum		values[1] = {Int64GetDatum(highest_id)};
	bool		reserved;

	cf_worker_begin("reserving ids of events");
	cf_spi_begin();
	reserved = cf_spi_run(&reserve_ids, values, NULL) > 0;
	cf_spi_end();
	cf_worker_commit();
	if (reserved)
		ereport(LOG, (errmsg("events get ids behind " INT64_FORMAT " from now on, since Kafka has seen that one", highest_id)));
}

void
cf_publisher_rebased(const CfPosition *position)
{
	Datum		values[4];
	bool		nulls[4] = {false};

	cf_worker_begin("writing down a rebase");
	values[0] = CStringGetTextDatum(position->published);
	values[1] = text_or_null(position->opened, &nulls[1]);
	values[2] = Int64GetDatum(position->last_id);
	values[3] = Int64GetDatum(position->events);
	cf_spi_begin();
	cf_spi_run(&rebased, values, nulls);
	cf_spi_end();
	cf_worker_commit();
}

void
cf_publisher_topic_settled(const char *topic, const char *state, const char *detail)
{
	Datum		values[3];
	bool		nulls[3] = {false};

	cf_worker_begin("answering a wish for a topic");
	values[0] = CStringGetTextDatum(topic);
	values[1] = CStringGetTextDatum(state);
	values[2] = text_or_null(detail, &nulls[2]);
	cf_spi_begin();
	cf_spi_run(&settle_topic, values, nulls);
	cf_spi_end();
	cf_worker_commit();
}

/* wake_publisher() makes this database's publisher look as soon as this transaction has committed. */
PG_FUNCTION_INFO_V1(cloudflux_wake_publisher);
Datum
cloudflux_wake_publisher(PG_FUNCTION_ARGS)
{
	CF_ABI_CHECK();
	cf_worker_wake_on_commit("publisher");
	PG_RETURN_VOID();
}
