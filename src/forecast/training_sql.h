/*
 * training_sql.h
 *		What doorways of the room tell about a training that runs: how far it is, for everybody to see, and whether it may go on.
 */
#ifndef CF_FORECAST_TRAINING_SQL_H
#define CF_FORECAST_TRAINING_SQL_H

#include "postgres.h"

/* cf_training_report says how far this session's training is in a phase (a constant); it does nothing outside of train_model(). */
extern void cf_training_report(const char *phase, int64 done, int64 total);

#endif							/* CF_FORECAST_TRAINING_SQL_H */
