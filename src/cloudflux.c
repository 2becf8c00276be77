/*
 * cloudflux.c
 *		Entry of the library; the only file that knows all rooms.
 *
 * _PG_init calls cf_NAME_init() of each room, in the order of ROOMS in the Makefile. A room defines its
 * settings there and registers its shared memory, its workers and its hooks. No curl, OpenSSL or Kafka call
 * may happen here: under shared_preload_libraries this runs in the postmaster, before fork.
 */
#include "postgres.h"

#include "fmgr.h"
#include "miscadmin.h"
#include "utils/guc.h"

#include "core/core.h"
#include "events/events.h"
#include "forecast/forecast.h"
#include "migration/migration.h"
#include "net/net.h"
#include "security/security.h"
#include "storage/storage.h"
#include "tiering/tiering.h"

PG_MODULE_MAGIC;

extern PGDLLEXPORT void _PG_init(void);

void
_PG_init(void)
{
	if (IsBinaryUpgrade)
		return;

	cf_core_init();
	cf_security_init();
	cf_events_init();
	cf_net_init();
	cf_storage_init();
	cf_tiering_init();
	cf_migration_init();
	cf_forecast_init();
	MarkGUCPrefixReserved("cloudflux");
}
