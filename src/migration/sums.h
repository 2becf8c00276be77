/*
 * sums.h
 *		The digests of a stream: computed together in one pass, compared with what a store says, kept as text.
 *
 * SHA-256 needs the stream from its first byte. The CRCs are their own state, so that they go on from a checkpoint.
 */
#ifndef CF_MIGRATION_SUMS_H
#define CF_MIGRATION_SUMS_H

#include "security/security.h"
#include "storage/storage.h"

#define CF_SUMS_TEXT_BYTES 192

typedef struct CfSums
{
	CfHash		sha;
	CfDigests	now;			/* of the bytes so far; known = the kinds that are computed; sha256 only when peeked */
} CfSums;

/* All return false only when OpenSSL is short of memory. cf_sums_end may be called any number of times. */
extern bool cf_sums_start(CfSums *sums, int kinds);
extern bool cf_sums_update(CfSums *sums, const void *data, size_t length);
extern bool cf_sums_peek(const CfSums *sums, CfDigests *digests);
extern bool cf_sums_copy(CfSums *to, const CfSums *from);
extern void cf_sums_end(CfSums *sums);

/*
 * cf_sums_piece computes digests of a piece by itself, and takes it into the stream in the same pass; sums NULL = its turn has
 * not come: cf_sums_append does that later. *piece knows the CRCs of the stream, and what else of kinds is SHA-256 or a CRC.
 */
extern bool cf_sums_piece(CfSums *sums, int kinds, const void *data, size_t length, CfDigests *piece);
extern bool cf_sums_append(CfSums *sums, const CfDigests *piece, const void *data, size_t length);

/* cf_sums_resume goes on from a checkpoint without its bytes: only the CRCs can. */
extern void cf_sums_resume(CfSums *sums, const CfDigests *at);

/*
 * cf_digests_compare tells the kinds that both know and that agree; -1 when one of them differs. cf_digests_name gives
 * the word for the strongest of such kinds.
 */
extern int	cf_digests_compare(const CfDigests *a, const CfDigests *b);
extern const char *cf_digests_name(int kinds);

/* As text, SHA-256 apart, which has columns of its own: "crc64nvme=… crc32c=… md5=…". What is not understood is left out. */
extern void cf_digests_print(const CfDigests *digests, char text[CF_SUMS_TEXT_BYTES]);
extern void cf_digests_parse(const char *text, CfDigests *digests);

#endif							/* CF_MIGRATION_SUMS_H */
