/*
 * model_sql.c
 *		Parts of models as they are stored, and how training learns that it should end.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "storage/procsignal.h"
#include "utils/builtins.h"

#include "core/spi_sql.h"
#include "forecast/model_sql.h"

static CfSpiPlan find_part = {
	"SELECT p.weights FROM cloudflux.model_parts p WHERE p.model_id OPERATOR(pg_catalog.=) $1 AND p.part OPERATOR(pg_catalog.=) $2",
	2, {INT8OID, TEXTOID}, .by_key = true
};

/* It absorbs barriers, which other processes wait for. */
bool
cf_forecast_ended(void *ctx)
{
	if (ProcSignalBarrierPending)
		ProcessProcSignalBarrier();
	return QueryCancelPending || ProcDiePending;
}

bytea *
cf_forecast_part(int64 model_id, const char *part)
{
	Datum		args[2];
	Datum		weights;
	uint64		found;

	args[0] = Int64GetDatum(model_id);
	args[1] = CStringGetTextDatum(part);
	cf_spi_begin();
	found = cf_spi_read(&find_part, args, NULL);
	weights = found > 0 ? cf_spi_datum(0, 1, NULL) : (Datum) 0;
	cf_spi_end();
	if (found == 0)
		ereport(ERROR, (errcode(ERRCODE_NO_DATA), errmsg("model %lld has no part \"%s\"", (long long) model_id, part),
						errhint("Look for it in cloudflux.model_parts.")));
	return DatumGetByteaPP(weights);
}
