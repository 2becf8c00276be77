/*
 * forecast.h
 *		What other rooms may know of forecast: its start-up. Everything else meets in SQL.
 */
#ifndef CF_FORECAST_FORECAST_H
#define CF_FORECAST_FORECAST_H

extern void cf_forecast_init(void);

#endif							/* CF_FORECAST_FORECAST_H */
