#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "train/golden.h"
#include "train/optimizer.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const dr_adamw_options defaults = {.beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8, .weight_decay = 1e-2};

static double largest_difference(const float *a, const float *b, int64_t n)
{
    double worst = 0;
    for (int64_t i = 0; i < n; i++)
        worst = fmax(worst, fabs((double)a[i] - (double)b[i]));
    return worst;
}

/* --- 32 bits ------------------------------------------------------------------------------------------------------ */

/* torch.optim.AdamW after clip_grad_norm_ over both parameters; the gradients grow through the limit */
static void clipped_steps_match(const dr_ops *ops)
{
    dr_safetensors f;
    golden_open(&f, "adamw");
    float a[99], b[70];
    memcpy(a, golden(&f, DR_F32, 99, "start/a"), sizeof a);
    memcpy(b, golden(&f, DR_F32, 70, "start/b"), sizeof b);
    dr_tensor ta = {.dtype = DR_F32, .rank = 2, .dim = {9, 11, 1, 1}, .data = a, .name = "a"};
    dr_tensor tb = {.dtype = DR_F32, .rank = 1, .dim = {70, 1, 1, 1}, .data = b, .name = "b"};
    dr_adamw opt;
    assert_int_equal(dr_adamw_init(&opt, &defaults, (dr_tensor *[]){&ta, &tb}, 2), DR_OK);
    for (int i = 0; i < 6; i++) {
        ta.grad = (float *)(uintptr_t)golden(&f, DR_F32, 99, "grad/a/%d", i);
        tb.grad = (float *)(uintptr_t)golden(&f, DR_F32, 70, "grad/b/%d", i);
        double norm = dr_adamw_grad_norm(&opt, ops), want = *(const float *)golden(&f, DR_F32, 1, "norm/%d", i);
        assert_true(fabs(norm - want) <= 1e-6 * want);
        dr_adamw_step(&opt, ops, 1e-3f, dr_adamw_clip_scale(norm, 1));
        assert_true(largest_difference(a, golden(&f, DR_F32, 99, "param/a/%d", i), 99) < 1e-6);
        assert_true(largest_difference(b, golden(&f, DR_F32, 70, "param/b/%d", i), 70) < 1e-6);
    }
    dr_adamw_clear(&opt);
    dr_st_close(&f);
}

static void clipped_steps_match_torch(void **state)
{
    (void)state;
    clipped_steps_match(dr_ops_get());
    clipped_steps_match(dr_ops_ref());
}

static void a_norm_under_the_limit_does_not_scale(void **state)
{
    (void)state;
    assert_true(dr_adamw_clip_scale(0, 1) == 1);
    assert_true(dr_adamw_clip_scale(0.99, 1) == 1);
    assert_true(fabsf(dr_adamw_clip_scale(4, 1) - 0.25f) < 1e-6f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clipped_steps_match_torch),
        cmocka_unit_test(a_norm_under_the_limit_does_not_scale),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
