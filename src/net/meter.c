/*
 * meter.c
 *		A small table of counters, searched by hash; and a smaller one for what is sent for one job.
 *
 * Rows are few (places times verbs times classes of one or two hours), so an array that is searched from the front will do.
 * A row that finds no room is counted as lost, never refused: metering does not stop a request.
 */
#include <string.h>

#include "net/meter.h"

#define HOUR_US INT64_C(3600000000)

/* mix feeds bytes to FNV-1a, 64 bits. */
static uint64_t
mix(uint64_t hash, const void *bytes, size_t length)
{
	const unsigned char *at = bytes;

	for (size_t i = 0; i < length; i++)
		hash = (hash ^ at[i]) * UINT64_C(1099511628211);
	return hash;
}

/* row_key is the hash of what tells rows apart. */
static uint64_t
row_key(const CfMeterRow *row)
{
	uint64_t	hash = UINT64_C(14695981039346656037);

	hash = mix(hash, &row->scope, sizeof(row->scope));
	hash = mix(hash, &row->status_class, sizeof(row->status_class));
	hash = mix(hash, &row->hour, sizeof(row->hour));
	hash = mix(hash, row->place, strlen(row->place) + 1);
	return mix(hash, row->verb, strlen(row->verb));
}

/* same_row compares what tells rows apart. */
static bool
same_row(const CfMeterRow *a, const CfMeterRow *b)
{
	return a->scope == b->scope && a->status_class == b->status_class && a->hour == b->hour &&
		strcmp(a->place, b->place) == 0 && strcmp(a->verb, b->verb) == 0;
}

void
cf_meter_add(CfMeterTable *table, const CfMeterRow *row)
{
	uint64_t	key = row_key(row);
	int			i = 0;

	while (i < table->count && !(table->keys[i] == key && same_row(&table->rows[i], row)))
		i++;
	if (i == CF_METER_ROWS)
	{
		table->lost += row->requests;
		return;
	}
	if (i == table->count)
	{
		table->keys[i] = key;
		table->rows[i] = *row;
		table->count++;
		return;
	}
	table->rows[i].requests += row->requests;
	table->rows[i].repeated += row->repeated;
	table->rows[i].sent_bytes += row->sent_bytes;
	table->rows[i].received_bytes += row->received_bytes;
	table->rows[i].duration_us += row->duration_us;
}

/* copy_text copies what fits. */
static void
copy_text(char *to, size_t room, const char *from)
{
	size_t		length = strlen(from);

	if (length >= room)
		length = room - 1;
	memcpy(to, from, length);
	to[length] = '\0';
}

void
cf_meter_count(CfMeterTable *table, uint32_t scope, int64_t now_us, const CfNetMeter *meter)
{
	CfMeterRow	row = {
		.scope = scope,
		.status_class = meter->status >= 100 && meter->status <= 599 ? meter->status / 100 : 0,
		.hour = now_us / HOUR_US,
		.requests = 1,
		.repeated = meter->repeated ? 1 : 0,
		.sent_bytes = meter->sent_bytes,
		.received_bytes = meter->received_bytes,
		.duration_us = meter->duration_us
	};

	copy_text(row.place, sizeof(row.place), meter->place);
	copy_text(row.verb, sizeof(row.verb), meter->verb);
	cf_meter_add(table, &row);
}

int
cf_meter_take(CfMeterTable *table, uint32_t scope, CfMeterRow *rows, int room)
{
	int			taken = 0;

	for (int i = 0; i < table->count && taken < room;)
	{
		if (table->rows[i].scope != scope)
		{
			i++;
			continue;
		}
		rows[taken++] = table->rows[i];
		table->count--;
		table->rows[i] = table->rows[table->count];
		table->keys[i] = table->keys[table->count];
	}
	return taken;
}

void
cf_tally_count(CfNetTally *tally, const CfNetMeter *meter)
{
	CfNetTallyRow *row = tally->rows;
	CfNetTallyRow *end = tally->rows + tally->count;

	while (row < end && (strcmp(row->verb, meter->verb) != 0 || strcmp(row->place, meter->place) != 0))
		row++;
	if (row == end)
	{
		if (tally->count == CF_NET_TALLY_ROWS)
		{
			tally->lost++;
			return;
		}
		tally->count++;
		*row = (CfNetTallyRow) {.place = meter->place, .verb = meter->verb};
	}
	row->requests++;
	row->repeated += meter->repeated;
	row->billed += meter->status >= 100 && meter->status < 500;
	row->sent_bytes += meter->sent_bytes;
	row->received_bytes += meter->received_bytes;
}

const char *
cf_meter_class_name(int status_class)
{
	static const char *const names[] = {"none", "1xx", "2xx", "3xx", "4xx", "5xx"};

	return status_class >= 1 && status_class <= 5 ? names[status_class] : names[0];
}
