/*
 * tap.h: the few words that a unit test needs. A test is a program; each check prints one line of the Test Anything
 * Protocol, and main() ends with `return done_testing();`. One file includes this header per program, so plain statics do.
 *
 *	ok(condition, "what holds")			is_int(got, want, "title")
 *	is_str(got, want, "title")			is_dbl(got, want, tolerance, "title")
 *	is_mem(got, want, size, "title")		note("anything, as printf")
 *	bail("cannot go on, as printf")			skip_all("why, as printf")
 */
#ifndef CF_TAP_H
#define CF_TAP_H

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TAP_UNUSED __attribute__((unused))
#define TAP_PRINTF(n) __attribute__((format(printf, n, n + 1)))

static int tap_run;
static int tap_failed;

#define ok(cond, ...) tap_ok((cond) ? true : false, __FILE__, __LINE__, __VA_ARGS__)
#define is_int(got, want, ...) tap_int((long long) (got), (long long) (want), __FILE__, __LINE__, __VA_ARGS__)
#define is_str(got, want, ...) tap_str((got), (want), __FILE__, __LINE__, __VA_ARGS__)
#define is_dbl(got, want, tolerance, ...) tap_dbl((got), (want), (tolerance), __FILE__, __LINE__, __VA_ARGS__)
#define is_mem(got, want, size, ...) tap_mem((got), (want), (size), __FILE__, __LINE__, __VA_ARGS__)

/* note prints a line that is no result. */
static TAP_UNUSED TAP_PRINTF(1) void
note(const char *format, ...)
{
	va_list args;

	printf("# ");
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf("\n");
}

/* tap_line prints one result. Flushed, so that what a crash or a sanitizer says comes after it. */
static TAP_UNUSED bool
tap_line(bool good, const char *file, int line, const char *format, va_list args)
{
	tap_run++;
	if (!good)
		tap_failed++;
	printf("%sok %d - ", good ? "" : "not ", tap_run);
	vprintf(format, args);
	printf("\n");
	if (!good)
		printf("#   failed at %s:%d\n", file, line);
	fflush(stdout);
	return good;
}

static TAP_UNUSED TAP_PRINTF(4) bool
tap_ok(bool good, const char *file, int line, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	tap_line(good, file, line, format, args);
	va_end(args);
	return good;
}

static TAP_UNUSED TAP_PRINTF(5) bool
tap_int(long long got, long long want, const char *file, int line, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	tap_line(got == want, file, line, format, args);
	va_end(args);
	if (got != want)
		note("  got %lld, want %lld", got, want);
	return got == want;
}

/* tap_str compares two strings; NULL equals NULL only. */
static TAP_UNUSED TAP_PRINTF(5) bool
tap_str(const char *got, const char *want, const char *file, int line, const char *format, ...)
{
	bool same = got == NULL || want == NULL ? got == want : strcmp(got, want) == 0;
	va_list args;

	va_start(args, format);
	tap_line(same, file, line, format, args);
	va_end(args);
	if (!same)
	{
		note("  got  %s", got ? got : "NULL");
		note("  want %s", want ? want : "NULL");
	}
	return same;
}

static TAP_UNUSED TAP_PRINTF(6) bool
tap_dbl(double got, double want, double tolerance, const char *file, int line, const char *format, ...)
{
	bool near = fabs(got - want) <= tolerance;
	va_list args;

	va_start(args, format);
	tap_line(near, file, line, format, args);
	va_end(args);
	if (!near)
		note("  got %.17g, want %.17g within %g", got, want, tolerance);
	return near;
}

static TAP_UNUSED TAP_PRINTF(6) bool
tap_mem(const void *got, const void *want, size_t size, const char *file, int line, const char *format, ...)
{
	const unsigned char *a = got;
	const unsigned char *b = want;
	size_t at = 0;
	va_list args;

	while (at < size && a[at] == b[at])
		at++;
	va_start(args, format);
	tap_line(at == size, file, line, format, args);
	va_end(args);
	if (at < size)
		note("  byte %zu of %zu: got 0x%02x, want 0x%02x", at, size, a[at], b[at]);
	return at == size;
}

/* bail ends the program: nothing that follows would make sense. */
static TAP_UNUSED TAP_PRINTF(1) __attribute__((noreturn)) void
bail(const char *format, ...)
{
	va_list args;

	printf("Bail out! ");
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf("\n");
	exit(255);
}

/* skip_all ends a program that cannot run here, visibly, without failing. */
static TAP_UNUSED TAP_PRINTF(1) __attribute__((noreturn)) void
skip_all(const char *format, ...)
{
	va_list args;

	printf("1..0 # SKIP ");
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf("\n");
	exit(0);
}

/* done_testing prints the plan and returns what main() returns. */
static TAP_UNUSED int
done_testing(void)
{
	printf("1..%d\n", tap_run);
	if (tap_failed)
		note("%d of %d failed", tap_failed, tap_run);
	return tap_failed || tap_run == 0 ? 1 : 0;
}

#endif
