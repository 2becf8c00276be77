/*
 * logfields.h
 *		Single fields of logs and inventories: numbers, times, and keys as they are encoded there.
 *
 * Nothing here allocates or trusts its input; a text is a pointer with a length, never NUL-terminated.
 */
#ifndef CF_CATALOG_LOGFIELDS_H
#define CF_CATALOG_LOGFIELDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A piece of a line; length 0 = not told. */
typedef struct CfAccessText
{
	const char *data;
	size_t		length;
} CfAccessText;

extern bool cf_catalog_field_dash(const CfAccessText *word);
extern bool cf_catalog_field_is(const CfAccessText *word, const char *text);

/* cf_catalog_field_digits reads a number of exactly count digits; -1 = it is none. */
extern int	cf_catalog_field_digits(const char *p, int count);

/* cf_catalog_field_number reads a count of at most 18 digits; "-" means none_value. */
extern bool cf_catalog_field_number(const CfAccessText *word, int64_t none_value, int64_t *value);

/* cf_catalog_field_status reads an HTTP status; "-" means 0. */
extern bool cf_catalog_field_status(const CfAccessText *word, int *status);

/*
 * cf_catalog_field_moment makes microseconds since the Unix epoch of a date from 1970 on and a time with its distance to UTC;
 * false = there is no such moment.
 */
extern bool cf_catalog_field_moment(int year, int month, int day, int hour, int minute, int second, int zone_minutes,
									int64_t *at_us);

/* cf_catalog_field_iso reads 2014-06-19T22:59:23.1967767Z: T or a blank, any fraction or none, Z or +00:00 or nothing (UTC). */
extern bool cf_catalog_field_iso(const CfAccessText *word, int64_t *at_us);

/*
 * cf_catalog_field_decode undoes one URL-encoding; what is no escape stands for itself. It gives the length, or 0 when the result
 * is no possible key: longer than capacity, or with a zero byte.
 */
extern size_t cf_catalog_field_decode(const char *in, size_t length, bool plus_is_blank, char *out, size_t capacity);

/* cf_catalog_field_html undoes &amp; &quot; &lt; &gt; &apos; &#nn; and &#xhh; (ASCII), as decode does. */
extern size_t cf_catalog_field_html(const char *in, size_t length, char *out, size_t capacity);

#endif							/* CF_CATALOG_LOGFIELDS_H */
