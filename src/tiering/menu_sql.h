/*
 * menu_sql.h
 *		Reading a menu of storage classes from SQL.
 */
#ifndef CF_TIERING_MENU_SQL_H
#define CF_TIERING_MENU_SQL_H

#include "postgres.h"

#include "tiering/tariff.h"

/* The columns of replay_menu() that cf_menu_take() reads, in its order. */
#define CF_MENU_COLUMNS \
	"class_no, state_no, storage_class, state, role, idle_days, storage_usd_gb_month::float8, overhead_bytes," \
	" overhead_standard_bytes, get_usd_per_1000::float8, retrieval_usd_gb::float8, restores, restore_usd_per_1000::float8," \
	" first_byte_s, min_object_bytes, min_days, early_usd_gb_month::float8, monitoring_usd_per_1000::float8, monitor_min_bytes," \
	" put_usd_per_1000::float8, transition_usd_per_1000::float8, lifecycle_from, standard_usd_gb_month::float8," \
	" copy_pays_get, copy_pays_put, lifecycle_pays_early"

/* cf_menu_begin empties a menu; name lives as long as it. */
extern void cf_menu_begin(CfTariffMenu *menu, const char *name);

/* cf_menu_take adds a row of the last result of SPI (CF_MENU_COLUMNS, ordered by class and state); names are copied as cf_spi_text() does. */
extern void cf_menu_take(CfTariffMenu *menu, uint64 row);

#endif							/* CF_TIERING_MENU_SQL_H */
