/*
 * roster.c
 *		Who takes part in a replay: one line per policy, in the order in which they are shown; hindsight comes last.
 */
#include "tiering/decide.h"
#include "tiering/roster.h"

static const CfReplayMake makers[] = {
	cf_roster_make_stay,
	cf_roster_make_age,
	cf_roster_make_read_back,
	cf_roster_make_read,
	cf_roster_make_automatic,
	cf_roster_make_archive,
	cf_decide_make,
};

int
cf_replay_roster(const CfTariffMenu *menu, CfArena *arena, CfReplayPolicy policies[CF_REPLAY_POLICIES])
{
	int			count = 0;

	for (size_t i = 0; i < sizeof(makers) / sizeof(makers[0]); i++)
	{
		if (!makers[i] (menu, arena, &policies[count]))
			continue;
		if (policies[count].decide == NULL)
			return -1;
		count++;
	}
	policies[count++] = (CfReplayPolicy) {.name = "hindsight",.about = "the cheapest plan, all reads known",.hindsight = true};
	return count;
}
