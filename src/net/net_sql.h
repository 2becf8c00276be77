/*
 * net_sql.h
 *		The engine of this process, on the latch. For doorways.
 */
#ifndef CF_NET_NET_SQL_H
#define CF_NET_NET_SQL_H

#include "postgres.h"

#include "net/net.h"

/* cf_net_mine gives the engine of this process, made at the first use; raises when it cannot be made. */
extern CfNet *cf_net_mine(void);

/*
 * cf_net_wait waits until the engine has something to do, the latch is set or max_ms are over, then lets it turn once. It
 * absorbs nothing and raises nothing: the caller looks for interrupts afterwards. Never called within a transaction that
 * holds locks for longer than a user's own statement.
 */
extern void cf_net_wait(CfNet *net, int max_ms);

/*
 * cf_net_perform sends one request and waits for its answer, in an SQL function: CHECK_FOR_INTERRUPTS on the way, and an
 * ERROR forgets the request. The answer, good or bad, is in response.
 */
extern void cf_net_perform(CfRequest *request, CfResponse *response, CfArena *arena);

/*
 * cf_net_outage tells whether a place does not answer at the moment (its breaker is open): how long it has not by now, and in how
 * long it is tried again. Outputs are set only then.
 */
extern bool cf_net_outage(const char *place, int64 *lasts_us, int64 *wait_us);

#endif							/* CF_NET_NET_SQL_H */
