/*
 * settings_sql.h
 *		Settings of a room as rows: whole numbers that a reload of the configuration changes.
 */
#ifndef CF_CORE_SETTINGS_SQL_H
#define CF_CORE_SETTINGS_SQL_H

#include "postgres.h"

#include "utils/guc.h"

/* A setting; what *value holds when it is defined is its default. */
typedef struct CfIntSetting
{
	const char *name;
	const char *short_desc;
	const char *long_desc;		/* NULL = there is no more to say */
	int		   *value;
	int			min;
	int			max;
	int			flags;			/* GUC_UNIT_… */
} CfIntSetting;

/* cf_settings_define defines all rows of a table; assign, if it is not NULL, is told of each change. For cf_NAME_init(). */
extern void cf_settings_define(const CfIntSetting *settings, int count, GucIntAssignHook assign);

#endif							/* CF_CORE_SETTINGS_SQL_H */
