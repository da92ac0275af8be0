#include "mini/colour.h"

#include "eval/named_colours.h"

#include <math.h>

const char *mini_colour_name(dr_lab c)
{
    const char *best = NULL;
    float least = INFINITY;
    for (const dr_named_colour *n = dr_named_colours(); n->name; n++) {
        float d = dr_lab_distance(c, dr_lab_of(n->rgb));
        if (d < least) {
            least = d;
            best = n->name;
        }
    }
    return best;
}

const char *mini_colour_draw(dr_rng *r, dr_lab *shade)
{
    const dr_named_colour *n = dr_named_colours();
    int64_t total = 0, at;
    for (const dr_named_colour *k = n; k->name; k++)
        total += k->often;
    for (at = dr_rng_below(r, total); at >= n->often; n++)
        at -= n->often;
    dr_lab c = dr_lab_of(n->rgb);
    float chroma = hypotf(c.a, c.b), spread = chroma < 8 ? 2.0f : 7.0f; /* a grey that is a little blue is still grey */
    shade->L = fminf(fmaxf(c.L + (dr_rng_uniform(r) - 0.5f) * 12, 4), 96);
    shade->a = c.a + (dr_rng_uniform(r) - 0.5f) * 2 * spread;
    shade->b = c.b + (dr_rng_uniform(r) - 0.5f) * 2 * spread;
    return n->name;
}
