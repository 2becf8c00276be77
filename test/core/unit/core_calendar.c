/*
 * Dates and times of UTC.
 */
#include "harness/tap.h"

#include "core/calendar.h"

static int64_t
seconds(int year, int month, int day, int hour, int minute, int second)
{
	int64_t		us;

	return cf_calendar_us(year, month, day, hour, minute, second, &us) ? us / 1000000 : -1;
}

static void
test_days(void)
{
	int64_t		days = 0;
	int			year,
				month,
				day;

	/* each day that there is, once, from the epoch on */
	for (int y = 1970; y <= 2400; y++)
		for (int m = 1; m <= 12; m++)
			for (int d = 1; seconds(y, m, d, 0, 0, 0) >= 0; d++, days++)
			{
				cf_calendar_date(days, &year, &month, &day);
				if (seconds(y, m, d, 0, 0, 0) == days * 86400 && year == y && month == m && day == d)
					continue;
				ok(false, "%04d-%02d-%02d is day %lld", y, m, d, (long long) days);
				return;
			}
	is_int(days, 157420, "all days from 1970 to 2400 follow one another, there and back");
}

int
main(void)
{
	test_days();
	is_int(seconds(1994, 11, 6, 8, 49, 37), 784111777, "a moment");
	is_int(seconds(2028, 2, 29, 23, 59, 60), 1835481600, "a leap day and a leap second");
	is_int(seconds(9999, 12, 31, 23, 59, 59), INT64_C(253402300799), "the last one");
	is_int(seconds(0, 1, 1, 0, 0, 0), INT64_C(-62167219200), "the year 0 does not overflow");
	ok(seconds(2100, 2, 29, 0, 0, 0) == -1 && seconds(2000, 2, 29, 0, 0, 0) > 0 && seconds(2024, 4, 31, 0, 0, 0) == -1, "days that there are not");
	ok(seconds(-1, 1, 1, 0, 0, 0) == -1 && seconds(10000, 1, 1, 0, 0, 0) == -1, "years neither");
	ok(seconds(2024, 0, 1, 0, 0, 0) == -1 && seconds(2024, 13, 1, 0, 0, 0) == -1 && seconds(2024, 1, 0, 0, 0, 0) == -1, "nor months or a day 0");
	ok(seconds(2024, 1, 1, -1, 0, 0) == -1 && seconds(2024, 1, 1, 24, 0, 0) == -1 && seconds(2024, 1, 1, 0, -1, 0) == -1, "nor hours");
	ok(seconds(2024, 1, 1, 0, 60, 0) == -1 && seconds(2024, 1, 1, 0, 0, -1) == -1 && seconds(2024, 1, 1, 0, 0, 61) == -1, "minutes or seconds");
	return done_testing();
}
