/*
 * reads_sql.h
 *		The days on which one object was read, as the aggregate read_history() packs them.
 */
#ifndef CF_TIERING_READS_SQL_H
#define CF_TIERING_READS_SQL_H

#include "tiering/replay.h"

/*
 * cf_reads_unpack gives the days with reads from begun_day to last_day, ascending; packed NULL = none. A last read that no log tells of
 * (last_read_day, CF_REPLAY_NO_DAY = none) is one of the whole object.
 */
extern CfReplayAccess *cf_reads_unpack(bytea *packed, int64 size_bytes, int32 begun_day, int32 last_day, int32 last_read_day,
									   uint32 *count);

#endif							/* CF_TIERING_READS_SQL_H */
