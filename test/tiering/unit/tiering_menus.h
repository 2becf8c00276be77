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

/* menu_automatic makes a class one that tiers by itself: as dear as it is in its first state, ever cheaper in the others. */
static inline CfTariffClass
menu_automatic(CfTariffClass cls, const char *const *names, const int32_t *idle_days, const double *storage, int states)
{
	for (int s = 1; s < states; s++)
	{
		cls.states[s] = cls.states[0];
		cls.states[s].name = names[s];
		cls.states[s].idle_days = idle_days[s];
		cls.states[s].storage_usd = storage[s] / MENU_GB;
	}
	cls.state_count = states;
	cls.monitor_usd = 0.0025 / 1000 / CF_TARIFF_MONTH_DAYS;
	cls.monitor_min_bytes = 131072;
	return cls;
}

/* menu_gcs is Google Cloud Storage in us-central1, all of which answers at once: plain = without Autoclass (here to its terminal class Archive). */
static inline CfTariffMenu
menu_gcs(bool plain)
{
	const char *const names[] = {"STANDARD", "NEARLINE", "COLDLINE", "ARCHIVE"};
	const int32_t idle_days[] = {0, 30, 90, 365};
	const double storage[] = {0.020, 0.010, 0.004, 0.0012};
	CfTariffMenu menu = {.name = plain ? "GCS us-central1, plain" : "GCS us-central1, instant",.standard_usd = 0.020 / MENU_GB,
		.restore_days = 1,.copy_pays_put = true,.count = plain ? 4 : 5,.hot = 0,.warm = 1,.cold = 2,.frozen = 3,
		.automatic = plain ? CF_TARIFF_NONE : 4,.automatic_archive = CF_TARIFF_NONE
	};

	menu.classes[0] = menu_class("STANDARD", 0.020, 0.005, 0.0004, 0, 0, 0, 0, 0);
	menu.classes[1] = menu_class("NEARLINE", 0.010, 0.010, 0.001, 0.010, 0.01, 30, 0, 1);
	menu.classes[2] = menu_class("COLDLINE", 0.004, 0.020, 0.010, 0.020, 0.02, 90, 0, 1 | 2);
	menu.classes[3] = menu_class("ARCHIVE", 0.0012, 0.050, 0.050, 0.050, 0.05, 365, 0, 1 | 2 | 4);
	if (!plain)
		menu.classes[4] = menu_automatic(menu_class("AUTOCLASS", 0.020, 0.005, 0.0004, 0.005, 0, 0, 0, 1), names, idle_days, storage, 4);
	return menu;
}

/* menu_azure is Azure Blob in eastus, LRS; archive = with what answers within 12 hours, which takes a restore at high priority. */
static inline CfTariffMenu
menu_azure(bool archive)
{
	CfTariffMenu menu = {.name = archive ? "Azure eastus, archive" : "Azure eastus, instant",.standard_usd = 0.0208 / MENU_GB,
		.restore_days = 1,.copy_pays_get = true,.lifecycle_pays_early = true,.count = archive ? 4 : 3,.hot = 0,.warm = 1,
		.cold = 2,.frozen = archive ? 3 : CF_TARIFF_NONE,.automatic = CF_TARIFF_NONE,.automatic_archive = CF_TARIFF_NONE
	};

	menu.classes[0] = menu_class("Hot", 0.0208, 0.005, 0.0004, 0, 0, 0, 0, 0);
	menu.classes[1] = menu_class("Cool", 0.0152, 0.010, 0.001, 0.010, 0.01, 30, 0, 1);
	menu.classes[2] = menu_class("Cold", 0.0036, 0.018, 0.010, 0.018, 0.03, 90, 0, 1 | 2);
	if (archive)
		menu.classes[3] = menu_restored(menu_class("Archive", 0.00099, 0.010, 0.5, 0.010, 0, 180, 0, 1 | 2 | 4), 5.00, 0.10, 3600, 0, 0);
	return menu;
}

#define MENU_NAMES "instant, plain, archive, gcs, gcs-plain, azure, azure-archive"
#define MENUS 7

/* menu_number is one of all menus; menu_named finds one by its name, false = there is none. */
static inline CfTariffMenu
menu_number(int i)
{
	return i < 3 ? menu_s3(i == 1, i == 2) : i < 5 ? menu_gcs(i == 4) : menu_azure(i == 6);
}

static inline bool
menu_named(const char *name, CfTariffMenu *menu)
{
	const char *const names[MENUS] = {"instant", "plain", "archive", "gcs", "gcs-plain", "azure", "azure-archive"};

	for (int i = 0; i < MENUS; i++)
	{
		if (strcmp(names[i], name) != 0)
			continue;
		*menu = menu_number(i);
		return true;
	}
	return false;
}

#endif							/* TIERING_MENUS_H */
