/*
 * net_sql.c
 *		The engine of a process on its latch, the settings of the room, and what SQL sees: meter and state.
 *
 * One engine per process, made at the first request and closed when the process ends: what it holds of the places' limits
 * goes back to the others then. Its descriptors are counted with the server's. Metering goes to shared memory, where a
 * rollback does not reach it, and from there to the table by the keeper; without preload it stays in the session until the
 * session itself calls flush_request_metrics().
 *
 * Nothing here is called by libcurl but take_descriptor(), which does not raise.
 */
#include "postgres.h"

#include <limits.h>

#include "access/xact.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "storage/fd.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/lwlock.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "core/clock.h"
#include "core/compat.h"
#include "core/core.h"
#include "core/error_sql.h"
#include "core/settings_sql.h"
#include "core/shmem.h"
#include "net/guard.h"
#include "net/meter.h"
#include "net/net_sql.h"
#include "net/ratelimit.h"

typedef struct NetMemory
{
	LWLock		lock;			/* of meter; limits are atomic */
	int			tranche;
	CfNetShared limits;
	CfMeterTable meter;
} NetMemory;

static NetMemory *shared_memory = NULL; /* NULL without preload */
static NetMemory *memory = NULL;	/* the shared one, or this process's own */

static char *net_allow = NULL;
static char *net_proxy = NULL;
static char *net_no_proxy = NULL;
static char *net_ca_file = NULL;
static int	net_attempts = 6;
static int	net_max_transfers = 64;
static int	net_requests_per_second = 0;
static int	net_bandwidth_kb = 0;
static bool settings_changed = true;

static CfNet *mine = NULL;
static bool tracing = false;
static WaitEventSet *wait_set = NULL;
static uint32 wait_event = 0;

PG_FUNCTION_INFO_V1(cloudflux_take_request_metrics);
PG_FUNCTION_INFO_V1(cloudflux_list_network);

/* Settings: strings with their checks, and numbers. */

static bool
check_allow(char **newval, void **extra, GucSource source)
{
	CfAllow    *allow = malloc(sizeof(CfAllow));
	CfError		err;
	bool		good;

	if (allow == NULL)
		return false;
	good = cf_guard_parse(*newval, allow, &err);
	free(allow);
	if (!good)
	{
		GUC_check_errdetail("%s.", err.message);
		if (err.hint[0] != '\0')
			GUC_check_errhint("%s", err.hint);
	}
	return good;
}

static bool
check_proxy(char **newval, void **extra, GucSource source)
{
	CfError		err;

	if ((*newval)[0] == '\0' || cf_guard_proxy(*newval, &err))
		return true;
	GUC_check_errdetail("%s.", err.message);
	GUC_check_errhint("Write http://host:port or https://host:port.");
	return false;
}

static bool
check_ca_file(char **newval, void **extra, GucSource source)
{
	if ((*newval)[0] == '\0' || is_absolute_path(*newval))
		return true;
	GUC_check_errdetail("The file of certificates is named by an absolute path.");
	return false;
}

static void
string_changed(const char *newval, void *extra)
{
	settings_changed = true;
}

static void
number_changed(int newval, void *extra)
{
	settings_changed = true;
}

static const struct
{
	const char *name;
	const char *short_desc;
	const char *long_desc;
	char	  **value;
	GucStringCheckHook check;
	int			flags;
}			strings[] = {
	{"cloudflux.net_allow", "Private addresses that requests may go to.",
	"Networks, addresses and hosts, with or without a port: 127.0.0.0/8:9000, 10.1.0.0/16, [fd12::]/16, minio.corp. Without TLS nothing else can be reached.",
	&net_allow, check_allow, 0},
	{"cloudflux.net_proxy", "Proxy for requests.",
	"http://host:port; empty = none, whatever the environment says. Through a proxy only https goes, and only to hosts of cloudflux.net_allow.",
	&net_proxy, check_proxy, GUC_SUPERUSER_ONLY},
	{"cloudflux.net_no_proxy", "Hosts that are reached without the proxy.",
	"host, .domain or *, separated by commas.", &net_no_proxy, NULL, 0},
	{"cloudflux.net_ca_file", "Certificates of the authorities that are trusted.",
	"A PEM file; empty = those of the operating system. A place may name its own in its option ca_file.",
	&net_ca_file, check_ca_file, 0},
};

