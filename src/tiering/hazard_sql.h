/*
 * hazard_sql.h
 *		What is known of the objects of a place, as the table read_hazards keeps it.
 */
#ifndef CF_TIERING_HAZARD_SQL_H
#define CF_TIERING_HAZARD_SQL_H

#include "tiering/hazard.h"

/* cf_hazard_read reads it in the current memory context; NULL = nothing is kept, or fewer object-days than are evidence. */
extern const CfHazardKnown *cf_hazard_read(const char *place);

#endif							/* CF_TIERING_HAZARD_SQL_H */
