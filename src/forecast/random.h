/*
 * random.h
 *		Random numbers of the models: counter-based, so that the same seed gives the same model on every machine.
 *
 * SplitMix64 (Steele, Lea, Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014): the n-th number of a
 * stream is a hash of key + n * golden ratio. A stream is named by a seed and a number, so a tree, a series or a batch has
 * its own and none depends on which was made before. Not for secrets.
 */
#ifndef CF_FORECAST_RANDOM_H
#define CF_FORECAST_RANDOM_H

#include <stdint.h>

typedef struct CfRandom
{
	uint64_t	state;
} CfRandom;

/* cf_random_mix turns a number into one in which every bit depends on every bit; it is a bijection. */
static inline uint64_t
cf_random_mix(uint64_t z)
{
	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

/* cf_random_hash joins a hash so far and one more number. */
static inline uint64_t
cf_random_hash(uint64_t hash, uint64_t more)
{
	return cf_random_mix(hash + UINT64_C(0x9e3779b97f4a7c15) + cf_random_mix(more ^ UINT64_C(0xd1b54a32d192ed03)));
}

/* cf_random_stream is the beginning of stream number `stream` of a seed. */
static inline CfRandom
cf_random_stream(uint64_t seed, uint64_t stream)
{
	CfRandom	random = {cf_random_hash(cf_random_mix(seed), stream)};

	return random;
}

/* cf_random_next gives 64 random bits. */
static inline uint64_t
cf_random_next(CfRandom *random)
{
	random->state += UINT64_C(0x9e3779b97f4a7c15);
	return cf_random_mix(random->state);
}

/* cf_random_below gives a number in [0, bound), bound > 0; its bias is below bound / 2^32 (Lemire's multiplication). */
static inline uint32_t
cf_random_below(CfRandom *random, uint32_t bound)
{
	return (uint32_t) (((cf_random_next(random) >> 32) * bound) >> 32);
}

/* cf_random_uniform gives a number in [0, 1), a multiple of 2^-53. */
static inline double
cf_random_uniform(CfRandom *random)
{
	return (double) (cf_random_next(random) >> 11) * 0x1.0p-53;
}

#endif							/* CF_FORECAST_RANDOM_H */
