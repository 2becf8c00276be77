/*
 * publisher_read_sql.c
 *		The publisher's look at the database: what Kafka does not have yet, made durable and into messages.
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
#include "commands/dbcommands.h"
#include "executor/spi.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "core/compat.h"
#include "core/spi_sql.h"
#include "core/worker.h"
#include "events/envelope.h"
#include "events/publisher_sql.h"

#define FETCH_ROWS_MIN 16
#define FETCH_ROWS_MAX 1000
#define FETCH_BYTES (4 * 1024 * 1024)	/* that rows fetched together should have, by those before */
#define TYPES_MAX 256
#define EPOCH_US ((int64) (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * USECS_PER_DAY)

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
static Reading find_types = {
	"SELECT r.event_type, r.topic, r.version FROM cloudflux.event_routes r ORDER BY r.event_type COLLATE \"C\"", 0, {0}
};

static CfSpiPlan read_row = {
	"SELECT p.wish IS NOT NULL, p.published::pg_catalog.text, p.opened::pg_catalog.text, p.last_id, p.events, p.intended"
	"  FROM cloudflux.event_positions p WHERE p.reader = 'kafka'", 0, {0}
};
static CfSpiPlan write_row = {
	"UPDATE cloudflux.event_positions p"
	"   SET published = $1::pg_catalog.pg_snapshot, last_xmin = pg_catalog.pg_snapshot_xmin($1::pg_catalog.pg_snapshot),"
	"       opened = $2::pg_catalog.pg_snapshot, last_id = $3, events = $4, intended = $5, system_identifier = i.system_identifier,"
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

/* The types of events, for one transaction. */
typedef struct Route
{
	const char *event_type;		/* exact, or PREFIX.*, or * */
	size_t		length;			/* of what must be equal */
	bool		exact;
	const char *topic;			/* NULL = not sent */
	int			version;
} Route;

static Route routes[TYPES_MAX];
static int	route_count;

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

/* set_planner leaves the planner no choice: these tables grow faster than they are analyzed. */
static void
set_planner(void)
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

void
cf_publisher_prepare_batch(CfBatch *batch)
{
	size_t		bytes = Max((size_t) cf_kafka_memory_kb * 1024 / 2, (size_t) cf_kafka_message_bytes + 65536);

	if (batch->room != cf_kafka_batch || batch->bytes_room != bytes)
	{
		free(batch->messages);
		free(batch->bytes);
		batch->messages = calloc(cf_kafka_batch, sizeof(CfKafkaMessage));
		batch->bytes = malloc(bytes);
		batch->room = batch->messages != NULL && batch->bytes != NULL ? cf_kafka_batch : 0;
		batch->bytes_room = bytes;
	}
	if (batch->room == 0)
		ereport(ERROR,
				(errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory"),
				 errhint("Lower \"cloudflux.kafka_memory\".")));
}

/* load_routes reads where types of events go. */
static void
load_routes(void)
{
	if (SPI_execute_plan(plan_of(&find_types), NULL, NULL, true, 0) < 0)
		elog(ERROR, "could not read the types of events");
	route_count = (int) Min(SPI_processed, TYPES_MAX);
	for (int i = 0; i < route_count; i++)
	{
		Route	   *route = &routes[i];

		route->event_type = cf_spi_text(i, 1);
		route->length = strlen(route->event_type);
		route->exact = route->length == 0 || route->event_type[route->length - 1] != '*';
		route->length -= route->exact ? 0 : 1;
		route->topic = cf_spi_text(i, 2);
		route->version = (int) cf_spi_int64(i, 3, NULL);
	}
}

/* route_of finds the row that fits a type best: the type itself, else the longest pattern; NULL = none. */
static const Route *
route_of(CfText event_type)
{
	const Route *best = NULL;

	for (int i = 0; i < route_count; i++)
	{
		const Route *route = &routes[i];

		if (route->length > event_type.length || memcmp(route->event_type, event_type.text, route->length) != 0 ||
			(route->exact && route->length != event_type.length))
			continue;
		if (route->exact)
			return route;
		if (best == NULL || route->length > best->length)
			best = route;
	}
	return best;
}

/* column_text gives a column of the row as UTF-8; a database in SQL_ASCII may hold anything. */
static CfText
column_text(HeapTuple tuple, TupleDesc tupdesc, int col)
{
	bool		isnull;
	text	   *value = DatumGetTextPP(SPI_getbinval(tuple, tupdesc, col, &isnull));
	CfText		result = {VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value)};

	if (GetDatabaseEncoding() == PG_SQL_ASCII)
	{
		size_t		length = cf_envelope_clean(result, NULL, 0);
		char	   *clean = palloc(length + 1);

		(void) cf_envelope_clean(result, clean, length);
		result = (CfText){clean, length};
	}
	else if (GetDatabaseEncoding() != PG_UTF8)
	{
		char	   *converted = pg_server_to_any(result.text, (int) result.length, PG_UTF8);

		if (converted != result.text)
			result = (CfText){converted, strlen(converted)};
	}
	return result;
}

