/*
 * calendar.h
 *		Dates of the Gregorian calendar and UTC, without a time zone or locale of the C library.
 */
#ifndef CF_CORE_CALENDAR_H
#define CF_CORE_CALENDAR_H

#include <stdbool.h>
#include <stdint.h>

/*
 * cf_calendar_us makes microseconds since the Unix epoch of a date and a time of UTC (second 60 is the first of the next minute);
 * false = there is no such day or time, or the year is not 0 to 9999.
 */
extern bool cf_calendar_us(int year, int month, int day, int hour, int minute, int second, int64_t *us);

/* cf_calendar_date gives the date of a day, counted from 1970-01-01 = 0; days is not negative. */
extern void cf_calendar_date(int64_t days, int *year, int *month, int *day);

#endif							/* CF_CORE_CALENDAR_H */
