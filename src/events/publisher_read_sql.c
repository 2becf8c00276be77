/*
 * publisher_read_sql.c
 *		The publisher's look at the database: what Kafka does not have yet, found and made durable.
 *
 * A window is what the transaction's snapshot sees and the published one does not, in the order of ids. It is found by
 * transaction: those from the published xmax on, and those that were open then. One that fits a batch is read that way and
 * sorted; a larger one is read by id, piece by piece, each piece in a transaction of its own, so that no snapshot gets old.
 *
 * Order. The snapshot comes first; then the row is written, with a transaction id of our own, and flushed. So all commits that the
 * snapshot saw are durable before anything is sent, and after a crash no transaction gets a number again that the snapshot has
 * seen as over: our own number is larger.
 */
#include "postgres.h"

#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/guc.h"
#include "utils/snapmgr.h"

#include "core/spi_sql.h"
#include "core/worker.h"
#include "events/publisher_sql.h"

/*
 * Transactions that the window may hold; $1 is what is published. Two scans of the index (xid, id). What claims to be of a
 * transaction that has not been yet came with a dump of another cluster, and waits for the keeper to mark it.
 */
#define OF_WINDOW(columns) \
	"SELECT " columns " FROM cloudflux.events e WHERE e.xid >= pg_catalog.pg_snapshot_xmax($1)" \
	"   AND e.xid < pg_catalog.pg_snapshot_xmax(pg_catalog.pg_current_snapshot())" \
	" UNION ALL " \
	"SELECT " columns " FROM cloudflux.events e WHERE e.xid = ANY (ARRAY(SELECT pg_catalog.pg_snapshot_xip($1)))"
#define COLUMNS "e.id, e.xid, e.topic, e.event_type, e.subject, e.data, e.actor, e.occurred_at"
#define MESSAGE "w.id, w.topic, w.event_type, w.subject, w.data::pg_catalog.text, w.actor, w.occurred_at"

/* A statement that reads by the transaction's own snapshot. */
typedef struct Reading
{
	const char *sql;
	int			nargs;
	Oid			types[4];
	SPIPlanPtr	plan;
} Reading;

/* How much a window holds that has just been opened, or ($2, $3) what is left of one. */
static Reading count_window = {
	"SELECT pg_catalog.pg_current_snapshot()::pg_catalog.text, pg_catalog.count(*), COALESCE(pg_catalog.max(w.id), 0)"
	"  FROM (" OF_WINDOW("e.id, e.xid") ") w"
	" WHERE w.id > $3 AND ($2 IS NULL OR pg_catalog.pg_visible_in_snapshot(w.xid, $2))",
	3, {PG_SNAPSHOTOID, PG_SNAPSHOTOID, INT8OID}
};
static Reading small_window = {
	"SELECT " MESSAGE " FROM (" OF_WINDOW(COLUMNS) ") w ORDER BY w.id", 1, {PG_SNAPSHOTOID}
};
static Reading large_window = {
	"SELECT " MESSAGE " FROM cloudflux.events w"
	" WHERE w.id > $3 AND w.id <= $4 AND pg_catalog.pg_visible_in_snapshot(w.xid, $2)"
	"   AND NOT pg_catalog.pg_visible_in_snapshot(w.xid, $1)"
	" ORDER BY w.id", 4, {PG_SNAPSHOTOID, PG_SNAPSHOTOID, INT8OID, INT8OID}
};
static CfSpiPlan read_row = {
	"SELECT p.wish IS NOT NULL, p.published::pg_catalog.text, p.opened::pg_catalog.text, p.last_id, p.events, p.intended"
	"  FROM cloudflux.event_positions p WHERE p.reader = 'kafka'", 0, {0}
};
static CfSpiPlan write_row = {
	"UPDATE cloudflux.event_positions p"
	"   SET published = $1::pg_catalog.pg_snapshot, last_xmin = pg_catalog.pg_snapshot_xmin($1::pg_catalog.pg_snapshot),"
	"       opened = $2::pg_catalog.pg_snapshot, last_id = $3, events = $4, intended = $5, system_identifier = i.system_identifier,"
	"       rate = cloudflux.faded_rate(p.rate, p.updated_at) + GREATEST($4 - p.events, 0) / 60.0,"
	"       timeline = i.timeline, lsn = i.lsn, updated_at = pg_catalog.clock_timestamp()"
	"  FROM cloudflux.wal_identity() i"
	" WHERE p.reader = 'kafka' AND p.wish IS NULL", 5, {TEXTOID, TEXTOID, INT8OID, INT8OID, INT8OID}
};
static CfSpiPlan write_intent = {
	"UPDATE cloudflux.event_positions p SET intended = $1, updated_at = pg_catalog.clock_timestamp() WHERE p.reader = 'kafka'", 1, {INT8OID}
};
static CfSpiPlan find_topic_wish = {
	"SELECT w.topic, w.partitions, w.replication FROM cloudflux.topic_requests w WHERE w.state = 'wanted' ORDER BY w.topic LIMIT 1", 0, {0}
};
static CfSpiPlan find_replay = {
	"SELECT r.id, r.topic, r.after_id, r.last_id FROM cloudflux.event_replays r WHERE r.finished_at IS NULL ORDER BY r.id LIMIT 1", 0, {0}
};
static Reading read_replay = {
	"SELECT " MESSAGE " FROM cloudflux.events w WHERE w.id > $2 AND w.id <= $3 AND w.topic = $1 ORDER BY w.id", 3, {TEXTOID, INT8OID, INT8OID}
};
static CfSpiPlan write_replay = {
	"UPDATE cloudflux.event_replays r"
	"   SET after_id = $2, finished_at = CASE WHEN $2 >= r.last_id THEN pg_catalog.clock_timestamp() END"
	" WHERE r.id = $1 AND (r.after_id < $2 OR r.finished_at IS NULL AND $2 >= r.last_id)", 2, {INT8OID, INT8OID}
};

