/*
 * tiering_menus.h
 *		Menus of real stores for tests and benchmarks of replays: figures of the builtin price book.
 */
#ifndef TIERING_MENUS_H
#define TIERING_MENUS_H

#include <string.h>

#include "tiering/tariff.h"

#define MENU_GB (1073741824.0 * CF_TARIFF_MONTH_DAYS)	/* USD per GB and month -> per byte and day */

/* menu_state makes one state: USD per GB-month, per 1,000 reads, per GB retrieved. */
static inline CfTariffState
menu_state(const char *name, int32_t idle_days, double storage, double get, double retrieval, double first_byte_s)
{
	return (CfTariffState) {.name = name,.idle_days = idle_days,.storage_usd = storage / MENU_GB,.get_usd = get / 1000,
		.retrieval_usd = retrieval / 1073741824.0,.first_byte_s = first_byte_s
	};
}

/* menu_class makes an ordinary class. */
static inline CfTariffClass
menu_class(const char *name, double storage, double put, double get, double transition, double retrieval, int32_t min_days,
		   int64_t min_object_bytes, uint32_t lifecycle_from)
{
	CfTariffClass cls = {.name = name,.state_count = 1,.min_object_bytes = min_object_bytes,.min_days = min_days,
		.early_usd = storage / MENU_GB,.put_usd = put / 1000,.transition_usd = transition / 1000,
		.lifecycle_from = lifecycle_from
	};

	cls.states[0] = menu_state("", 0, storage, get, retrieval, 0.2);
	return cls;
}

/* menu_restored makes a class one whose reads need a restore. */
static inline CfTariffClass
menu_restored(CfTariffClass cls, double request, double retrieval, double seconds, int64_t overhead, int64_t standard)
{
	cls.states[0].restores = true;
	cls.states[0].restore_usd = request / 1000;
	cls.states[0].retrieval_usd = retrieval / 1073741824.0;
	cls.states[0].first_byte_s = seconds;
	cls.states[0].overhead_bytes = overhead;
	cls.states[0].overhead_standard_bytes = standard;
	return cls;
}

/* menu_s3 is S3 in us-east-1: plain = without Intelligent-Tiering, archive = with what answers within 12 hours. */
static inline CfTariffMenu
menu_s3(bool plain, bool archive)
{
	CfTariffMenu menu = {.name = archive ? "S3 us-east-1, archive" : plain ? "S3 us-east-1, plain" : "S3 us-east-1, instant",
		.standard_usd = 0.023 / MENU_GB,.restore_days = 1,.copy_pays_get = true,.copy_pays_put = true,
		.lifecycle_pays_early = true,.hot = 0,.warm = 1,.cold = 2,.frozen = CF_TARIFF_NONE,.automatic = CF_TARIFF_NONE,
		.automatic_archive = CF_TARIFF_NONE
	};

	menu.classes[0] = menu_class("STANDARD", 0.023, 0.005, 0.0004, 0, 0, 0, 0, 0);
	menu.classes[1] = menu_class("STANDARD_IA", 0.0125, 0.01, 0.001, 0.01, 0.01, 30, 131072, 1);
	menu.classes[2] = menu_class("GLACIER_IR", 0.004, 0.02, 0.01, 0.02, 0.03, 90, 131072, 1 | 2);
	menu.count = 3;
	if (!plain)
	{
		CfTariffClass *it = &menu.classes[menu.count];

		*it = menu_class("INTELLIGENT_TIERING", 0.023, 0.005, 0.0004, 0.01, 0, 0, 0, 1);
		it->states[1] = menu_state("IA", 30, 0.0125, 0.0004, 0, 0.2);
		it->states[2] = menu_state("AIA", 90, 0.004, 0.0004, 0, 0.2);
		it->state_count = 3;
		it->monitor_usd = 0.0025 / 1000 / CF_TARIFF_MONTH_DAYS;
		it->monitor_min_bytes = 131072;
		menu.automatic = menu.count++;
	}
	if (archive)
	{
		CfTariffClass *it = &menu.classes[5];

		menu.classes[4] = menu_restored(menu_class("GLACIER", 0.0036, 0.03, 0.0004, 0.03, 0, 90, 0, 1 | 2 | 4),
										0, 0, 43200, 32768, 8192);
		*it = menu.classes[3];
		it->name = "INTELLIGENT_TIERING (archive)";
		it->states[2] = menu_state("AA", 90, 0.0036, 0.0004, 0, 18000);
		it->states[3] = menu_state("DAA", 180, 0.00099, 0.0004, 0, 43200);
		for (int s = 2; s < 4; s++)
		{
			it->states[s].overhead_bytes = 32768;
			it->states[s].overhead_standard_bytes = 8192;
		}
		it->state_count = 4;
		menu.classes[6] = menu_restored(menu_class("DEEP_ARCHIVE", 0.00099, 0.05, 0.0004, 0.05, 0, 180, 0, 1 | 2 | 4 | 16),
										0.10, 0.02, 43200, 32768, 8192);
		menu.count = 7;
		menu.automatic_archive = 5;
		menu.frozen = 6;
	}
	return menu;
}

#endif							/* TIERING_MENUS_H */
