/*
 * sha256.h
 *		SHA-256's compression function by the processor's own instructions. Private to the room security.
 *
 * It may only be called where the processor has them: cf_sha256_hardware() tells. Elsewhere, and where the compiler cannot
 * tell that of the processor, hash.c leaves everything to OpenSSL.
 */
#ifndef CF_SECURITY_SHA256_H
#define CF_SECURITY_SHA256_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CF_SHA256_BLOCK 64

#if defined(__x86_64__) && (!defined(__clang__) || __clang_major__ >= 19)
#define CF_SHA256_HARDWARE 1
extern bool cf_sha256_hardware(void);

/* cf_sha256_blocks feeds whole blocks to one state, or to two that read the same bytes; second NULL = there is none. */
extern void cf_sha256_blocks(uint32_t first[8], uint32_t second[8], const uint8_t *data, size_t blocks);
#endif

#ifdef CF_TEST
extern bool cf_sha256_by_openssl;	/* only unit tests set it: hashes begin as on a machine without the instructions */
#else
#define cf_sha256_by_openssl false
#endif

#endif							/* CF_SECURITY_SHA256_H */
