/*
 * net_limits: the table of places that processes share, its adaptive concurrency, and the meter's counters.
 */
#include "tap.h"

#include "net/meter.h"
#include "net/ratelimit.h"

#define SECOND INT64_C(1000000)

static CfNetShared shared;

static void
test_slots(void)
{
	CfNetSlot  *a = cf_slot_find(&shared, 1, "a");
	CfNetSlot  *other;
	char		name[80];
	bool		all = true;

	is_str(a->name, "a", "a place gets a slot");
	ok(cf_slot_find(&shared, 1, "a") == a, "and finds it again");
	other = cf_slot_find(&shared, 2, "a");
	ok(other != a && other->scope == 2, "the same name in another database is another place");
	memset(name, 'n', 70);
	name[70] = '\0';
	is_int(strlen(cf_slot_find(&shared, 1, name)->name), 63, "a long name is cut for showing");
	for (int i = 0; i < CF_NET_SLOTS; i++)
	{
		snprintf(name, sizeof(name), "place%d", i);
		all = all && cf_slot_find(&shared, 3, name) != NULL && cf_slot_find(&shared, 3, name) == cf_slot_find(&shared, 3, name);
	}
	ok(all, "when the table is full, places share slots");
}

static void
test_concurrency(void)
{
	static CfNetSlot slot;
	int			running = 0;
	int64_t		now = SECOND;

	while (cf_slot_enter(&slot, 0))
		running++;
	is_int(running, CF_NET_CONNECTIONS, "a place that says nothing runs sixteen requests");
	ok(!cf_slot_enter(&slot, 8), "no more when the limit is lowered while they run");
	ok(cf_slot_enter(&slot, 20), "more when it is raised");
	running++;

	cf_slot_grow(&slot);
	is_int(cf_slot_limit(&slot, 20), 20, "good answers change nothing where nobody complained");
	cf_slot_shrink(&slot, now, 0);
	is_int(cf_slot_limit(&slot, 20), 8, "a complaint halves what really ran");
	cf_slot_shrink(&slot, now + SECOND / 2, 0);
	is_int(cf_slot_limit(&slot, 20), 8, "once per second, whoever complains");
	cf_slot_shrink(&slot, now + SECOND, 0);
	is_int(cf_slot_limit(&slot, 20), 4, "and again in the next");
	cf_slot_shrink(&slot, now + 2 * SECOND, 0);
	cf_slot_shrink(&slot, now + 3 * SECOND, 0);
	cf_slot_shrink(&slot, now + 4 * SECOND, 0);
	is_int(cf_slot_limit(&slot, 20), 1, "one always remains");
	cf_slot_grow(&slot);
	is_int(cf_slot_limit(&slot, 20), 2, "a good answer makes one of it two");
	cf_slot_grow(&slot);
	is_int(cf_slot_limit(&slot, 20), 2, "then it takes as many as may run");
	cf_slot_grow(&slot);
	cf_slot_grow(&slot);
	is_int(cf_slot_limit(&slot, 20), 3, "for one more");
	for (int i = 0; i < 400; i++)
		cf_slot_grow(&slot);
	is_int(cf_slot_limit(&slot, 20), 20, "until it is the place's own limit again");
	while (running-- > 0)
		cf_slot_leave(&slot);
	is_int(slot.running, 0, "whoever came leaves");

	is_int(cf_slot_pause_us(&slot, now), 0, "nobody has to wait");
	cf_slot_shrink(&slot, now, 5 * SECOND);
	is_int(cf_slot_pause_us(&slot, now + SECOND), 4 * SECOND, "until the peer says for how long");
	is_int(cf_slot_pause_us(&slot, now + 5 * SECOND), 0, "and that is over");
}