/* What is known of the window that is open, or was opened last. */
static char window[CF_SNAPSHOT_BYTES];
static int64 window_events;
static int64 window_last_id;
static bool window_whole;		/* nothing of it has been sent */
static bool row_is_behind = false;	/* Kafka has acknowledged more than the row says */

/* snapshot_of makes the server's own form of one. */
static Datum
snapshot_of(const char *text)
{
	return DirectFunctionCall1(pg_snapshot_in, CStringGetDatum(text));
}

static SPIPlanPtr
plan_of(Reading *reading)
{
	if (reading->plan == NULL)
	{
		SPIPlanPtr	plan = SPI_prepare(reading->sql, reading->nargs, reading->types);

		if (plan == NULL || SPI_keepplan(plan) != 0)
			elog(ERROR, "could not prepare \"%s\": %s", reading->sql, SPI_result_code_string(SPI_result));
		reading->plan = plan;
	}
	return reading->plan;
}

/* prepare_session leaves the planner no choice, since these tables grow faster than they are analyzed, and commits no choice either. */
static void
prepare_session(void)
{
	static bool done = false;

	if (!done)
	{
		SetConfigOption("enable_seqscan", "off", PGC_SUSET, PGC_S_SESSION);
		SetConfigOption("jit", "off", PGC_SUSET, PGC_S_SESSION);
		/* Wait for a synchronous standby as a user would, whatever the default is or becomes: what is sent must survive a failover. */
		SetConfigOption("synchronous_commit", synchronous_commit == SYNCHRONOUS_COMMIT_REMOTE_APPLY ? "remote_apply" : "on", PGC_SUSET, PGC_S_OVERRIDE);
	}
	done = true;
}

/* fill_from reads into the batch by the transaction's own snapshot; true = there are no more rows. */
static bool
fill_from(Reading *reading, Datum *values, CfBatch *batch, bool replay)
{
	Portal		portal = SPI_cursor_open(NULL, plan_of(reading), values, NULL, true);

	if (portal == NULL)
		elog(ERROR, "could not read events: %s", SPI_result_code_string(SPI_result));
	return cf_publisher_fill(portal, batch, replay);
}

/*
 * read_in_order makes the planner read by the index on id and stop when we have enough, instead of sorting all that is left once for each
 * batch; or lets it sort, where all is read.
 */
static void
read_in_order(bool in_order)
{
	SetConfigOption("enable_sort", in_order ? "off" : "on", PGC_SUSET, PGC_S_SESSION);
	SetConfigOption("enable_bitmapscan", in_order ? "off" : "on", PGC_SUSET, PGC_S_SESSION);
}

uint64
cf_publisher_system(void)
{
	return GetSystemIdentifier();
}

