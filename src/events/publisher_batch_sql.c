/*
 * publisher_batch_sql.c
 *		Rows of the outbox become messages: their topic, their text in UTF-8, their body, in memory that another thread may read.
 *
 * A batch ends when it is full, of events or of bytes; a row that did not fit is read again for the next one. What alone is larger
 * than a message may be is not skipped unless somebody says so (skip_event()): the batch ends before it, and when it is the first,
 * publishing waits.
 */
#include "postgres.h"

#include "access/xlog.h"
#include "catalog/pg_type.h"
#include "commands/dbcommands.h"
#include "executor/spi.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "core/compat.h"
#include "core/spi_sql.h"
#include "events/envelope.h"
#include "events/publisher_sql.h"

#define FETCH_ROWS_MIN 16
#define FETCH_ROWS_MAX 1000
#define FETCH_BYTES (4 * 1024 * 1024)	/* that rows fetched together should have, by those before */
#define EPOCH_US ((int64) (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * USECS_PER_DAY)

static CfSpiPlan find_types = {
	"SELECT r.event_type, r.topic, r.version FROM cloudflux.event_routes r ORDER BY r.event_type COLLATE \"C\"", 0, {0}
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

static Route *routes;
static int	route_count;

static CfSpiPlan find_skipped = {
	"SELECT s.event_id FROM cloudflux.skipped_events s ORDER BY s.event_id", 0, {0}
};

/* Events that somebody keeps from Kafka, for one transaction; sorted. */
static int64 *skipped;
static int64 skipped_count;

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
	route_count = (int) cf_spi_run(&find_types, NULL, NULL);
	routes = palloc(sizeof(Route) * (route_count + 1));
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

/* load_skipped reads which events are not to be sent; there are few, if any. */
static void
load_skipped(void)
{
	skipped_count = (int64) cf_spi_run(&find_skipped, NULL, NULL);
	skipped = palloc(sizeof(int64) * (skipped_count + 1));
	for (int64 i = 0; i < skipped_count; i++)
		skipped[i] = cf_spi_int64(i, 1, NULL);
}

static int
compare_ids(const void *a, const void *b)
{
	int64		left = *(const int64 *) a;
	int64		right = *(const int64 *) b;

	return left < right ? -1 : left > right;
}

static bool
is_skipped(int64 id)
{
	return skipped_count > 0 && bsearch(&id, skipped, skipped_count, sizeof(int64), compare_ids) != NULL;
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

	if ((route != NULL && route->topic == NULL) || is_skipped(event.id))
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

bool
cf_publisher_fill(Portal portal, CfBatch *batch, bool replay)
{
	MemoryContext rows = AllocSetContextCreate(CurrentMemoryContext, "rows", ALLOCSET_DEFAULT_SIZES);
	MemoryContext outer;
	char		source[NAMEDATALEN * 3 + 64];
	char	   *database;
	Added		added = ADDED;
	long		fetch = FETCH_ROWS_MIN;
	bool		more = true;

	load_skipped();
	load_routes();
	outer = MemoryContextSwitchTo(rows);
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
