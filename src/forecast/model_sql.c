/*
 * model_sql.c
 *		Parts of models as they are stored and kept at call sites, and how training learns that it should end.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "storage/procsignal.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

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

CfModelSite *
cf_forecast_site(FunctionCallInfo fcinfo, int64 model_id, const char *part, Size size, CfModelRead read)
{
	CfModelSite *site = fcinfo->flinfo->fn_extra;
	MemoryContext context;

	if (site != NULL && site->model_id == model_id && strcmp(site->part, part) == 0)
		return site;
	fcinfo->flinfo->fn_extra = NULL;
	if (site != NULL)
		MemoryContextDelete(GetMemoryChunkContext(site));
	context = AllocSetContextCreate(fcinfo->flinfo->fn_mcxt, "cloudflux model", ALLOCSET_DEFAULT_SIZES);
	site = MemoryContextAllocZero(context, size);
	read(cf_forecast_part(model_id, part), context, site);
	site->model_id = model_id;
	strlcpy(site->part, part, sizeof(site->part));
	fcinfo->flinfo->fn_extra = site;
	return site;
}
