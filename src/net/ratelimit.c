/*
 * ratelimit.c
 *		The table of places that all processes share, and how many requests of a place may be under way.
 *
 * Every field is a number of its own, changed atomically; nothing is locked, so nobody can die holding a lock. What could
 * be left behind is `running`: each engine gives back what it took when it is closed, and a process that is killed takes
 * the server's shared memory with it.
 */
#include <string.h>

#include "net/ratelimit.h"

#define SHRINK_EVERY_US INT64_C(1000000)
#define PAUSE_MAX_US INT64_C(3600000000)

/* slot_key is FNV-1a, 64 bits, of scope and name; never 0. */
static uint64_t
slot_key(uint32_t scope, const char *name)
{
	uint64_t	hash = UINT64_C(14695981039346656037) ^ scope;

	hash *= UINT64_C(1099511628211);
	for (; *name != '\0'; name++)
		hash = (hash ^ (unsigned char) *name) * UINT64_C(1099511628211);
	return hash == 0 ? 1 : hash;
}

/* name_slot fills in what views show; the slot's key is ours already. */
static void
name_slot(CfNetSlot *slot, uint32_t scope, const char *name)
{
	size_t		length = strlen(name);

	if (length >= sizeof(slot->name))
		length = sizeof(slot->name) - 1;
	memcpy(slot->name, name, length);
	slot->name[length] = '\0';
	slot->scope = scope;
	__atomic_store_n(&slot->named, 1, __ATOMIC_RELEASE);
}

CfNetSlot *
cf_slot_find(CfNetShared *shared, uint32_t scope, const char *name)
{
	uint64_t	key = slot_key(scope, name);

	for (uint64_t i = 0; i < CF_NET_SLOTS; i++)
	{
		CfNetSlot  *slot = &shared->slots[(key + i) % CF_NET_SLOTS];
		uint64_t	seen = __atomic_load_n(&slot->key, __ATOMIC_RELAXED);

		if (seen == 0 && __atomic_compare_exchange_n(&slot->key, &seen, key, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		{
			name_slot(slot, scope, name);
			return slot;
		}
		if (seen == key)
			return slot;
	}
	return &shared->slots[key % CF_NET_SLOTS];
}

int
cf_slot_limit(const CfNetSlot *slot, int max_connections)
{
	int			most = max_connections > 0 ? max_connections : CF_NET_CONNECTIONS;
	int			limit = __atomic_load_n(&slot->limit_256, __ATOMIC_RELAXED) / 256;

	return limit > 0 && limit < most ? limit : most;
}

bool
cf_slot_enter(CfNetSlot *slot, int max_connections)
{
	int32_t		limit = cf_slot_limit(slot, max_connections);
	int32_t		running = __atomic_load_n(&slot->running, __ATOMIC_RELAXED);

	__atomic_store_n(&slot->most, max_connections > 0 ? max_connections : CF_NET_CONNECTIONS, __ATOMIC_RELAXED);
	do
	{
		if (running >= limit)
			return false;
	} while (!__atomic_compare_exchange_n(&slot->running, &running, running + 1, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED));
	return true;
}

void
cf_slot_leave(CfNetSlot *slot)
{
	__atomic_sub_fetch(&slot->running, 1, __ATOMIC_RELAXED);
}

void
cf_slot_grow(CfNetSlot *slot)
{
	int32_t		seen = __atomic_load_n(&slot->limit_256, __ATOMIC_RELAXED);
	int32_t		next;

	/* One more after as many answers as may run; without a limit of its own once it has grown back. */
	do
	{
		if (seen == 0)
			return;
		next = seen + 256 * 256 / seen + 1;
		if (next >= __atomic_load_n(&slot->most, __ATOMIC_RELAXED) * 256)
			next = 0;
	} while (!__atomic_compare_exchange_n(&slot->limit_256, &seen, next, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED));
}

void
cf_slot_shrink(CfNetSlot *slot, int64_t now_us, int64_t pause_us)
{
	int64_t		slowed = __atomic_load_n(&slot->slowed_us, __ATOMIC_RELAXED);
	int32_t		limit;

	if (pause_us > 0)
		__atomic_store_n(&slot->pause_until_us, now_us + pause_us, __ATOMIC_RELAXED);
	if (slowed != 0 && now_us >= slowed && now_us - slowed < SHRINK_EVERY_US)
		return;
	if (!__atomic_compare_exchange_n(&slot->slowed_us, &slowed, now_us, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		return;
	/* Half of what really ran: a limit far above it would not be felt. */
	limit = cf_slot_limit(slot, __atomic_load_n(&slot->most, __ATOMIC_RELAXED));
	if (limit > __atomic_load_n(&slot->running, __ATOMIC_RELAXED))
		limit = __atomic_load_n(&slot->running, __ATOMIC_RELAXED);
	limit = limit * 256 / 2;
	__atomic_store_n(&slot->limit_256, limit < 256 ? 256 : limit, __ATOMIC_RELAXED);
}

int64_t
cf_slot_pause_us(const CfNetSlot *slot, int64_t now_us)
{
	int64_t		left = __atomic_load_n(&slot->pause_until_us, __ATOMIC_RELAXED) - now_us;

	return left > 0 && left <= PAUSE_MAX_US ? left : 0;
}
