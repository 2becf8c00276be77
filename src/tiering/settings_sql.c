/*
 * settings_sql.c
 *		The settings of tiering: from when on cloudflux recommends, and how slow what it recommends may be. SQL reads them (recommend_settings()).
 */
#include "postgres.h"

#include <limits.h>

#include "utils/guc.h"

#include "core/settings_sql.h"
#include "tiering/tiering.h"

static int	recommend_min_evidence = 72;
static int	recommend_max_latency_ms = 1000;
static int	recommend_horizon = 180;

static const CfIntSetting numbers[] = {
	{"cloudflux.recommend_min_evidence", "Days of the last 90 that access logs must cover before an object is recommended to move.",
	"An object whose accesses are on record has 90.", &recommend_min_evidence, 0, 90, 0},
	{"cloudflux.recommend_max_latency_ms", "Milliseconds until the first byte that a recommended class may take, where no policy of type latency_sla says it.",
	"43200000 (12 hours) lets archive classes in, whose objects must be restored before they are read.", &recommend_max_latency_ms, 0, INT_MAX, 0},
	{"cloudflux.recommend_horizon", "Days over which recommendations compare expected costs.", NULL, &recommend_horizon, 1, 3650, 0},
};

void
cf_tiering_init(void)
{
	cf_settings_define(numbers, lengthof(numbers), NULL);
}