/* keep copies text into the batch, with a closing NUL; there is room. */
static const char *
keep(CfBatch *batch, const char *text, size_t length)
{
	char	   *copy = batch->bytes + batch->bytes_used;

	memcpy(copy, text, length);
	copy[length] = '\0';
	batch->bytes_used += length + 1;
	return copy;
}

typedef enum Added
{
	ADDED,
	ADDED_NOT,					/* the batch is full */
	ADDED_TOO_LARGE
} Added;

/* add_row makes a message of the row. */
static Added
add_row(CfBatch *batch, HeapTuple tuple, TupleDesc tupdesc, CfText source, bool replay)
{
	bool		isnull;
	CfEvent		event = {.id = DatumGetInt64(SPI_getbinval(tuple, tupdesc, 1, &isnull)), .topic = column_text(tuple, tupdesc, 2),
	.event_type = column_text(tuple, tupdesc, 3), .version = 1, .subject = column_text(tuple, tupdesc, 4), .actor = column_text(tuple, tupdesc, 6), .replay = replay};
	TimestampTz occurred_at = DatumGetTimestampTz(SPI_getbinval(tuple, tupdesc, 7, &isnull));
	const Route *route = route_of(event.event_type);
	CfKafkaMessage *message = &batch->messages[batch->count];
	char		text[CF_ENVELOPE_TIME_BYTES];
	size_t		left = batch->bytes_room - batch->bytes_used;
	size_t		strings;
	size_t		body;

	if (route != NULL && route->topic == NULL)
	{
		batch->rows++;
		batch->last_id = event.id;
		return ADDED;
	}
	/* An empty batch has room for everything that passes here and below. */
	if (event.topic.length + event.event_type.length + event.subject.length > cf_kafka_message_bytes)
	{
		batch->too_large = event.id;
		return ADDED_TOO_LARGE;
	}
	event.data = column_text(tuple, tupdesc, 5);
	event.version = route != NULL ? route->version : 1;
	event.time_us = TIMESTAMP_NOT_FINITE(occurred_at) ? CF_ENVELOPE_NO_TIME : occurred_at + EPOCH_US;
	strings = (route != NULL ? strlen(route->topic) : event.topic.length) + event.event_type.length + event.subject.length + 2 * sizeof(text) + 16;
	if (strings >= left)
		return ADDED_NOT;
	body = cf_envelope_write(&event, source, batch->bytes + batch->bytes_used, left - strings);
	/* The library counts key and headers, too. */
	if (body + event.subject.length + event.event_type.length + 512 > cf_kafka_message_bytes)
	{
		batch->too_large = event.id;
		return ADDED_TOO_LARGE;
	}
	if (body > left - strings)
		return ADDED_NOT;
	memset(message, 0, sizeof(*message));
	message->id = event.id;
	message->value = batch->bytes + batch->bytes_used;
	message->value_length = body;
	batch->bytes_used += body;
	message->topic = route != NULL ? keep(batch, route->topic, strlen(route->topic)) : keep(batch, event.topic.text, event.topic.length);
	message->key = keep(batch, event.subject.text, event.subject.length);
	message->key_length = event.subject.length;
	message->header[0] = keep(batch, text, snprintf(text, sizeof(text), INT64_FORMAT, event.id));
	message->header[1] = keep(batch, event.event_type.text, event.event_type.length);
	if (cf_envelope_time(event.time_us, text))
		message->header[2] = keep(batch, text, strlen(text));
	message->header[3] = "application/cloudevents+json; charset=UTF-8";
	message->header[4] = replay ? "true" : NULL;
	batch->count++;
	batch->rows++;
	batch->last_id = event.id;
	return ADDED;
}

