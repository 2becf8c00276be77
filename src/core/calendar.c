/*
 * calendar.c
 *		Dates of the Gregorian calendar and UTC, computed: every store, log and header tells times, each in its own form.
 *
 * timegm() would turn the 30th of February into one of March, and counts leap seconds where the server's zone does.
 */
#include "core/calendar.h"

/* days_of counts the days from 1970-01-01 (H. Hinnant's formula: years begin in March, so that the leap day is their last). */
static int64_t
days_of(int year, int month, int day)
{
	int64_t		y = month <= 2 ? year - 1 : year;
	int64_t		era = (y >= 0 ? y : y - 399) / 400;
	int64_t		of_era = y - era * 400;
	int64_t		of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

	return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static int
days_in(int year, int month)
{
	static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool		leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	return days[month - 1] + (month == 2 && leap);
}

bool
cf_calendar_us(int year, int month, int day, int hour, int minute, int second, int64_t *us)
{
	if (year < 0 || year > 9999 || month < 1 || month > 12 || day < 1 || day > days_in(year, month) || hour < 0 || hour > 23 ||
		minute < 0 || minute > 59 || second < 0 || second > 60)
		return false;
	*us = (((days_of(year, month, day) * 24 + hour) * 60 + minute) * 60 + second) * 1000000;
	return true;
}

void
cf_calendar_date(int64_t days, int *year, int *month, int *day)
{
	*year = 1970 + (int) (days / 366);
	while (days_of(*year + 1, 1, 1) <= days)
		(*year)++;
	*month = 1;
	while (*month < 12 && days_of(*year, *month + 1, 1) <= days)
		(*month)++;
	*day = (int) (days - days_of(*year, *month, 1)) + 1;
}
