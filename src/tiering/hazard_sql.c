/*
 * hazard_sql.c
 *		The aggregate learned_hazards(), what happened to the objects of a place, and the table read_hazards read back for who recommends.
 *
 * The counts are those of a replay (hazard.h), all days in one period: a recommendation is of today. An array has CELL numbers for each class of frequency
 * and, within it, of idle days.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/memutils.h"

#include "core/error_sql.h"
#include "core/spi_sql.h"
#include "tiering/decide.h"
#include "tiering/hazard_sql.h"
#include "tiering/reads_sql.h"

#define CELL 7					/* since, and the members of CfHazardCell */
#define LONGEST 3650			/* days that are learned from at most: what was longer ago says little */

PG_FUNCTION_INFO_V1(cloudflux_learned_hazards_add);
PG_FUNCTION_INFO_V1(cloudflux_learned_hazards_end);

/* What the aggregate has learned so far. */
typedef struct Learning
{
	CfHazards  *hazards;
	CfArena		arena;
	MemoryContext object;		/* reset after each */
} Learning;

/* begin makes empty tables. */
static Learning *
begin(MemoryContext context)
{
	Learning   *learning = MemoryContextAllocZero(context, sizeof(Learning));
	CfAllocator allocator = cf_arena_context(context);

	cf_arena_init(&learning->arena, &allocator, 16 * 1024, 0);
	learning->hazards = cf_hazards_make(&learning->arena, 0, -1, 1, 1);
	if (learning->hazards == NULL)
		ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
	learning->object = AllocSetContextCreate(context, "cloudflux hazards", ALLOCSET_SMALL_SIZES);
	return learning;
}

/* day_of is a date as a day within what the kernels can count. */
static int32
day_of(DateADT day)
{
	return day < -CF_TARIFF_DAYS_MAX ? -CF_TARIFF_DAYS_MAX : day > CF_TARIFF_DAYS_MAX ? CF_TARIFF_DAYS_MAX : day;
}

/*
 * learned_hazards_add(state, until, size_bytes, begun_on, last_read_on, reads) learns from an object that was watched from begun_on through until, as if
 * it had been uploaded on begun_on.
 */
Datum
cloudflux_learned_hazards_add(PG_FUNCTION_ARGS)
{
	Learning   *learning = PG_ARGISNULL(0) ? NULL : (Learning *) PG_GETARG_POINTER(0);
	MemoryContext context;
	MemoryContext caller;
	CfReplayAccess *reads;
	uint32		count;
	int64		size_bytes;
	int32		until;
	int32		begun;

	if (!AggCheckCallContext(fcinfo, &context))
		elog(ERROR, "learned_hazards_add() belongs to an aggregate");
	if (learning == NULL)
		learning = begin(context);
	if (PG_ARGISNULL(1) || PG_ARGISNULL(2) || PG_ARGISNULL(3))
		PG_RETURN_POINTER(learning);
	until = day_of(PG_GETARG_DATEADT(1));
	begun = Max(day_of(PG_GETARG_DATEADT(3)), until - LONGEST);
	size_bytes = Min(PG_GETARG_INT64(2), CF_REPLAY_BYTES_MAX);
	if (size_bytes < 0 || begun > until)
		PG_RETURN_POINTER(learning);
	caller = MemoryContextSwitchTo(learning->object);
	reads = cf_reads_unpack(PG_ARGISNULL(5) ? NULL : PG_GETARG_BYTEA_P(5), size_bytes, begun, until,
							PG_ARGISNULL(4) ? CF_REPLAY_NO_DAY : day_of(PG_GETARG_DATEADT(4)), &count);
	cf_hazards_learn(learning->hazards, 0, size_bytes, begun, begun, until, reads, count);
	MemoryContextSwitchTo(caller);
	MemoryContextReset(learning->object);
	PG_RETURN_POINTER(learning);
}

/* learned_hazards_end(state) gives the array; since is a date as a number, -1e9 where no day was at risk. */
Datum
cloudflux_learned_hazards_end(PG_FUNCTION_ARGS)
{
	Learning   *learning = PG_ARGISNULL(0) ? NULL : (Learning *) PG_GETARG_POINTER(0);
	Datum		numbers[CF_HAZARD_OFTEN * CF_HAZARD_IDLE * CELL];
	int			n = 0;

	if (learning == NULL)
		PG_RETURN_NULL();
	for (int often = 0; often < CF_HAZARD_OFTEN; often++)
	{
		for (int idle = 0; idle < CF_HAZARD_IDLE; idle++)
		{
			const CfHazardCell *cell = &learning->hazards->tables[0].cells[often][idle];
			int32		since = learning->hazards->since[0][idle];

			numbers[n++] = Float8GetDatum(since == INT32_MAX ? -1e9 : since);
			numbers[n++] = Float8GetDatum(cell->at_risk);
			numbers[n++] = Float8GetDatum(cell->wakes);
			numbers[n++] = Float8GetDatum(cell->reads);
			numbers[n++] = Float8GetDatum(cell->sizes);
			numbers[n++] = Float8GetDatum(cell->followed);
			numbers[n++] = Float8GetDatum(cell->further);
		}
	}
	PG_RETURN_ARRAYTYPE_P(construct_array(numbers, n, FLOAT8OID, sizeof(float8), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
}

/* What cf_hazard_read keeps. */
typedef struct Kept
{
	CfHazardKnown known;
	CfHazardTable table;
	int32		since[CF_HAZARD_IDLE];
} Kept;

const CfHazardKnown *
cf_hazard_read(const char *place)
{
	static CfSpiPlan plan = {
		"SELECT h.often_class, h.idle_class, h.since OPERATOR(pg_catalog.-) date '2000-01-01', h.learned_through OPERATOR(pg_catalog.-) date '2000-01-01',"
		" h.object_days, h.read_days, h.reads, h.sizes, h.followed, h.further FROM cloudflux.read_hazards AS h WHERE h.place OPERATOR(pg_catalog.=) $1",
		1, {TEXTOID}
	};
	Kept	   *kept = palloc0(sizeof(Kept));
	Datum		values[1] = {CStringGetTextDatum(place)};
	double		object_days = 0;
	int32		until = 0;
	uint64		rows;

	for (int i = 0; i < CF_HAZARD_IDLE; i++)
		kept->since[i] = INT32_MAX;
	cf_spi_begin();
	rows = cf_spi_read(&plan, values, NULL);
	for (uint64 row = 0; row < rows; row++)
	{
		int			idle = (int) cf_spi_int64(row, 2, NULL);
		CfHazardCell *cell = &kept->table.cells[cf_spi_int64(row, 1, NULL)][idle];

		/* The table checks that the classes are some. */
		kept->since[idle] = Min(kept->since[idle], (int32) cf_spi_int64(row, 3, NULL));
		until = (int32) cf_spi_int64(row, 4, NULL);
		cell->at_risk = cf_spi_float8(row, 5, NULL);
		cell->wakes = cf_spi_float8(row, 6, NULL);
		cell->reads = cf_spi_float8(row, 7, NULL);
		cell->sizes = cf_spi_float8(row, 8, NULL);
		cell->followed = cf_spi_float8(row, 9, NULL);
		cell->further = cf_spi_float8(row, 10, NULL);
		object_days += cell->at_risk;
	}
	cf_spi_end();
	if (object_days < CF_DECIDE_EVIDENCE)
		return NULL;
	cf_hazard_restore(&kept->table, kept->since, until, &kept->known);
	return &kept->known;
}