static const CfIntSetting numbers[] = {
	{"cloudflux.net_attempts", "How often a request is sent at most when it fails for a reason that passes.", NULL,
	&net_attempts, 1, 20, 0},
	{"cloudflux.net_max_transfers", "Requests of one process that are under way at once.",
	"A place has its own limit over all processes, in its option max_connections.",
	&net_max_transfers, 1, 1000, 0},
	{"cloudflux.net_requests_per_second", "Requests per second of the whole server.",
	"0 = no limit. A place has its own limit in its option requests_per_second.",
	&net_requests_per_second, 0, INT_MAX, 0},
	{"cloudflux.net_bandwidth_limit", "Bandwidth per second of the whole server, both ways together, in kB where no unit is given.",
	"0 = no limit. A place has its own limit in its option bandwidth_limit, in bytes.",
	&net_bandwidth_kb, 0, INT_MAX, GUC_UNIT_KB},
};

/* init_memory prepares the lock; the rest begins as zeros. */
static void
init_memory(void *mem)
{
	NetMemory  *fresh = mem;

	fresh->tranche = LWLockNewTrancheId();
	LWLockInitialize(&fresh->lock, fresh->tranche);
}

void
cf_net_init(void)
{
	for (size_t i = 0; i < lengthof(strings); i++)
		DefineCustomStringVariable(strings[i].name, strings[i].short_desc, strings[i].long_desc, strings[i].value, "",
								   PGC_SIGHUP, strings[i].flags, strings[i].check, string_changed, NULL);
	cf_settings_define(numbers, lengthof(numbers), number_changed);
	cf_shmem_register("cloudflux net", sizeof(NetMemory), init_memory, (void **) &shared_memory);
}

/* attach finds the shared memory, or makes memory of this process's own. */
static void
attach(void)
{
	if (memory != NULL)
		return;
	if (shared_memory != NULL)
		LWLockRegisterTranche(shared_memory->tranche, "CloudfluxNet");
	memory = shared_memory != NULL ? shared_memory : MemoryContextAllocZero(TopMemoryContext, sizeof(NetMemory));
}

static void
lock_meter(void)
{
	if (memory == shared_memory)
		LWLockAcquire(&memory->lock, LW_EXCLUSIVE);
}

static void
unlock_meter(void)
{
	if (memory == shared_memory)
		LWLockRelease(&memory->lock);
}

/* take_descriptor reserves a descriptor with the server's accounting, or gives one back. */
static bool
take_descriptor(void *ctx, bool take)
{
	if (take)
		return AcquireExternalFD();
	ReleaseExternalFD();
	return true;
}

/* count_attempt is the engine's meter. */
static void
count_attempt(void *ctx, const CfNetMeter *meter)
{
	lock_meter();
	cf_meter_count(&memory->meter, MyDatabaseId, cf_clock_now_us(), meter);
	unlock_meter();
}

/* trace_attempt tells of an attempt; the line is redacted. */
static void
trace_attempt(void *ctx, const char *line)
{
	ereport(DEBUG2, (errmsg_internal("cloudflux net: %s", line)));
}

/* close_engine gives back what the engine holds, when the process ends. */
static void
close_engine(int code, Datum arg)
{
	CfNet	   *net = mine;

	mine = NULL;
	if (net == NULL)
		return;
	cf_net_close(net);
	ReleaseExternalFD();
}

/* fill_options takes the settings as they are now. */
static void
fill_options(CfNetOptions *options)
{
	*options = (CfNetOptions) {
		.max_transfers = net_max_transfers,
		.attempts_max = net_attempts,
		.ca_file = net_ca_file,
		.proxy = net_proxy,
		.no_proxy = net_no_proxy,
		.allow = net_allow,
		.requests_per_second = net_requests_per_second,
		.bandwidth_limit = (int64) net_bandwidth_kb * 1024,
		.descriptor = take_descriptor,
		.meter = count_attempt,
		.trace = tracing ? trace_attempt : NULL,
		.shared = &memory->limits,
		.scope = MyDatabaseId
	};
}