static void
test_meter(void)
{
	static CfMeterTable table;
	static CfMeterRow rows[CF_METER_ROWS];
	CfNetMeter	meter = {.place = "p", .verb = "GetObject", .status = 200, .sent_bytes = 10, .received_bytes = 100, .duration_us = 7};
	int64_t		now = 10 * 3600 * SECOND;
	char		verb[60];

	cf_meter_count(&table, 1, now, &meter);
	meter.repeated = true;
	cf_meter_count(&table, 1, now + 3599 * SECOND, &meter);
	is_int(table.count, 1, "requests of one hour, place, verb and class are one row");
	meter.status = 204;
	cf_meter_count(&table, 1, now, &meter);
	is_int(table.count, 1, "whatever their exact status");
	meter.status = 503;
	cf_meter_count(&table, 1, now, &meter);
	meter.status = 0;
	cf_meter_count(&table, 1, now, &meter);
	cf_meter_count(&table, 2, now, &meter);
	cf_meter_count(&table, 1, now + 3600 * SECOND, &meter);
	meter.place = "q";
	cf_meter_count(&table, 1, now, &meter);
	is_int(table.count, 6, "another class, database, hour or place is another row");

	is_int(cf_meter_take(&table, 1, rows, CF_METER_ROWS), 5, "a database takes its own rows");
	is_int(table.count, 1, "and leaves the others");
	ok(rows[0].requests == 3 && rows[0].repeated == 2 && rows[0].sent_bytes == 30 && rows[0].received_bytes == 300 && rows[0].duration_us == 21,
	   "sums are sums");
	is_int(rows[0].hour, 10, "the hour counts from the epoch");
	is_int(cf_meter_take(&table, 1, rows, CF_METER_ROWS), 0, "there is nothing left");
	cf_meter_add(&table, &rows[0]);
	is_int(cf_meter_take(&table, 1, rows, CF_METER_ROWS), 1, "what could not be written goes back");
	is_int(cf_meter_take(&table, 2, rows, 0), 0, "no more is taken than there is room for");

	for (int i = 0; i < CF_METER_ROWS + 10; i++)
	{
		snprintf(verb, sizeof(verb), "a verb whose name is longer than %d", i);
		meter.verb = verb;
		cf_meter_count(&table, 1, now, &meter);
	}
	is_int(table.count, CF_METER_ROWS, "a full table takes no new rows");
	is_int(table.lost, 11, "and counts what it could not take");
	meter.verb = "a verb that is longer than what a row of the table can hold";
	cf_meter_count(&table, 9, now, &meter);
	is_str(cf_meter_class_name(2), "2xx", "classes have names");
	is_str(cf_meter_class_name(0), "none", "no answer is none");
	is_str(cf_meter_class_name(7), "none", "and so is nonsense");
}

static void
test_tally(void)
{
	static CfNetTally tally;
	static char names[CF_NET_TALLY_ROWS][8];
	CfNetMeter	meter = {.place = "p", .verb = "GetObject", .status = 200, .sent_bytes = 10, .received_bytes = 100, .duration_us = 7};

	cf_tally_count(&tally, &meter);
	meter.status = 503;
	cf_tally_count(&tally, &meter);
	meter.repeated = true;
	meter.status = 0;
	cf_tally_count(&tally, &meter);
	meter.status = 404;
	cf_tally_count(&tally, &meter);
	is_int(tally.count, 1, "what is sent for a job is one row per place and verb");
	ok(tally.rows[0].requests == 4 && tally.rows[0].repeated == 2 && tally.rows[0].sent_bytes == 40 && tally.rows[0].received_bytes == 400, "with every attempt");
	is_int(tally.rows[0].billed, 2, "what got no answer or an error of the provider's own is not billed");
	meter.place = "q";
	cf_tally_count(&tally, &meter);
	meter.verb = "HeadObject";
	cf_tally_count(&tally, &meter);
	is_int(tally.count, 3, "another place or verb is another row");
	for (int i = 0; i < CF_NET_TALLY_ROWS; i++)
	{
		snprintf(names[i], sizeof(names[i]), "%d", i);
		meter.verb = names[i];
		cf_tally_count(&tally, &meter);
	}
	is_int(tally.count, CF_NET_TALLY_ROWS, "a full tally takes no new rows");
	is_int(tally.lost, 3, "and counts what it could not take");
}

int
main(void)
{
	test_slots();
	test_concurrency();
	test_meter();
	test_tally();
	return done_testing();
}
