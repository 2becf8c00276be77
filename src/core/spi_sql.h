/*
 * spi_sql.h
 *		Typed, prepared-once SPI: C sends constant statements with $n, nothing is ever glued together.
 *
 *		static CfSpiPlan find = {"SELECT … WHERE file_id OPERATOR(pg_catalog.=) $1", 1, {TEXTOID}};
 *		cf_spi_begin();
 *		if (cf_spi_run(&find, values, NULL) > 0) size = cf_spi_int64(0, 1, &isnull);
 *		cf_spi_end();
 *
 * Needs a transaction (and takes its own snapshot per statement). Between begin and end the current memory
 * context is SPI's own and dies with it. Results live until cf_spi_end() or the next run; what cf_spi_text
 * and cf_spi_datum return is copied into the context that was current at cf_spi_begin(), so it survives.
 */
#ifndef CF_CORE_SPI_SQL_H
#define CF_CORE_SPI_SQL_H

#include "postgres.h"

#include "executor/spi.h"

#define CF_SPI_ARGS 24

typedef struct CfSpiPlan
{
	const char *sql;
	int			nargs;
	Oid			types[CF_SPI_ARGS];
	bool		by_key;			/* finds single rows by their keys: one plan for all values, by index however small the tables are yet */
	SPIPlanPtr	plan;			/* made at the first run, kept for the life of the process */
	bool		ran;
} CfSpiPlan;

/* cf_spi_begin connects; nested use is allowed. An ERROR disconnects by itself. */
extern void cf_spi_begin(void);
extern void cf_spi_end(void);

/* cf_spi_run executes and returns the number of rows processed; nulls may be NULL (no argument is null). */
extern uint64 cf_spi_run(CfSpiPlan *plan, const Datum *values, const bool *nulls);

/* cf_spi_read is cf_spi_run under the caller's snapshot, as a STABLE function reads: also in parallel workers and on a standby. */
extern uint64 cf_spi_read(CfSpiPlan *plan, const Datum *values, const bool *nulls);

/*
 * Column col (from 1) of row (from 0) of the last result. int64 takes int2, int4 and int8 columns, float8
 * takes float4 and float8; another type is an internal error, so cast in the statement. isnull may be NULL
 * where the statement cannot give a null; then a null reads as 0.
 */
extern int64 cf_spi_int64(uint64 row, int col, bool *isnull);
extern double cf_spi_float8(uint64 row, int col, bool *isnull);
extern bool cf_spi_bool(uint64 row, int col, bool *isnull);
extern char *cf_spi_text(uint64 row, int col);	/* NULL when null; any type, by its output function */
extern Datum cf_spi_datum(uint64 row, int col, bool *isnull);	/* copied into the caller's context */

#endif							/* CF_CORE_SPI_SQL_H */