CfNet *
cf_net_mine(void)
{
	bool		trace = message_level_is_interesting(DEBUG2);
	CfNetOptions options;
	CfError		err;

	attach();
	if (mine != NULL && !settings_changed && trace == tracing)
		return mine;
	tracing = trace;
	fill_options(&options);
	if (mine != NULL)
		cf_net_set_options(mine, &options);
	else
	{
		static bool registered = false;

		if (!registered)
			before_shmem_exit(close_engine, (Datum) 0);
		registered = true;
		if (!AcquireExternalFD())
			ereport(ERROR,
					(errcode(ERRCODE_INSUFFICIENT_RESOURCES),
					 errmsg("no file descriptor is free for network requests"),
					 errhint("Raise max_files_per_process.")));
		mine = cf_net_open(&options, &err);
		if (mine == NULL)
		{
			ReleaseExternalFD();
			cf_error_raise(&err);
		}
	}
	settings_changed = false;
	return mine;
}

/* make_wait_set makes the set of events once: the latch, the postmaster, and the one descriptor of the engine. */
static void
make_wait_set(CfNet *net)
{
	WaitEventSet *set = CF_WAIT_EVENT_SET(3);

	AddWaitEventToSet(set, WL_LATCH_SET, PGINVALID_SOCKET, MyLatch, NULL);
	AddWaitEventToSet(set, WL_EXIT_ON_PM_DEATH, PGINVALID_SOCKET, NULL, NULL);
	AddWaitEventToSet(set, WL_SOCKET_READABLE, cf_net_fd(net), NULL, NULL);
	wait_set = set;
}

void
cf_net_wait(CfNet *net, int max_ms)
{
	int			wait_ms = cf_net_wait_ms(net);
	WaitEvent	event;

	if (wait_set == NULL)
		make_wait_set(net);
	if (wait_ms < 0 || wait_ms > max_ms)
		wait_ms = max_ms;
	(void) WaitEventSetWait(wait_set, wait_ms, &event, 1, CF_WAIT_EVENT(wait_event, "CloudfluxNet"));
	ResetLatch(MyLatch);
	cf_net_turn(net);
}

void
cf_net_perform(CfRequest *request, CfResponse *response, CfArena *arena)
{
	CfNet	   *net = cf_net_mine();

	PG_TRY();
	{
		cf_net_submit(net, request, response, arena, response);
		while (!cf_net_take(net, response))
		{
			cf_net_wait(net, 1000);
			CHECK_FOR_INTERRUPTS();
		}
	}
	PG_CATCH();
	{
		cf_net_cancel(net, response);
		PG_RE_THROW();
	}
	PG_END_TRY();
}

bool
cf_net_outage(const char *place, int64 *lasts_us, int64 *wait_us)
{
	int64		now_us = cf_clock_monotonic_us();
	const CfBreaker *breaker;
	int64		until_us;

	attach();
	breaker = &cf_slot_find(&memory->limits, MyDatabaseId, place)->breaker;
	until_us = breaker->until_us;
	if (until_us == 0)
		return false;
	*lasts_us = Max(now_us - breaker->since_us, 0);
	*wait_us = Max(until_us - now_us, 0);
	return true;
}

/*
 * What take_request_metrics() took out of memory belongs to its (sub)transaction: when that aborts, it goes back.
 */
static CfMeterRow *taken = NULL;
static int	taken_count = 0;
static SubTransactionId taken_by = InvalidSubTransactionId;

static void
give_back(void)
{
	lock_meter();
	for (int i = 0; i < taken_count; i++)
		cf_meter_add(&memory->meter, &taken[i]);
	unlock_meter();
	taken_count = 0;
}

static void
at_end(XactEvent event, void *arg)
{
	if (taken_count == 0)
		return;
	if (event == XACT_EVENT_ABORT)
		give_back();
	else if (event == XACT_EVENT_COMMIT || event == XACT_EVENT_PREPARE)
		taken_count = 0;
}

