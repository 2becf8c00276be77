/*
 * ratelimit.h
 *		What all processes of the server know together of each place: how much may be under way, how fast, and whether it
 *		answers. Private to net.
 *
 * A fixed table in shared memory without pointers. A place finds its slot by the hash of its name (and of the database); a
 * slot is never given back; when the table is full, places share slots, and with them limits and breakers.
 */
#ifndef CF_NET_RATELIMIT_H
#define CF_NET_RATELIMIT_H

#include <stdbool.h>
#include <stdint.h>

#include "core/bucket.h"
#include "net/retry.h"

#define CF_NET_SLOTS 256
#define CF_NET_CONNECTIONS 16	/* of a place that says nothing */

typedef struct CfNetSlot
{
	volatile uint64_t key;		/* hash of scope and name; 0 = free */
	volatile int32_t named;		/* scope and name may be read */
	uint32_t	scope;
	char		name[64];
	volatile int32_t running;	/* requests under way, in all processes */
	volatile int32_t most;		/* max_connections as last seen */
	volatile int32_t limit_256; /* how many may run now, times 256; 0 = most */
	volatile int64_t slowed_us; /* when the limit was last halved; monotonic */
	volatile int64_t pause_until_us;	/* nobody starts before; monotonic */
	volatile int64_t skew_us;	/* peer's clock - ours */
	CfBucket	requests;
	CfBucket	bytes;
	CfBreaker	breaker;
	CfNetBudget budget;
} CfNetSlot;

typedef struct CfNetShared
{
	CfBucket	requests;
	CfBucket	bytes;
	CfNetSlot	slots[CF_NET_SLOTS];
} CfNetShared;

/* cf_slot_find gives the slot of a place, making it when it is new. */
extern CfNetSlot *cf_slot_find(CfNetShared *shared, uint32_t scope, const char *name);

/* cf_slot_enter takes one of the places to run, cf_slot_leave gives it back. */
extern bool cf_slot_enter(CfNetSlot *slot, int max_connections);
extern void cf_slot_leave(CfNetSlot *slot);

/* cf_slot_limit is how many may run now. */
extern int	cf_slot_limit(const CfNetSlot *slot, int max_connections);

/*
 * Additive increase, multiplicative decrease: cf_slot_grow after an answer that was no complaint, cf_slot_shrink after
 * "slow down", at most once per second for all that complain together; pause_us keeps everybody from starting.
 */
extern void cf_slot_grow(CfNetSlot *slot);
extern void cf_slot_shrink(CfNetSlot *slot, int64_t now_us, int64_t pause_us);

/* cf_slot_pause_us is how long nobody may start; 0 = not at all. */
extern int64_t cf_slot_pause_us(const CfNetSlot *slot, int64_t now_us);

#endif							/* CF_NET_RATELIMIT_H */
