/*
 * utf8.h
 *		What is UTF-8 in a key. Private to the room storage.
 */
#ifndef CF_STORAGE_UTF8_H
#define CF_STORAGE_UTF8_H

#include <stddef.h>

/*
 * cf_utf8_length gives the length of the well-formed sequence at s: the shortest form, no surrogate, nothing beyond U+10FFFF.
 * 0 = there is none. A text that ends in the middle of one is never read beyond its NUL.
 */
extern size_t cf_utf8_length(const unsigned char *s);

#endif							/* CF_STORAGE_UTF8_H */