static void
at_subend(SubXactEvent event, SubTransactionId subid, SubTransactionId parent, void *arg)
{
	if (taken_count == 0 || subid != taken_by)
		return;
	if (event == SUBXACT_EVENT_ABORT_SUB)
		give_back();
	else if (event == SUBXACT_EVENT_COMMIT_SUB)
		taken_by = parent;
}

/* take_request_metrics() moves this database's counters out of memory, for who writes them down in this transaction. */
Datum
cloudflux_take_request_metrics(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;

	CF_ABI_CHECK();
	PreventCommandIfReadOnly("take_request_metrics()");
	InitMaterializedSRF(fcinfo, 0);
	attach();
	if (taken == NULL)
	{
		taken = MemoryContextAlloc(TopMemoryContext, CF_METER_ROWS * sizeof(CfMeterRow));
		RegisterXactCallback(at_end, NULL);
		RegisterSubXactCallback(at_subend, NULL);
	}
	/* Once per transaction: what was taken is not on disk yet. */
	if (taken_count > 0)
		return (Datum) 0;
	taken_by = GetCurrentSubTransactionId();
	lock_meter();
	taken_count = cf_meter_take(&memory->meter, MyDatabaseId, taken, CF_METER_ROWS);
	unlock_meter();
	for (int i = 0; i < taken_count; i++)
	{
		const CfMeterRow *row = &taken[i];
		Datum		values[9];
		bool		nulls[9] = {false};

		values[0] = TimestampTzGetDatum(time_t_to_timestamptz((pg_time_t) (row->hour * 3600)));
		values[1] = CStringGetTextDatum(row->place);
		values[2] = CStringGetTextDatum(row->verb);
		values[3] = CStringGetTextDatum(cf_meter_class_name(row->status_class));
		values[4] = Int64GetDatum(row->requests);
		values[5] = Int64GetDatum(row->repeated);
		values[6] = Int64GetDatum(row->sent_bytes);
		values[7] = Int64GetDatum(row->received_bytes);
		values[8] = Int64GetDatum((row->duration_us + 500) / 1000);
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
	return (Datum) 0;
}

/* put_slot adds the row of a place. */
static void
put_slot(ReturnSetInfo *rsinfo, const CfNetSlot *slot, int64 now_us)
{
	int64		until_us = slot->breaker.until_us;
	int64		pause_us = cf_slot_pause_us(slot, now_us);
	int64		since_us = slot->breaker.since_us;
	Datum		values[7];
	bool		nulls[7] = {false};

	if (until_us < now_us + pause_us)
		until_us = now_us + pause_us;
	values[0] = CStringGetTextDatum(slot->name);
	values[1] = Int32GetDatum(slot->running);
	values[2] = Int32GetDatum(cf_slot_limit(slot, slot->most));
	values[3] = Int32GetDatum(slot->most);
	values[4] = CStringGetTextDatum(pause_us > 0 ? "paused" : cf_breaker_state(&slot->breaker, now_us));
	nulls[5] = until_us <= now_us;
	values[5] = nulls[5] ? (Datum) 0 : TimestampTzGetDatum(GetCurrentTimestamp() + (until_us - now_us));
	nulls[6] = slot->breaker.until_us == 0 || since_us <= 0 || since_us > now_us;
	values[6] = nulls[6] ? (Datum) 0 : TimestampTzGetDatum(GetCurrentTimestamp() - (now_us - since_us));
	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
}

/* list_network() shows the places of this database that requests went to since the server started. */
Datum
cloudflux_list_network(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	int64		now_us = cf_clock_monotonic_us();

	CF_ABI_CHECK();
	InitMaterializedSRF(fcinfo, 0);
	attach();
	for (int i = 0; i < CF_NET_SLOTS; i++)
	{
		const CfNetSlot *slot = &memory->limits.slots[i];

		if (slot->named != 0 && slot->scope == MyDatabaseId)
			put_slot(rsinfo, slot, now_us);
	}
	return (Datum) 0;
}
