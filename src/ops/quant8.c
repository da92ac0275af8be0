#include "ops/quant8.h"

#include "base/status.h"

#include <math.h>
#include <pthread.h>

static pthread_once_t once = PTHREAD_ONCE_INIT;
static dr_quant8 with_sign, without;

/* The codes above 0 in rising order: decade by decade, then 1. Returns how many. */
static int positive_codes(bool has_sign, float *out)
{
    int count = 0;
    for (int d = 0; d < 7; d++) {
        int n = has_sign ? 1 << d : 2 << d;
        for (int k = 0; k < n; k++)
            out[count++] = (float)((0.1 + 0.9 * (k + 0.5) / n) * pow(10, d - 6));
    }
    out[count++] = 1;
    return count;
}

/* Codes from 0 to the one nearest to x >= 0. Exact: the difference of two floats in double is. */
static int search_steps(const dr_quant8 *q, float x)
{
    const float *code = q->code + q->zero;
    int low = 0, high = q->positive; /* code[low] <= x, and high is the nearest or above it */
    while (high - low > 1) {
        int mid = (low + high) / 2;
        if (code[mid] <= x)
            low = mid;
        else
            high = mid;
    }
    return (double)code[high] - (double)x <= (double)x - (double)code[low] ? high : low;
}

uint8_t dr_quant8_search(const dr_quant8 *q, float x)
{
    int steps = search_steps(q, fabsf(x));
    if (!signbit(x))
        return (uint8_t)(q->zero + steps);
    return (uint8_t)(q->zero - (steps < q->negative ? steps : q->negative));
}

static float from_bits(uint32_t bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* The lower half of the first float in a cell that is nearer to the next code; 65536 if none is. */
static uint32_t boundary(const dr_quant8 *q, uint32_t upper, int steps)
{
    uint32_t low = 0, high = 65536;
    DR_ASSERT(search_steps(q, from_bits(upper << 16 | 0xffff)) <= steps + 1, "two codes end in cell %x", upper);
    while (low < high) {
        uint32_t mid = (low + high) / 2;
        if (search_steps(q, from_bits(upper << 16 | mid)) > steps)
            high = mid;
        else
            low = mid + 1;
    }
    return high;
}

static void make_cells(dr_quant8 *q)
{
    q->cell[0] = 0;
    for (uint32_t i = 1; i < DR_QUANT8_CELLS - 1; i++) {
        uint32_t upper = DR_QUANT8_FIRST + i;
        int steps = search_steps(q, from_bits(upper << 16));
        q->cell[i] = ((uint32_t)steps << 16) + 65536 - boundary(q, upper, steps);
    }
    q->cell[DR_QUANT8_CELLS - 1] = (uint32_t)q->positive << 16; /* 1 */
}

static void make(void)
{
    float above[256];
    with_sign.positive = positive_codes(true, above);
    with_sign.zero = with_sign.negative = 127;
    for (int i = 1; i <= with_sign.positive; i++)
        with_sign.code[127 + i] = above[i - 1];
    for (int i = 1; i <= 127; i++)
        with_sign.code[127 - i] = -above[i - 1];
    make_cells(&with_sign);

    without.positive = positive_codes(false, &without.code[1]);
    make_cells(&without);
}

const dr_quant8 *dr_quant8_signed(void)
{
    pthread_once(&once, make);
    return &with_sign;
}

const dr_quant8 *dr_quant8_unsigned(void)
{
    pthread_once(&once, make);
    return &without;
}
