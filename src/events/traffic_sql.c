/*
 * traffic_sql.c
 *		generate_events(): writes a made-up stream at a steady pace, and commits as it goes.
 *
 * It runs in the session that calls it, so that whoever started it can stop it. Each batch is a transaction of its own, which also moves
 * the row that tells how far it is; between two of them there is neither transaction nor snapshot. That the row belongs to somebody who
 * is still at it is told by an advisory lock of the session, which goes however the call ends.
 */
#include "postgres.h"

#include <math.h>

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "storage/lock.h"
#include "tcop/utility.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "core/clock.h"
#include "core/core.h"
#include "core/error_sql.h"
#include "core/spi_sql.h"
#include "core/worker.h"
#include "events/traffic.h"

/* The first half of the advisory lock's key, as in pg_locks ("even"); the second is the number of the stream. */
#define LOCK_CLASS 0x6576656e

#define RATE_MAX 100000
#define BATCH_MAX 5000
#define TICK_US 50000			/* between two batches, where the pace allows it */

typedef struct Stream
{
	CfTraffic	traffic;
	double		rate;
	int64		duration_us;
	int64		total;
	int64		id;
	int64		begun_us;
	MemoryContext batch;
} Stream;

static CfSpiPlan begin_stream = {
	"INSERT INTO cloudflux.event_streams (kind, rate, duration, seed, total, started_by) VALUES ($1, $2, $3, $4, $5, $6) RETURNING id",
	6, {TEXTOID, FLOAT8OID, INTERVALOID, INT8OID, INT8OID, TEXTOID}
};
static CfSpiPlan write_batch = {
	"INSERT INTO cloudflux.events (topic, event_type, subject, data)"
	" SELECT e.topic, e.event_type, e.subject, e.data::pg_catalog.jsonb"
	"   FROM ROWS FROM (pg_catalog.unnest($1), pg_catalog.unnest($2), pg_catalog.unnest($3), pg_catalog.unnest($4))"
	"        WITH ORDINALITY AS e(topic, event_type, subject, data, n)"
	"  ORDER BY e.n", 4, {TEXTARRAYOID, TEXTARRAYOID, TEXTARRAYOID, TEXTARRAYOID}
};
static CfSpiPlan move_stream = {
	"UPDATE cloudflux.event_streams s SET events = $2, moved_at = pg_catalog.clock_timestamp(),"
	"       finished_at = CASE WHEN s.total OPERATOR(pg_catalog.=) $2 THEN pg_catalog.clock_timestamp() END"
	" WHERE s.id OPERATOR(pg_catalog.=) $1", 2, {INT8OID, INT8OID}
};

/* take_arguments reads and judges what the stream should be. */
static void
take_arguments(FunctionCallInfo fcinfo, Stream *stream)
{
	char	   *word = PG_ARGISNULL(2) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(2));
	const Interval *duration = PG_ARGISNULL(1) ? NULL : PG_GETARG_INTERVAL_P(1);
	double		seconds;
	CfTrafficKind kind;
	uint64		seed;

	stream->rate = PG_ARGISNULL(0) ? 0 : PG_GETARG_FLOAT8(0);
	if (!(stream->rate >= 0.001 && stream->rate <= RATE_MAX))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("rate of generated events is out of range"),
						errdetail("It is in events per second, from 0.001 to %d.", RATE_MAX),
						errhint("CALL cloudflux.generate_events(rate => 1000, duration => '10 seconds', kind => 'objects').")));
	seconds = duration == NULL ? 0 : duration->month * 30.0 * 86400 + duration->day * 86400.0 + duration->time / 1e6;
	if (!(seconds > 0 && seconds <= 86400))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("duration of generated events is out of range"),
						errdetail("It is more than nothing, and a day at most."),
						errhint("CALL cloudflux.generate_events(rate => 1000, duration => '10 seconds', kind => 'objects').")));
	if (word == NULL || !cf_traffic_kind_of(word, &kind))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						word == NULL ? errmsg("kind of generated events cannot be NULL") : errmsg("events of kind \"%s\" cannot be generated", word),
						errhint("Say 'objects' (what happens to objects of a store) or 'sensors' (what sensors measure).")));
	if (!PG_ARGISNULL(3))
		seed = (uint64) PG_GETARG_INT64(3);
	else if (!pg_strong_random(&seed, sizeof(seed)))
		ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR), errmsg("could not get random bytes"), errhint("Give a seed.")));
	stream->duration_us = (int64) (seconds * 1e6);
	stream->total = Max((int64) rint(stream->rate * seconds), 1);
	cf_traffic_begin(&stream->traffic, kind, seed);
}

