/*
 * model_sql.h
 *		What the doorways of all kinds of models share. Doorways only.
 */
#ifndef CF_FORECAST_MODEL_SQL_H
#define CF_FORECAST_MODEL_SQL_H

#include "postgres.h"

#include "fmgr.h"

/* cf_forecast_ended tells a kernel that the statement ends (a CfInterrupt's wanted). */
extern bool cf_forecast_ended(void *ctx);

/* cf_forecast_part gives the bytes of a part of a model; raises 02000 when there is none. */
extern bytea *cf_forecast_part(int64 model_id, const char *part);

/* Begins whatever a doorway keeps of a part at a call site, which lives as long as that since a stored part never changes. */
typedef struct CfModelSite
{
	int64		model_id;
	char		part[NAMEDATALEN];
} CfModelSite;

/* Reads a part into what is kept (all zeros, in a context of its own). */
typedef void (*CfModelRead) (bytea *stored, MemoryContext context, CfModelSite *site);

/* cf_forecast_site gives what is kept of a part, size bytes that begin with a CfModelSite, and reads it at the first call. */
extern CfModelSite *cf_forecast_site(FunctionCallInfo fcinfo, int64 model_id, const char *part, Size size, CfModelRead read);

#endif							/* CF_FORECAST_MODEL_SQL_H */