/* fill_batch fetches rows until the batch is full; true = there are no more. */
static bool
fill_batch(Reading *reading, Datum *values, const char *nulls, CfBatch *batch, bool replay)
{
	Portal		portal = SPI_cursor_open(NULL, plan_of(reading), values, nulls, true);
	MemoryContext rows = AllocSetContextCreate(CurrentMemoryContext, "rows", ALLOCSET_DEFAULT_SIZES);
	MemoryContext outer = MemoryContextSwitchTo(rows);
	char		source[NAMEDATALEN * 3 + 64];
	char	   *database;
	Added		added = ADDED;
	long		fetch = FETCH_ROWS_MIN;
	bool		more = true;

	if (portal == NULL)
		elog(ERROR, "could not read events: %s", SPI_result_code_string(SPI_result));
	database = get_database_name(MyDatabaseId);
	database = pg_server_to_any(database, (int) strlen(database), PG_UTF8);
	if (!cf_envelope_source(GetSystemIdentifier(), database, source, sizeof(source)))
		elog(ERROR, "the name of the database is too long");
	while (added == ADDED && more)
	{
		SPI_cursor_fetch(portal, true, fetch);
		more = SPI_processed == (uint64) fetch;
		for (uint64 i = 0; i < SPI_processed && added == ADDED; i++)
			added = batch->count == batch->room ? ADDED_NOT
				: add_row(batch, SPI_tuptable->vals[i], SPI_tuptable->tupdesc, (CfText){source, strlen(source)}, replay);
		SPI_freetuptable(SPI_tuptable);
		MemoryContextReset(rows);
		if (batch->rows > 0)
			fetch = Min(Max((long) (FETCH_BYTES / (batch->bytes_used / batch->rows + 1)), FETCH_ROWS_MIN), FETCH_ROWS_MAX);
		CHECK_FOR_INTERRUPTS();
	}
	SPI_cursor_close(portal);
	MemoryContextSwitchTo(outer);
	MemoryContextDelete(rows);
	return added == ADDED;
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
	load_routes();
	if (window_whole && window_events <= batch->room)
	{
		Datum		values[1] = {snapshot_of(current->published)};

		read_in_order(false);
		whole = fill_batch(&small_window, values, NULL, batch, false);
	}
	else
	{
		Datum		values[4] = {snapshot_of(current->published), snapshot_of(next->opened),
		Int64GetDatum(window_whole ? PG_INT64_MIN : current->last_id), Int64GetDatum(window_last_id)};

		read_in_order(true);
		whole = fill_batch(&large_window, values, NULL, batch, false);
	}
	next->events += batch->rows;
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
	next->replay = cf_spi_int64(0, 1, NULL);
	values[0] = CStringGetTextDatum(cf_spi_text(0, 2));
	values[1] = Int64GetDatum(cf_spi_int64(0, 3, NULL));
	last_id = cf_spi_int64(0, 4, NULL);
	values[2] = Int64GetDatum(last_id);
	load_routes();
	read_in_order(true);
	whole = fill_batch(&read_replay, values, NULL, batch, true);
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

	set_planner();
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
		else if (batch->too_large != 0)
			look = CF_LOOK_TOO_LARGE;
		else if (row_is_behind)
			(void) write_down(current, current->events);
	}
	cf_spi_end();
	cf_worker_commit();
	return look;
}
