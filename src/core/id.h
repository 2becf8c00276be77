/*
 * id.h
 *		Identifiers that sort by the time they were made: 26 characters, as ULIDs (github.com/ulid/spec).
 *
 * 48 bits of milliseconds since the Unix epoch, then 80 random bits, in Crockford's base 32 (no I, L, O, U).
 * Within one generator the ids strictly grow, also within a millisecond and when the clock steps back: then
 * the random part of the one before is counted up.
 */
#ifndef CF_CORE_ID_H
#define CF_CORE_ID_H

#include <stdint.h>

#include "core/error.h"

#define CF_ID_LEN 26
#define CF_ID_RANDOM_BYTES 10

/* The id made last; all zero = none yet. */
typedef struct CfIdGenerator
{
	int64_t		last_ms;
	uint8_t		random[CF_ID_RANDOM_BYTES];
} CfIdGenerator;

/*
 * cf_id_make writes the next id, with a closing NUL, to out. random is fresh from a strong source; it is the
 * caller's because a kernel opens no device. Fails with CF_ERR_RANGE when now_ms does not fit 48 bits.
 */
extern bool cf_id_make(CfIdGenerator *generator, int64_t now_ms,
					   const uint8_t random[CF_ID_RANDOM_BYTES], char out[CF_ID_LEN + 1], CfError *err);

#endif							/* CF_CORE_ID_H */
