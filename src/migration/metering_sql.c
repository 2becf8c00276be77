/*
 * metering_sql.c
 *		What the jobs of a round have sent: counted by the engine of `net`, written down by one statement for all of them.
 *
 * A job gets its tally at its first request; jobs between LOCAL places never do. What was counted is written at the end of
 * a round, and once a minute while it lasts, as rows that are only added: no row is waited for, and no fence is asked, since what
 * was sent was sent, whoever has the job by now. A mover that falls, or a round that ends by an ERROR, forgets what it has counted
 * since it last wrote; request_metrics, which is counted beside it, has those requests all the same.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "core/clock.h"
#include "core/spi_sql.h"
#include "migration/round_sql.h"

#define WRITE_US 60000000
#define COLUMNS 9

/* cf_round_tally gives the tally of a job for its next request. */
CfNetTally *
cf_round_tally(CfRound *round, CfJob *job)
{
	if (job->tally == NULL)
		job->tally = MemoryContextAllocZero(round->context, sizeof(CfNetTally));
	return job->tally;
}

/* count_rows tells how many rows there are to write. */
static int
count_rows(const CfJobs *jobs)
{
	int			rows = 0;

	for (int i = 0; i < jobs->count; i++)
		rows += jobs->jobs[i].tally == NULL ? 0 : jobs->jobs[i].tally->count;
	return rows;
}

/* write_rows writes all tallies of a round by one statement. */
static void
write_rows(const CfJobs *jobs, int rows)
{
	static CfSpiPlan plan = {
		"SELECT cloudflux.record_requests($1, $2, $3, $4, $5, $6, $7, $8, $9)", COLUMNS,
		{TEXTARRAYOID, TEXTARRAYOID, TEXTARRAYOID, TEXTARRAYOID, INT8ARRAYOID, INT8ARRAYOID, INT8ARRAYOID, INT8ARRAYOID, INT8ARRAYOID}
	};
	Datum	   *columns[COLUMNS];
	Datum		values[COLUMNS];
	int			n = 0;

	cf_spi_begin();
	for (int k = 0; k < COLUMNS; k++)
		columns[k] = palloc(sizeof(Datum) * rows);
	for (int i = 0; i < jobs->count; i++)
	{
		const CfJob *job = &jobs->jobs[i];

		for (int k = 0; job->tally != NULL && k < job->tally->count; k++, n++)
		{
			const CfNetTallyRow *row = &job->tally->rows[k];

			columns[0][n] = CStringGetTextDatum(job->file_id);
			columns[1][n] = CStringGetTextDatum(job->job_id);
			columns[2][n] = CStringGetTextDatum(row->place);
			columns[3][n] = CStringGetTextDatum(row->verb);
			columns[4][n] = Int64GetDatum(row->requests);
			columns[5][n] = Int64GetDatum(row->repeated);
			columns[6][n] = Int64GetDatum(row->billed);
			columns[7][n] = Int64GetDatum(row->sent_bytes);
			columns[8][n] = Int64GetDatum(row->received_bytes);
		}
	}
	for (int k = 0; k < COLUMNS; k++)
		values[k] = PointerGetDatum(k < 4 ? construct_array(columns[k], n, TEXTOID, -1, false, TYPALIGN_INT) :
									construct_array(columns[k], n, INT8OID, sizeof(int64), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
	cf_spi_run(&plan, values, NULL);
	cf_spi_end();
}

/* cf_round_record_requests writes down what the round's jobs have sent since it last did. */
void
cf_round_record_requests(CfRound *round)
{
	int			rows = count_rows(&round->jobs);
	MemoryContext old;

	round->metered_us = cf_clock_monotonic_us();
	if (rows == 0)
		return;
	HOLD_INTERRUPTS();
	cf_queue_begin("recording requests of migration jobs");
	old = MemoryContextSwitchTo(round->context);
	write_rows(&round->jobs, rows);
	MemoryContextSwitchTo(old);
	cf_queue_commit(false);
	RESUME_INTERRUPTS();
	for (int i = 0; i < round->jobs.count; i++)
	{
		if (round->jobs.jobs[i].tally != NULL)
			round->jobs.jobs[i].tally->count = 0;
	}
}

/* cf_round_meter writes down what a long round has sent so far, once a minute. */
void
cf_round_meter(CfRound *round)
{
	if (round->net != NULL && cf_clock_monotonic_us() - round->metered_us >= WRITE_US)
		cf_round_record_requests(round);
}
