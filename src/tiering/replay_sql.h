/*
 * replay_sql.h
 *		What the doorways of a replay share: a call's menu, rules and history as SQL gives them. Private to replay*_sql.c.
 */
#ifndef CF_TIERING_REPLAY_SQL_H
#define CF_TIERING_REPLAY_SQL_H

#include "postgres.h"

#include "nodes/execnodes.h"

#include "core/arena.h"
#include "tiering/roster.h"

#define CF_REPLAY_GROUPS 1000
#define CF_REPLAY_RULES 256
#define CF_REPLAY_ORDERS 16		/* as many as an object has marks */
#define CF_REPLAY_USER_POLICY "user_policy"	/* what a policy of orders is called in a replay */

/* A history as it is being read. */
typedef struct CfReplayReading
{
	const CfTariffMenu *menu;
	CfReplayObject *objects;
	Size		object_room;
	uint32		object_count;
	CfReplayAccess *accesses;
	Size		access_room;
	uint64		access_count;
	char	  **prefixes;
	int			group_count;
	bool		wants_ids;		/* keep the names of all objects */
	char	  **file_ids;
	Size		id_room;
	char	   *file_id;		/* of the last object */
} CfReplayReading;

/* Everything of one call. */
typedef struct CfReplayCall
{
	CfTariffMenu menu;
	CfReplayHistory history;
	CfReplayReading reading;
	CfTierRule	rules[CF_REPLAY_RULES];
	int			rule_cls[CF_REPLAY_RULES];
	int			rule_verdicts[CF_REPLAY_RULES];
	CfRosterRules tier_rules;
	CfTierRule	orders[CF_REPLAY_ORDERS];
	int			order_cls[CF_REPLAY_ORDERS];
	CfRosterScope order_scopes[CF_REPLAY_ORDERS];
	CfRosterRules user_policy;	/* none if it has no orders */
	CfReplayPolicy policies[CF_REPLAY_POLICIES + 2];
	int			policy_count;
	uint64		steps_told;		/* of the policy at hand, in this run of the kernel */
	uint64		steps_written;
	ReturnSetInfo *rsinfo;
	MemoryContext work;
	CfArena		arena;
} CfReplayCall;

/* cf_replay_take_menu reads the menu of a store: cloud, region, redundancy, menu and day are arguments first … first + 4 of the call. */
extern void cf_replay_take_menu(CfReplayCall *call, FunctionCallInfo fcinfo, int first);

/* cf_replay_take_rules reads the thresholds of tier_rules; cf_replay_take_orders what a user ordered, of a jsonb as replay_orders() gives it. */
extern void cf_replay_take_rules(CfReplayCall *call);
extern void cf_replay_take_orders(CfReplayCall *call, Datum orders);

/* cf_replay_take_history reads a cursor to its end. */
extern void cf_replay_take_history(CfReplayCall *call, const char *cursor);

#endif							/* CF_TIERING_REPLAY_SQL_H */
