/*
 * port.h
 *		An operation on a place, and what has become of its request: the sans-IO side of driving many of them.
 *
 * A step that says CF_STEP_SEND leaves its request in port->op. Whoever drives hands it to the engine of `net`, marks the
 * port SENT, and QUIET again when the answer is there; only then may the operation be stepped again.
 */
#ifndef CF_MIGRATION_PORT_H
#define CF_MIGRATION_PORT_H

#include "storage/storage.h"

typedef enum CfTraffic
{
	CF_PORT_QUIET,				/* nothing is under way: it may be stepped */
	CF_PORT_WANTS,				/* op.request is to be sent */
	CF_PORT_SENT				/* the engine has it */
} CfTraffic;

typedef struct CfPort
{
	CfOp		op;
	CfTraffic	traffic;
	void	   *owner;			/* of whoever drives */
} CfPort;

/* cf_port_took notes what a step of the port's operation said. */
static inline CfStep
cf_port_took(CfPort *port, CfStep step)
{
	port->traffic = step == CF_STEP_SEND ? CF_PORT_WANTS : CF_PORT_QUIET;
	return step;
}

#endif							/* CF_MIGRATION_PORT_H */
