/*
 * chores.h
 *		The chores' engine, as the keeper calls it. Private to core; other rooms register rows.
 */
#ifndef CF_CORE_CHORES_H
#define CF_CORE_CHORES_H

#include "postgres.h"

#include "datatype/timestamp.h"

/* cf_chores_run runs what is due (only NULL), false when another session is at it; or one chore, after the other session. */
extern bool cf_chores_run(const char *only);

/* cf_chores_next_at tells when the next chore is due; DT_NOEND when there is none. */
extern TimestampTz cf_chores_next_at(void);

#endif							/* CF_CORE_CHORES_H */
