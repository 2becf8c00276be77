/*
 * utf8.h
 *		What is UTF-8 in a key, and how a key is shown. Private to the room storage.
 */
#ifndef CF_STORAGE_UTF8_H
#define CF_STORAGE_UTF8_H

#include <stddef.h>

/*
 * cf_utf8_length gives the length of the well-formed sequence at s: the shortest form, no surrogate, nothing beyond U+10FFFF.
 * 0 = there is none. A text that ends in the middle of one is never read beyond its NUL.
 */
extern size_t cf_utf8_length(const unsigned char *s);

/* cf_utf8_shown copies bytes for a message: what is not printable UTF-8 becomes \xNN, what does not fit "...". */
extern void cf_utf8_shown(char *out, size_t size, const char *bytes);

#endif							/* CF_STORAGE_UTF8_H */
