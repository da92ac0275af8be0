/* CRC-32 of ISO 3309, as PNG and zip have it: zlib's crc32(). */
#ifndef DR_BASE_CRC32_H
#define DR_BASE_CRC32_H

#include <stddef.h>
#include <stdint.h>

/** Of what came before (0 at first) and the n bytes behind it. */
uint32_t dr_crc32(uint32_t before, const void *data, size_t n);

#endif
