/*
 * model_sql.h
 *		What the doorways of all kinds of models share. Doorways only.
 */
#ifndef CF_FORECAST_MODEL_SQL_H
#define CF_FORECAST_MODEL_SQL_H

#include "postgres.h"

/* cf_forecast_ended tells a kernel that the statement ends (a CfInterrupt's wanted). */
extern bool cf_forecast_ended(void *ctx);

/* cf_forecast_part gives the bytes of a part of a model; raises 02000 when there is none. */
extern bytea *cf_forecast_part(int64 model_id, const char *part);

#endif							/* CF_FORECAST_MODEL_SQL_H */
