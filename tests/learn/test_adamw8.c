/* How far AdamW with 8-bit moments strays from AdamW with 32-bit ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/rng.h"
#include "learn/optimizer.h"

#include <math.h>
#include <string.h>

#define IN 64
#define OUT 128
#define WEIGHTS (IN * OUT) /* 32 blocks of 256 */
#define BATCH 8

/* A linear layer fitted to another one by noisy batches. The inputs of column i shrink with i by `decades` in all, so
 * that gradients of different size share a block; with `sparse`, a quarter of the columns are seen in one batch of
 * ten only, as most of an embedding is. */
typedef struct fit {
    dr_rng rng;
    double decades;
    bool sparse;
    float truth[WEIGHTS], start[WEIGHTS], x[BATCH * IN], y[BATCH * OUT];
} fit;

static float dot(const float *a, const float *b)
{
    float sum = 0;
    for (int i = 0; i < IN; i++)
        sum += a[i] * b[i];
    return sum;
}

static void next_batch(fit *f, int step)
{
    dr_rng_normal(&f->rng, f->x, BATCH * IN);
    dr_rng_normal(&f->rng, f->y, BATCH * OUT);
    for (int i = 0; i < BATCH * IN; i++) {
        int column = i % IN;
        bool unseen = f->sparse && column % 4 == 1 && step % 10 != column % 10;
        f->x[i] *= unseen ? 0 : (float)pow(10, -f->decades * column / (IN - 1));
    }
    for (int b = 0; b < BATCH; b++)
        for (int o = 0; o < OUT; o++)
            f->y[b * OUT + o] = dot(f->truth + o * IN, f->x + b * IN) + 0.5f * f->y[b * OUT + o];
}

static void gradient(const fit *f, const float *w, float *g)
{
    memset(g, 0, WEIGHTS * sizeof *g);
    for (int b = 0; b < BATCH; b++)
        for (int o = 0; o < OUT; o++) {
            float error = (dot(w + o * IN, f->x + b * IN) - f->y[b * OUT + o]) / BATCH;
            for (int i = 0; i < IN; i++)
                g[o * IN + i] += error * f->x[b * IN + i];
        }
}

/* The distance of the weights after 200 steps with 8 and with 32 bits, over the way that 32 bits went. */
static double distance_after_200_steps(double decades, bool sparse)
{
    static fit f;
    static float w[2][WEIGHTS], g[WEIGHTS];
    dr_tensor t[2];
    dr_adamw opt[2];
    f = (fit){.decades = decades, .sparse = sparse};
    dr_rng_seed(&f.rng, 7);
    dr_rng_normal(&f.rng, f.start, WEIGHTS);
    dr_rng_normal(&f.rng, f.truth, WEIGHTS);
    for (int k = 0; k < 2; k++) {
        dr_adamw_options o = {.beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8, .weight_decay = 1e-2, .eight_bit = k == 1};
        memcpy(w[k], f.start, sizeof w[k]);
        t[k] = (dr_tensor){.dtype = DR_F32, .rank = 2, .dim = {OUT, IN, 1, 1}, .data = w[k], .name = "w", .grad = g};
        assert_int_equal(dr_adamw_init(&opt[k], &o, (dr_tensor *[]){&t[k]}, 1), DR_OK);
    }
    for (int step = 0; step < 200; step++) {
        next_batch(&f, step);
        for (int k = 0; k < 2; k++) {
            gradient(&f, w[k], g);
            dr_adamw_step(&opt[k], dr_ops_get(), 1e-3f, 1);
        }
    }
    double apart = 0, way = 0;
    for (int i = 0; i < WEIGHTS; i++) {
        apart += pow((double)w[1][i] - (double)w[0][i], 2);
        way += pow((double)w[0][i] - (double)f.start[i], 2);
    }
    dr_adamw_clear(&opt[0]);
    dr_adamw_clear(&opt[1]);
    return sqrt(apart / way);
}

static void stays_within(double decades, bool sparse, double limit)
{
    double d = distance_after_200_steps(decades, sparse);
    print_message("gradients over %g decades%s: 8 bits end %.4f of the way from 32\n", decades,
                  sparse ? ", a quarter of them rare" : "", d);
    assert_true(d <= limit);
}

static void eight_bits_stay_near_thirty_two(void **state)
{
    (void)state;
    stays_within(0, false, 0.02); /* measured: 0.012 */
    stays_within(2, false, 0.06); /* 0.043 */
}

/* With plain rounding, a second moment becomes zero while the first is not yet, and the weight flies off: 97,584 times
 * the whole way, measured. */
static void rare_gradients_do_not_throw_weights_away(void **state)
{
    (void)state;
    stays_within(0, true, 0.03); /* measured: 0.019 */
    stays_within(4, true, 0.25); /* 0.172 */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(eight_bits_stay_near_thirty_two),
        cmocka_unit_test(rare_gradients_do_not_throw_weights_away),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
