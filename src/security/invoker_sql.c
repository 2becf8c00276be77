/*
 * invoker_sql.c
 *		Who called: the role outside all SECURITY DEFINER functions, as SET ROLE left it.
 */
#include "postgres.h"

#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "core/core.h"

PG_FUNCTION_INFO_V1(cloudflux_invoker);

/* cloudflux.invoker() is to SECURITY DEFINER functions what CURRENT_USER is to others. */
Datum
cloudflux_invoker(PG_FUNCTION_ARGS)
{
	CF_ABI_CHECK();
	return DirectFunctionCall1(namein, CStringGetDatum(GetUserNameFromId(GetOuterUserId(), false)));
}