/* open_stream writes its row, and takes the lock that tells that somebody is at it. */
static void
open_stream(FunctionCallInfo fcinfo, Stream *stream, LOCKTAG *tag)
{
	Datum		values[6] = {
		PG_GETARG_DATUM(2), Float8GetDatum(stream->rate), PG_GETARG_DATUM(1), Int64GetDatum((int64) stream->traffic.seed),
		Int64GetDatum(stream->total), CStringGetTextDatum(GetUserNameFromId(GetOuterUserId(), false))
	};

	cf_worker_begin("beginning a stream of events");
	cf_worker_become();
	cf_spi_begin();
	cf_spi_run(&begin_stream, values, NULL);
	stream->id = cf_spi_int64(0, 1, NULL);
	cf_spi_end();
	SET_LOCKTAG_ADVISORY(*tag, MyDatabaseId, LOCK_CLASS, (uint32) stream->id, 2);
	(void) LockAcquire(tag, ExclusiveLock, true, false);
}

/* write_events writes the next events of the stream, and how far it is then; commits. */
static void
write_events(Stream *stream, int count)
{
	Datum	   *columns[4];
	Datum		arrays[4];
	Datum		values[2];
	MemoryContext outer = MemoryContextSwitchTo(stream->batch);

	for (int c = 0; c < 4; c++)
		columns[c] = palloc(sizeof(Datum) * count);
	for (int i = 0; i < count; i++)
	{
		CfTrafficEvent event;

		cf_traffic_next(&stream->traffic, cf_clock_now_us(), &event);
		columns[0][i] = CStringGetTextDatum(event.topic);
		columns[1][i] = CStringGetTextDatum(event.event_type);
		columns[2][i] = CStringGetTextDatum(event.subject);
		columns[3][i] = CStringGetTextDatum(event.data);
	}
	for (int c = 0; c < 4; c++)
		arrays[c] = PointerGetDatum(construct_array(columns[c], count, TEXTOID, -1, false, TYPALIGN_INT));
	MemoryContextSwitchTo(outer);
	values[0] = Int64GetDatum(stream->id);
	values[1] = Int64GetDatum(stream->traffic.events);
	cf_worker_begin("generating events");
	cf_worker_become();
	cf_spi_begin();
	cf_spi_run(&write_batch, arrays, NULL);
	cf_spi_run(&move_stream, values, NULL);
	cf_spi_end();
	cf_worker_commit();
	MemoryContextReset(stream->batch);
}

/* flow writes what is due, and waits for more to be due, until all is written. */
static void
flow(Stream *stream)
{
	stream->begun_us = cf_clock_monotonic_us();
	while (stream->traffic.events < stream->total)
	{
		int64		passed_us = cf_clock_monotonic_us() - stream->begun_us;
		int64		due = passed_us >= stream->duration_us ? stream->total : Min((int64) (stream->rate * (passed_us / 1e6)), stream->total);
		int64		next_us = Min((int64) ((stream->traffic.events + 1) * (1e6 / stream->rate)), stream->duration_us);

		if (due > stream->traffic.events)
			write_events(stream, (int) Min(due - stream->traffic.events, BATCH_MAX));
		if (due - stream->traffic.events >= BATCH_MAX)
			cf_worker_attend();
		else if (stream->traffic.events < stream->total)
			cf_worker_wait(Min(Max(next_us - passed_us, TICK_US), 1000000) / 1000);
	}
}

/* tell_late says that the server did not keep the pace that was asked for. */
static void
tell_late(const Stream *stream)
{
	double		seconds = (cf_clock_monotonic_us() - stream->begun_us) / 1e6;

	if (seconds > 1 + stream->duration_us / 1e6 * 1.1)
		ereport(NOTICE, (errmsg("%lld events took %.1f seconds: %.0f per second, not %g", (long long) stream->total, seconds,
								stream->total / seconds, stream->rate)));
}

/* generate_events(rate, duration, kind, seed, INOUT events) */
PG_FUNCTION_INFO_V1(cloudflux_generate_events);
Datum
cloudflux_generate_events(PG_FUNCTION_ARGS)
{
	Stream		stream = {0};
	LOCKTAG		tag;
	TupleDesc	tupdesc;
	bool		isnull = false;
	Datum		written;

	CF_ABI_CHECK();
	PreventCommandIfReadOnly("CALL cloudflux.generate_events()");
	PreventCommandDuringRecovery("CALL cloudflux.generate_events()");
	cf_call_require_nonatomic(fcinfo, "generate_events");
	if (get_call_result_type(fcinfo, NULL, &tupdesc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	tupdesc = BlessTupleDesc(tupdesc);
	take_arguments(fcinfo, &stream);
	stream.batch = AllocSetContextCreate(CurrentMemoryContext, "cloudflux generated events", ALLOCSET_DEFAULT_SIZES);
	open_stream(fcinfo, &stream, &tag);
	PG_TRY();
	{
		cf_worker_commit();
		flow(&stream);
	}
	PG_FINALLY();
	{
		LockRelease(&tag, ExclusiveLock, true);
	}
	PG_END_TRY();
	tell_late(&stream);
	written = Int64GetDatum(stream.total);
	return HeapTupleGetDatum(heap_form_tuple(tupdesc, &written, &isnull));
}
