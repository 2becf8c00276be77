/*
 * settings_sql.c
 *		Settings of a room as rows: whole numbers that a reload of the configuration changes.
 */
#include "postgres.h"

#include "core/settings_sql.h"

void
cf_settings_define(const CfIntSetting *settings, int count, GucIntAssignHook assign)
{
	for (const CfIntSetting *setting = settings; setting < settings + count; setting++)
		DefineCustomIntVariable(setting->name, setting->short_desc, setting->long_desc, setting->value, *setting->value,
								setting->min, setting->max, PGC_SIGHUP, setting->flags, NULL, assign, NULL);
}
