/*
 * meter.h
 *		Counting requests until somebody writes them down. Private to net; the doorway locks.
 */
#ifndef CF_NET_METER_H
#define CF_NET_METER_H

#include <stdbool.h>
#include <stdint.h>

#include "net/net.h"

#define CF_METER_ROWS 1024
#define CF_METER_PLACE_BYTES 64
#define CF_METER_VERB_BYTES 40

/* One hour of one verb at one place, answered with statuses of one class (2 = 2xx, …; 0 = no answer). */
typedef struct CfMeterRow
{
	uint32_t	scope;			/* database */
	int			status_class;
	int64_t		hour;			/* since the Unix epoch */
	char		place[CF_METER_PLACE_BYTES];
	char		verb[CF_METER_VERB_BYTES];
	int64_t		requests;
	int64_t		repeated;
	int64_t		sent_bytes;
	int64_t		received_bytes;
	int64_t		duration_us;
} CfMeterRow;

/* All zero = empty. In shared memory, or of one process. */
typedef struct CfMeterTable
{
	int			count;
	int64_t		lost;			/* requests that found no room */
	uint64_t	keys[CF_METER_ROWS];	/* hashes, to find a row fast */
	CfMeterRow	rows[CF_METER_ROWS];
} CfMeterTable;

/* cf_meter_count counts one attempt. */
extern void cf_meter_count(CfMeterTable *table, uint32_t scope, int64_t now_us, const CfNetMeter *meter);

/* cf_meter_add adds a row; used to give back what was taken and could not be written. */
extern void cf_meter_add(CfMeterTable *table, const CfMeterRow *row);

/* cf_meter_take moves up to room rows of a database out of the table, and tells how many. */
extern int	cf_meter_take(CfMeterTable *table, uint32_t scope, CfMeterRow *rows, int room);

/* cf_tally_count counts one attempt for the job that it was sent for. */
extern void cf_tally_count(CfNetTally *tally, const CfNetMeter *meter);

/* cf_meter_class_name gives "2xx" … "5xx", "none". */
extern const char *cf_meter_class_name(int status_class);

#endif							/* CF_NET_METER_H */
