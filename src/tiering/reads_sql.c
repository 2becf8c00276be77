/*
 * reads_sql.c
 *		The aggregate read_history(): the days on which one object was read, packed for the kernels, 24 bytes a day.
 */
#include "postgres.h"

#include "common/int.h"
#include "fmgr.h"
#include "utils/date.h"

#include "core/compat.h"
#include "tiering/reads_sql.h"

PG_FUNCTION_INFO_V1(cloudflux_read_history_add);
PG_FUNCTION_INFO_V1(cloudflux_read_history_end);

/* One day of a history as read_history() packs it. */
typedef struct PackedDay
{
	int32		day;
	uint32		reads;
	int64		bytes;
	int64		full_reads;		/* that told no bytes: of the whole object, whose size is not known yet */
} PackedDay;

/* bytes_of is what was read on a day of an object of that size. */
static int64
bytes_of(const PackedDay *day, int64 size_bytes)
{
	int64		full;

	if (pg_mul_s64_overflow(day->full_reads, size_bytes, &full) || full > CF_REPLAY_BYTES_MAX)
		return CF_REPLAY_BYTES_MAX;
	return Min(full + Min(day->bytes, CF_REPLAY_BYTES_MAX), CF_REPLAY_BYTES_MAX);
}

CfReplayAccess *
cf_reads_unpack(bytea *packed, int64 size_bytes, int32 begun_day, int32 last_day, int32 last_read_day, uint32 *count)
{
	Size		bytes = packed == NULL ? 0 : VARSIZE(packed) - VARHDRSZ;
	CfReplayAccess *reads = palloc((bytes / sizeof(PackedDay) + 1) * sizeof(CfReplayAccess));
	PackedDay	day;
	uint32		n = 0;

	if (bytes % sizeof(PackedDay) != 0)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("history of reads is not what read_history() gives")));
	for (Size at = 0; at < bytes; at += sizeof(PackedDay))
	{
		memcpy(&day, VARDATA(packed) + at, sizeof(PackedDay));
		if (day.day >= begun_day && day.day <= last_day)
			reads[n++] = (CfReplayAccess) {.day = day.day,.reads = day.reads,.bytes = bytes_of(&day, size_bytes)};
	}
	if (last_read_day != CF_REPLAY_NO_DAY && last_read_day >= begun_day && last_read_day <= last_day &&
		(n == 0 || reads[n - 1].day < last_read_day))
		reads[n++] = (CfReplayAccess) {.day = last_read_day,.reads = 1,.bytes = size_bytes};
	*count = n;
	return reads;
}

/* What read_history() has gathered of one object. */
typedef struct History
{
	PackedDay  *days;
	Size		count;
	Size		room;
	bool		ordered;
} History;

/* by_day orders days. */
static int
by_day(const void *a, const void *b)
{
	int32		x = ((const PackedDay *) a)->day;
	int32		y = ((const PackedDay *) b)->day;

	return (x > y) - (x < y);
}

/* read_history_add(state, day, reads, bytes, full_reads) adds a day. */
Datum
cloudflux_read_history_add(PG_FUNCTION_ARGS)
{
	MemoryContext context;
	History    *history = PG_ARGISNULL(0) ? NULL : (History *) PG_GETARG_POINTER(0);
	PackedDay *day;
	int64		reads = PG_ARGISNULL(2) ? 0 : PG_GETARG_INT64(2);

	if (!AggCheckCallContext(fcinfo, &context))
		elog(ERROR, "read_history_add() belongs to an aggregate");
	if (history == NULL)
	{
		history = MemoryContextAllocZero(context, sizeof(History));
		history->ordered = true;
		history->room = 16;
		history->days = MemoryContextAlloc(context, history->room * sizeof(PackedDay));
	}
	if (PG_ARGISNULL(1) || reads <= 0)
		PG_RETURN_POINTER(history);
	if (history->count == history->room)
	{
		history->room *= 2;
		history->days = repalloc_huge(history->days, history->room * sizeof(PackedDay));
	}
	day = &history->days[history->count++];
	day->day = PG_GETARG_DATEADT(1);
	day->reads = (uint32) Min(reads, (int64) UINT32_MAX);
	day->bytes = PG_ARGISNULL(3) ? 0 : Max(PG_GETARG_INT64(3), 0);
	day->full_reads = PG_ARGISNULL(4) ? 0 : Max(PG_GETARG_INT64(4), 0);
	history->ordered &= history->count < 2 || day->day > day[-1].day;
	PG_RETURN_POINTER(history);
}

/* read_history_end(state) packs the days, ascending, each once. */
Datum
cloudflux_read_history_end(PG_FUNCTION_ARGS)
{
	History    *history = PG_ARGISNULL(0) ? NULL : (History *) PG_GETARG_POINTER(0);
	Size		kept = 0;
	bytea	   *packed;

	if (history == NULL || history->count == 0)
		PG_RETURN_NULL();
	if (!history->ordered)
	{
		qsort(history->days, history->count, sizeof(PackedDay), by_day);
		for (Size i = 1; i < history->count; i++)
		{
			PackedDay *last = &history->days[kept];
			const PackedDay *day = &history->days[i];

			if (day->day != last->day)
			{
				history->days[++kept] = *day;
				continue;
			}
			last->reads = (uint32) Min((int64) last->reads + day->reads, (int64) UINT32_MAX);
			last->bytes = Min(last->bytes, CF_REPLAY_BYTES_MAX) + Min(day->bytes, CF_REPLAY_BYTES_MAX);
			last->full_reads = Min(last->full_reads, CF_REPLAY_BYTES_MAX) + Min(day->full_reads, CF_REPLAY_BYTES_MAX);
		}
		history->count = kept + 1;
		history->ordered = true;
	}
	packed = palloc(VARHDRSZ + history->count * sizeof(PackedDay));
	SET_VARSIZE(packed, VARHDRSZ + history->count * sizeof(PackedDay));
	memcpy(VARDATA(packed), history->days, history->count * sizeof(PackedDay));
	PG_RETURN_BYTEA_P(packed);
}