/* The row; texts live as long as the transaction. It is not locked: looking alone must not cost a transaction id. */
typedef struct Row
{
	bool		wish;			/* a rebase */
	const char *published;
	const char *opened;			/* NULL = none */
	int64		last_id;
	int64		events;
	int64		intended;
} Row;

static void
read_the_row(Row *row)
{
	if (cf_spi_run(&read_row, NULL, NULL) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_NO_DATA), errmsg("reader \"kafka\" is missing in cloudflux.event_positions"),
				 errhint("Drop the extension and create it again, or insert the row as the install script does.")));
	row->wish = cf_spi_bool(0, 1, NULL);
	row->published = cf_spi_text(0, 2);
	row->opened = cf_spi_text(0, 3);
	row->last_id = cf_spi_int64(0, 4, NULL);
	row->events = cf_spi_int64(0, 5, NULL);
	row->intended = cf_spi_int64(0, 6, NULL);
}

/* write_down brings the row up to what Kafka has acknowledged, and to what is intended; false = somebody has asked for a rebase meanwhile. */
static bool
write_down(const CfPosition *position, int64 intended)
{
	Datum		values[5] = {CStringGetTextDatum(position->published), CStringGetTextDatum(position->opened), Int64GetDatum(position->last_id),
	Int64GetDatum(position->events), Int64GetDatum(intended)};
	bool		nulls[5] = {false, position->opened[0] == '\0', false, false, false};

	if (cf_spi_run(&write_row, values, nulls) == 0)
		return false;
	row_is_behind = false;
	return true;
}

/* write_replay_down brings a replay up to what Kafka has acknowledged, before the next one is looked for. */
static void
write_replay_down(const CfPosition *position)
{
	Datum		values[2] = {Int64GetDatum(position->replay), Int64GetDatum(position->replay_last_id)};

	if (position->replay != 0)
		cf_spi_run(&write_replay, values, NULL);
}

/* durable ends the transaction that a batch was read in, and stamps the position with where it is durable. */
static void
durable(CfPosition *next)
{
	next->system_identifier = GetSystemIdentifier();
	next->timeline = GetWALInsertionTimeLine();
	ForceSyncCommit();
	cf_spi_end();
	cf_worker_commit();
	next->lsn = XactLastCommitEnd;
}

static void
empty_batch(CfBatch *batch)
{
	batch->count = 0;
	batch->rows = 0;
	batch->bytes_used = 0;
	batch->last_id = 0;
	batch->too_large = 0;
	batch->replay = 0;
}

/* count_rest finds how much the window holds: the open one, or one that is opened now; false = nothing. */
static bool
count_rest(const CfPosition *current, CfPosition *next)
{
	bool		open = current->opened[0] != '\0';
	Datum		values[3] = {snapshot_of(current->published), open ? snapshot_of(current->opened) : (Datum) 0,
	Int64GetDatum(open ? current->last_id : PG_INT64_MIN)};
	char		nulls[4] = {' ', open ? ' ' : 'n', ' ', '\0'};
	char	   *now;

	if (open && strcmp(window, current->opened) == 0)
		return true;
	if (SPI_execute_plan(plan_of(&count_window), values, nulls, true, 0) < 0)
		elog(ERROR, "could not count events");
	now = cf_spi_text(0, 1);
	window_events = cf_spi_int64(0, 2, NULL);
	window_last_id = cf_spi_int64(0, 3, NULL);
	window_whole = !open;
	strlcpy(window, open ? current->opened : now, CF_SNAPSHOT_BYTES);
	if (open)
		return true;
	if (window_events == 0 || strlen(now) >= CF_SNAPSHOT_BYTES)
		return false;
	strlcpy(next->opened, now, CF_SNAPSHOT_BYTES);
	next->last_id = 0;
	return true;
}

/* read_events fills the batch from the window, and makes `next` of `current`; false = there is nothing to send. */
static bool
read_events(const CfPosition *current, CfBatch *batch, CfPosition *next)
{
	bool		whole;

	if (!count_rest(current, next))
		return false;
	if (window_whole && window_events <= batch->room)
	{
		Datum		values[1] = {snapshot_of(current->published)};

		read_in_order(false);
		whole = fill_from(&small_window, values, batch, false);
	}
	else
	{
		Datum		values[4] = {snapshot_of(current->published), snapshot_of(next->opened),
		Int64GetDatum(window_whole ? PG_INT64_MIN : current->last_id), Int64GetDatum(window_last_id)};

		read_in_order(true);
		whole = fill_from(&large_window, values, batch, false);
	}
	next->events += batch->rows;
	next->highest_id = Max(next->highest_id, batch->last_id);
	window_whole = false;
	if (whole)
	{
		memcpy(next->published, next->opened, CF_SNAPSHOT_BYTES);
		memset(next->opened, 0, CF_SNAPSHOT_BYTES);
		next->last_id = 0;
	}
	else
		next->last_id = batch->last_id;
	return whole || batch->rows > 0;
}

