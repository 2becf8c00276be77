/* The clocks, and time that stands still for a test. */
#include "core/clock.h"
#include "harness/tap.h"

int
main(void)
{
	int64_t		before = cf_clock_monotonic_us();

	ok(cf_clock_now_us() > INT64_C(1700000000) * 1000000, "now is after 2023");
	ok(cf_clock_monotonic_us() >= before, "the monotonic clock does not go back");
	cf_clock_freeze(42);
	is_int(cf_clock_now_us(), 42, "a frozen clock stands");
	is_int(cf_clock_monotonic_us(), 42, "so does the monotonic one");
	cf_clock_thaw();
	ok(cf_clock_now_us() > 42, "a thawed clock goes on");
	return done_testing();
}
