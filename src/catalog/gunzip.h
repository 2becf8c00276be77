/*
 * gunzip.h
 *		Unpacks a gzip stream piece by piece, by zlib, in memory of the caller.
 *
 * Several members in a row are one stream, as gzip(1) has it; zero bytes behind the last are padding. Checksum and length of each
 * member are checked. Memory is some 48 KiB of the arena, whatever the stream unpacks to.
 */
#ifndef CF_CATALOG_GUNZIP_H
#define CF_CATALOG_GUNZIP_H

#include <stdbool.h>
#include <stddef.h>

#include <zlib.h>

#include "core/arena.h"

typedef struct CfGunzip
{
	z_stream	stream;
	bool		between;		/* no member has begun, or the last has ended */
	bool		padding;		/* behind the last member */
	bool		more;			/* zlib may hold more output than there was room for */
} CfGunzip;

/* cf_catalog_gunzip_known tells by its first bytes whether a stream is gzip. */
extern bool cf_catalog_gunzip_known(const char *data, size_t length);

/* cf_catalog_gunzip_init prepares for a stream; false = out of memory. There is nothing to give back but the arena. */
extern bool cf_catalog_gunzip_init(CfGunzip *gunzip, CfArena *arena);

/*
 * cf_catalog_gunzip_step unpacks from *in (which moves on, as *in_length shrinks) to out, and tells how much came out: 0 = it
 * needs more. Call it until then. False = the stream is damaged.
 */
extern bool cf_catalog_gunzip_step(CfGunzip *gunzip, const char **in, size_t *in_length, char *out, size_t room,
								   size_t *out_length);

/* cf_catalog_gunzip_complete tells, at the end of the input, whether the stream was whole. */
extern bool cf_catalog_gunzip_complete(const CfGunzip *gunzip);

#endif							/* CF_CATALOG_GUNZIP_H */
