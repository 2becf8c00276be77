/*
 * remote_object.h
 *		One object at a cloud: what the three drivers do alike with its digests, its description and its bytes.
 *
 * Drivers say how their store is asked and what its answers tell. What is the pinned version, the range that was asked for, what
 * travels with a new object, and whose the object is that a create met, is decided here, once for all of them.
 */
#ifndef CF_STORAGE_REMOTE_OBJECT_H
#define CF_STORAGE_REMOTE_OBJECT_H

#include "storage/remote/remote.h"

/* remote_digest.c */

#define CF_REMOTE_CRC_TEXT CF_BASE64_BYTES(8)

/* The stores write a CRC as the base64 of its 4 or 8 bytes, the highest first; Azure, the lowest first, swaps them itself. */
extern void cf_remote_crc_write(uint64_t crc, int bytes, char text[CF_REMOTE_CRC_TEXT]);
extern bool cf_remote_crc_read(const char *text, int bytes, uint64_t *crc);

/* These take a digest that a store tells in base64; what is none of that kind and length is left out. */
extern void cf_remote_digest_crc32c(CfDigests *digests, const char *text);
extern void cf_remote_digest_crc64nvme(CfDigests *digests, const char *text);
extern void cf_remote_digest_md5(CfDigests *digests, const char *text);

/* cf_remote_digests_goog takes the digests of the whole object that Google tells with any of its bytes. */
extern void cf_remote_digests_goog(CfDigests *digests, const CfResponse *response);

/* cf_remote_digests_agree tells whether no digest that both know differs. */
extern bool cf_remote_digests_agree(const CfDigests *a, const CfDigests *b);

#endif							/* CF_STORAGE_REMOTE_OBJECT_H */
