#include "diffusion/place_code.h"

#include "base/status.h"

#include <math.h>
#include <stddef.h>

#define REACH (0.9f * 3.14159265f) /* less than half a turn: no two places have the same code */

/* -1..1 at the middles of n cells. */
static float across(int i, int n)
{
    return ((float)i + 0.5f) * 2 / (float)n - 1;
}

void dr_place_code_mix(float *noise, int h, int w, int channels)
{
    const float half = sqrtf(0.5f);
    DR_ASSERT(channels == 4, "a code of places in latents of %d channels", channels);
    for (int y = 0; y < 2 * h; y++)
        for (int x = 0; x < w; x++) {
            float u = REACH * across(x, w), v = REACH * across(y % h, h);
            float *n = noise + 4 * ((size_t)y * (size_t)w + (size_t)x);
            const float code[4] = {sinf(u), cosf(u), sinf(v), cosf(v)}; /* of power 1/2 already */
            for (int c = 0; c < 4; c++)
                n[c] = half * n[c] + code[c];
        }
}
