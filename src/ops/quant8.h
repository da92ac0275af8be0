/* Dynamic 8-bit numbers: 256 values in [-1,1] or [0,1], dense near 0.
 *
 * Dettmers et al. 2021, arXiv:2110.02861, section 1.3; the values of bitsandbytes' create_dynamic_map with 7 exponent
 * bits. Decade d = 0..6 covers 10^(d-7) to 10^(d-6) with n = 2^d (signed) or 2^(d+1) (unsigned) values at the middles
 * of n equal parts; then 0 and 1. The signed code has no -1.
 *
 * A code is found without searching: a float's upper 16 bits choose one of the cells, each so narrow that at most
 * one boundary between codes lies in it, and its lower 16 bits tell the side. */
#ifndef DR_OPS_QUANT8_H
#define DR_OPS_QUANT8_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define DR_QUANT8_BLOCK 256 /* values that share a scale */

#define DR_QUANT8_FIRST 0x33ff /* upper half of the largest float below 2^-23, under which all is 0 */
#define DR_QUANT8_CELLS (0x3f80 - DR_QUANT8_FIRST + 1) /* up to 1.0 */

static inline int64_t dr_quant8_blocks(int64_t n)
{
    return (n + DR_QUANT8_BLOCK - 1) / DR_QUANT8_BLOCK;
}

typedef struct dr_quant8 {
    float code[256];        /* ascending */
    int zero;               /* the code of 0: 127, or 0 in the unsigned map */
    int positive, negative; /* codes on either side of it */
    /* (codes from zero at the cell's start << 16) + 65536 - the lower half from which the next code is nearer */
    uint32_t cell[DR_QUANT8_CELLS];
} dr_quant8;

/** The maps; made at the first call (thread-safe). */
const dr_quant8 *dr_quant8_signed(void);
const dr_quant8 *dr_quant8_unsigned(void);

/** The nearest code to x in [-1,1] by searching; from the middle of two, the one further from 0. */
uint8_t dr_quant8_search(const dr_quant8 *q, float x);

/** How many codes from 0 the nearest to |x| is: of the bits of |x|. Anything above 1, NaN too, counts as 1. */
static inline uint32_t dr_quant8_steps(const uint32_t *cell, uint32_t bits)
{
    int32_t at = (int32_t)(bits >> 16) - DR_QUANT8_FIRST;
    at = at < 0 ? 0 : at;
    at = at > DR_QUANT8_CELLS - 1 ? DR_QUANT8_CELLS - 1 : at;
    return (cell[at] + (bits & 0xffff)) >> 16;
}

/** The same as dr_quant8_search(). */
static inline uint8_t dr_quant8_encode(const dr_quant8 *q, float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    int steps = (int)dr_quant8_steps(q->cell, bits & 0x7fffffff);
    if (bits >> 31)
        return (uint8_t)(q->zero - (steps < q->negative ? steps : q->negative));
    return (uint8_t)(q->zero + steps);
}

#endif
