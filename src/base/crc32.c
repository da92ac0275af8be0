#include "base/crc32.h"

#include <pthread.h>

enum { LANES = 8 };

/* table[k][b]: what byte b adds when k bytes follow it. */
static uint32_t table[LANES][256];
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void make_table(void)
{
    for (uint32_t b = 0; b < 256; b++) {
        uint32_t crc = b;
        for (int bit = 0; bit < 8; bit++)
            crc = (crc >> 1) ^ (crc & 1 ? 0xedb88320u : 0);
        table[0][b] = crc;
    }
    for (int k = 1; k < LANES; k++)
        for (uint32_t b = 0; b < 256; b++)
            table[k][b] = (table[k - 1][b] >> 8) ^ table[0][table[k - 1][b] & 255];
}

/* Eight bytes at a time (Kounavis and Berry 2005, "slicing-by-8"): one by one it would take longer than writing the
 * bytes to a disk. */
uint32_t dr_crc32(uint32_t before, const void *data, size_t n)
{
    const unsigned char *p = data;
    uint32_t crc = ~before;
    pthread_once(&once, make_table);
    for (; n >= LANES; n -= LANES, p += LANES)
        crc = table[7][(crc ^ p[0]) & 255] ^ table[6][(crc >> 8 ^ p[1]) & 255] ^ table[5][(crc >> 16 ^ p[2]) & 255] ^
              table[4][(crc >> 24 ^ p[3]) & 255] ^ table[3][p[4]] ^ table[2][p[5]] ^ table[1][p[6]] ^ table[0][p[7]];
    for (; n; n--, p++)
        crc = (crc >> 8) ^ table[0][(crc ^ *p) & 255];
    return ~crc;
}
