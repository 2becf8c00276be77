/*
 * outbox_sql.c
 *		An event is written; once it is committed, the keeper is woken, and tells the listeners once per batch.
 *
 * A user's transaction never does NOTIFY itself: that takes a lock of the whole database over the commit. It
 * only sets a latch, after its commit. The keeper reads the window of transactions that are all over
 * (cloudflux.notify_events()) and does one NOTIFY for all events in it.
 *
 * A latch is no promise: PREPARE TRANSACTION sets none, and the event of a transaction that has ended becomes
 * readable only when every older one has ended too. So the keeper also looks by time, more often while it knows of
 * events that it may not read yet. And when many commit it is not woken by each of them.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xlog.h"
#include "access/xlogrecovery.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/pg_lsn.h"

#include "core/clock.h"
#include "core/core.h"
#include "core/error_sql.h"
#include "core/keeper.h"
#include "core/spi_sql.h"
#include "core/worker.h"
#include "events/events.h"
#include "events/ingest_sql.h"
#include "events/publisher_sql.h"

#define LOOK_AGAIN_MS 250
#define WORD_BYTES 249			/* that a name of a topic may have in Kafka */

static CfSpiPlan notify_events = {
	"SELECT waiting, told > 0 FROM cloudflux.notify_events()", 0, {0}
};

static CfSpiPlan emit_one = {
	"INSERT INTO cloudflux.events (topic, event_type, subject, data) VALUES ($1, $2, $3, $4)", 4, {TEXTOID, TEXTOID, TEXTOID, JSONBOID}
};
static CfSpiPlan emit_many = {
	"INSERT INTO cloudflux.events (topic, event_type, subject, data)"
	" SELECT $1, $2, s.subject, COALESCE(s.data, '{}'::pg_catalog.jsonb)"
	"   FROM ROWS FROM (pg_catalog.unnest($3), pg_catalog.unnest($4)) AS s(subject, data)"
	"  WHERE s.subject IS NOT NULL", 4, {TEXTOID, TEXTOID, TEXTARRAYOID, JSONBARRAYOID}
};

/*
 * notify_step tells of one window; CF_WORKER_IDLE always, since a window holds all that may be read. The first event is told at once. What
 * comes then is collected: a look costs thirty times what a user's transaction pays for its event, and telling flushes the log.
 */
static CfWorkerResult
notify_step(void)
{
	static int64 next_us = 0;
	int64		left_us = next_us - cf_clock_monotonic_us();
	bool		waiting;
	bool		told;

	if (left_us > 0)
	{
		cf_worker_collect_for((int) (left_us / 1000) + 1);
		return CF_WORKER_IDLE;
	}
	cf_worker_begin("telling listeners of events");
	cf_spi_begin();
	cf_spi_run(&notify_events, NULL, NULL);
	waiting = cf_spi_bool(0, 1, NULL);
	told = cf_spi_bool(0, 2, NULL);
	cf_spi_end();
	cf_worker_commit();
	if (told || waiting)
	{
		next_us = cf_clock_monotonic_us() + LOOK_AGAIN_MS * INT64CONST(1000);
		cf_worker_collect_for(LOOK_AGAIN_MS);
	}
	return CF_WORKER_IDLE;
}

void
cf_events_init(void)
{
	cf_keeper_register(notify_step);
	cf_publisher_init_settings();
	cf_ingest_register();
}

/* wake_keeper() is the statement trigger of cloudflux.events: keeper and publisher look once this transaction commits. */
PG_FUNCTION_INFO_V1(cloudflux_wake_keeper);
Datum
cloudflux_wake_keeper(PG_FUNCTION_ARGS)
{
	CF_ABI_CHECK();
	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("function cloudflux.wake_keeper can only be called as a trigger")));
	cf_worker_wake_on_commit("keeper");
	cf_worker_wake_on_commit("publisher");
	return PointerGetDatum(NULL);
}

/* only_one tells whether an array has one element that is not null, and gives it. */
static bool
only_one(FunctionCallInfo fcinfo, int arg, Datum *value)
{
	ArrayType  *array = PG_ARGISNULL(arg) ? NULL : PG_GETARG_ARRAYTYPE_P(arg);
	int			one;
	bool		isnull;

	if (array == NULL || ARR_NDIM(array) != 1 || ARR_DIMS(array)[0] != 1)
		return false;
	one = ARR_LBOUND(array)[0];
	*value = array_get_element(PointerGetDatum(array), 1, &one, -1, -1, false, TYPALIGN_INT, &isnull);
	return !isnull;
}

