/*
 * menu_sql.c
 *		A menu of storage classes as rows of SQL (replay_menu()) give it.
 *
 * Rows come by class and state, and carry prices in the units of the book; the kernels count by byte, day and request. A price that is not known
 * becomes NaN, which cf_tariff_check() refuses by the name of its class.
 */
#include "postgres.h"

#include <math.h>

#include "core/spi_sql.h"
#include "tiering/menu_sql.h"

#define GB_MONTH (1073741824.0 * CF_TARIFF_MONTH_DAYS)

void
cf_menu_begin(CfTariffMenu *menu, const char *name)
{
	memset(menu, 0, sizeof(*menu));
	menu->name = name;
	menu->hot = menu->warm = menu->cold = menu->frozen = CF_TARIFF_NONE;
	menu->automatic = menu->automatic_archive = CF_TARIFF_NONE;
	menu->restore_days = 1;
}

/* price is a column of the menu, which must be known, in another unit. */
static double
price(uint64 row, int col, double unit)
{
	bool		isnull;
	double		usd = cf_spi_float8(row, col, &isnull);

	return isnull ? NAN : usd / unit;
}

/* take_role notes which class a role means. */
static void
take_role(CfTariffMenu *menu, const char *role, int cls)
{
	const struct
	{
		const char *name;
		int		   *cls;
	}			roles[] = {
		{"hot", &menu->hot}, {"warm", &menu->warm}, {"cold", &menu->cold}, {"frozen", &menu->frozen},
		{"automatic", &menu->automatic}, {"automatic_archive", &menu->automatic_archive}
	};

	for (int i = 0; role != NULL && i < (int) lengthof(roles); i++)
	{
		if (strcmp(roles[i].name, role) == 0)
			*roles[i].cls = cls;
	}
}

void
cf_menu_take(CfTariffMenu *menu, uint64 row)
{
	int			no = (int) cf_spi_int64(row, 1, NULL);
	int			at = (int) cf_spi_int64(row, 2, NULL);
	CfTariffClass *cls;
	CfTariffState *state;

	if (no >= CF_TARIFF_CLASSES)
		ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED), errmsg("a menu has at most %d storage classes", CF_TARIFF_CLASSES)));
	cls = &menu->classes[no];
	if (cls->state_count >= CF_TARIFF_STATES)
		ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED), errmsg("a storage class has at most %d states", CF_TARIFF_STATES)));
	state = &cls->states[cls->state_count++];
	menu->count = no + 1;
	state->name = cf_spi_text(row, 4);
	state->idle_days = (int32) cf_spi_int64(row, 6, NULL);
	state->storage_usd = price(row, 7, GB_MONTH);
	state->overhead_bytes = cf_spi_int64(row, 8, NULL);
	state->overhead_standard_bytes = cf_spi_int64(row, 9, NULL);
	state->get_usd = price(row, 10, 1000);
	state->retrieval_usd = price(row, 11, 1073741824);
	state->restores = cf_spi_bool(row, 12, NULL);
	state->restore_usd = price(row, 13, 1000);
	state->first_byte_s = (double) cf_spi_int64(row, 14, NULL);
	if (at != cls->state_count - 1)
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("states of storage class \"%s\" have no prices", cf_spi_text(row, 3))));
	if (at > 0)
		return;
	cls->name = cf_spi_text(row, 3);
	take_role(menu, cf_spi_text(row, 5), no);
	cls->min_object_bytes = cf_spi_int64(row, 15, NULL);
	cls->min_days = (int32) cf_spi_int64(row, 16, NULL);
	cls->early_usd = price(row, 17, GB_MONTH);
	cls->monitor_usd = price(row, 18, 1000.0 * CF_TARIFF_MONTH_DAYS);
	cls->monitor_min_bytes = cf_spi_int64(row, 19, NULL);
	cls->put_usd = price(row, 20, 1000);
	cls->lifecycle_from = (uint32) cf_spi_int64(row, 22, NULL);
	/* A class that nothing is led to has no price for that, and needs none. */
	cls->transition_usd = cls->lifecycle_from != 0 ? price(row, 21, 1000) : 0;
	menu->standard_usd = price(row, 23, GB_MONTH);
	menu->copy_pays_get = cf_spi_bool(row, 24, NULL);
	menu->copy_pays_put = cf_spi_bool(row, 25, NULL);
	menu->lifecycle_pays_early = cf_spi_bool(row, 26, NULL);
}
