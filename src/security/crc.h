/*
 * crc.h
 *		The ways in which crc.c computes, so that a test can compare them on any machine. Private to the room security.
 *
 * Those of the hardware may only be called where the processor has the instructions: cf_crc_hardware() tells.
 */
#ifndef CF_SECURITY_CRC_H
#define CF_SECURITY_CRC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

extern uint32_t cf_crc32c_table(uint32_t crc, const uint8_t *data, size_t length);
extern uint64_t cf_crc64nvme_table(uint64_t crc, const uint8_t *data, size_t length);

#if defined(__x86_64__)
#define CF_CRC_HARDWARE 1
extern bool cf_crc_hardware(void);
extern uint32_t cf_crc32c_sse42(uint32_t crc, const uint8_t *data, size_t length);
extern uint32_t cf_crc32c_pclmul(uint32_t crc, const uint8_t *data, size_t length);
extern uint64_t cf_crc64nvme_pclmul(uint64_t crc, const uint8_t *data, size_t length);
#endif

#endif							/* CF_SECURITY_CRC_H */