/*
 * check_word refuses a name that Kafka, or a reader of CloudEvents, could not take: an event that cannot be sent would hold up all
 * those behind it.
 */
static void
check_word(const char *noun, Datum value)
{
	text	   *word = DatumGetTextPP(value);
	const char *at = VARDATA_ANY(word);
	int			length = VARSIZE_ANY_EXHDR(word);
	int			good = 0;
	int			dots = 0;

	for (int i = 0; i < length; i++)
	{
		dots += at[i] == '.';
		good += (at[i] >= 'a' && at[i] <= 'z') || (at[i] >= 'A' && at[i] <= 'Z') || (at[i] >= '0' && at[i] <= '9') ||
			at[i] == '.' || at[i] == '_' || at[i] == '-';
	}
	/* "." and ".." are no topics. */
	if (length > 0 && length <= WORD_BYTES && good == length && (dots < length || length > 2))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("\"%s\" is no %s of events", text_to_cstring(word), noun),
			 errhint("Letters, digits, dots, underscores and hyphens, %d at most.", WORD_BYTES)));
}

/* emit_events(topic, event_type, subjects, data) writes one event per subject. */
PG_FUNCTION_INFO_V1(cloudflux_emit_events);
Datum
cloudflux_emit_events(PG_FUNCTION_ARGS)
{
	Datum		values[4];
	bool		nulls[4];
	uint64		written;
	bool		one;

	CF_ABI_CHECK();
	for (int i = 0; i < 4; i++)
	{
		nulls[i] = PG_ARGISNULL(i);
		values[i] = nulls[i] ? (Datum) 0 : PG_GETARG_DATUM(i);
	}
	if (!nulls[0])
		check_word("topic", values[0]);
	if (!nulls[1])
		check_word("type", values[1]);
	one = only_one(fcinfo, 2, &values[2]) && only_one(fcinfo, 3, &values[3]);
	if (!one && !nulls[2])
		values[2] = PG_GETARG_DATUM(2);
	cf_spi_begin();
	written = cf_spi_run(one ? &emit_one : &emit_many, values, nulls);
	cf_spi_end();
	PG_RETURN_INT64((int64) written);
}

/*
 * wal_identity() tells which history of which cluster this is: transaction ids mean nothing in another one.
 * During recovery the timeline and position are those being replayed.
 */
PG_FUNCTION_INFO_V1(cloudflux_wal_identity);
Datum
cloudflux_wal_identity(PG_FUNCTION_ARGS)
{
	TupleDesc	tupdesc;
	Datum		values[3];
	bool		nulls[3] = {false};
	TimeLineID	timeline;
	XLogRecPtr	lsn;
	char		identifier[24];

	CF_ABI_CHECK();
	if (get_call_result_type(fcinfo, NULL, &tupdesc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	if (RecoveryInProgress())
		lsn = GetXLogReplayRecPtr(&timeline);
	else
	{
		timeline = GetWALInsertionTimeLine();
		lsn = GetXLogInsertRecPtr();
	}
	snprintf(identifier, sizeof(identifier), UINT64_FORMAT, GetSystemIdentifier());
	values[0] = CStringGetTextDatum(identifier);
	values[1] = Int32GetDatum((int32) timeline);
	values[2] = LSNGetDatum(lsn);
	return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(tupdesc), values, nulls));
}

/*
 * actor() names who acts: in a worker its role, or the one that it acts for; else the user outside of all SECURITY DEFINER functions
 * (the session's user, or the role that SET ROLE chose).
 */
PG_FUNCTION_INFO_V1(cloudflux_actor);
Datum
cloudflux_actor(PG_FUNCTION_ARGS)
{
	CF_ABI_CHECK();
	if (OidIsValid(cf_worker_acts_for()))
		PG_RETURN_TEXT_P(cstring_to_text(GetUserNameFromId(cf_worker_acts_for(), false)));
	if (cf_worker_is_worker())
		PG_RETURN_TEXT_P(cstring_to_text("cloudflux_worker"));
	PG_RETURN_TEXT_P(cstring_to_text(GetUserNameFromId(GetOuterUserId(), false)));
}