/* read_again fills the batch from a replay that somebody asked for; false = nobody did. */
static bool
read_again(CfBatch *batch, CfPosition *next)
{
	Datum		values[3];
	bool		whole;
	int64		last_id;

	if (cf_spi_run(&find_replay, NULL, NULL) == 0)
		return false;
	next->replay = batch->replay = cf_spi_int64(0, 1, NULL);
	values[0] = CStringGetTextDatum(cf_spi_text(0, 2));
	values[1] = Int64GetDatum(cf_spi_int64(0, 3, NULL));
	last_id = cf_spi_int64(0, 4, NULL);
	values[2] = Int64GetDatum(last_id);
	read_in_order(true);
	whole = fill_from(&read_replay, values, batch, true);
	next->replay_last_id = whole ? last_id : batch->last_id;
	/* They were counted when they were sent first. */
	return whole || batch->rows > 0;
}

/* look_for_topic copies a wish for a topic; false = there is none. */
static bool
look_for_topic(CfTopicWish *wish)
{
	if (cf_spi_run(&find_topic_wish, NULL, NULL) == 0)
		return false;
	strlcpy(wish->topic, cf_spi_text(0, 1), CF_TOPIC_BYTES);
	wish->partitions = (int) cf_spi_int64(0, 2, NULL);
	wish->replication = (int) cf_spi_int64(0, 3, NULL);
	return true;
}

/* rebase_from makes the position that somebody asked for: where the row says, but no smaller count than before. */
static void
rebase_from(const Row *row, const CfPosition *current, CfPosition *next)
{
	*next = *current;
	memset(next->published, 0, CF_SNAPSHOT_BYTES);
	memset(next->opened, 0, CF_SNAPSHOT_BYTES);
	strlcpy(next->published, row->published, CF_SNAPSHOT_BYTES);
	if (row->opened != NULL)
		strlcpy(next->opened, row->opened, CF_SNAPSHOT_BYTES);
	next->last_id = row->last_id;
	next->events = Max(current->events, Max(row->events, row->intended));
}

/* look_for_events reads what is next: events, else replays. */
static bool
look_for_events(const CfPosition *current, CfBatch *batch, CfPosition *next)
{
	static bool replayed = false;
	bool		found;

	/* A long replay and the stream take turns. */
	if (!replayed && (replayed = read_again(batch, next)))
		return true;
	replayed = false;
	*next = *current;
	empty_batch(batch);
	found = read_events(current, batch, next);
	if (found || batch->too_large != 0)
		return found;
	*next = *current;
	return read_again(batch, next);
}

CfLook
cf_publisher_look(bool session, const CfPosition *current, CfBatch *batch, CfPosition *next, CfTopicWish *wish)
{
	CfLook		look = CF_LOOK_NOTHING;
	Row			row;

	prepare_session();
	cf_worker_begin("looking for events to publish");
	cf_spi_begin();
	read_the_row(&row);
	empty_batch(batch);
	if (row.wish)
	{
		look = CF_LOOK_REBASE;
		rebase_from(&row, current, next);
		if (session)
		{
			Datum		intended = Int64GetDatum(next->events);

			cf_spi_run(&write_intent, &intended, NULL);
			durable(next);
			return look;
		}
	}
	else if (look_for_topic(wish))
		look = CF_LOOK_TOPIC;
	else if (session)
	{
		*next = *current;
		row_is_behind = row_is_behind || row.events != current->events;
		write_replay_down(current);
		if (look_for_events(current, batch, next))
		{
			if (write_down(current, next->events))
			{
				durable(next);
				return CF_LOOK_BATCH;
			}
		}
		else
		{
			look = batch->too_large != 0 ? CF_LOOK_TOO_LARGE : CF_LOOK_NOTHING;
			if (row_is_behind)
				(void) write_down(current, current->events);
		}
	}
	cf_spi_end();
	cf_worker_commit();
	return look;
}
