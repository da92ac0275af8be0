#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/rng.h"
#include "base/threads.h"
#include "learn/golden.h"
#include "learn/optimizer.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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

static int dropped;
static void drop(void *pack)
{
    (void)pack;
    dropped++;
}

/* A forward would go on with the values from before. */
static void an_update_drops_the_packed_copy(void **state)
{
    (void)state;
    float x = 1, g = 1;
    dr_tensor t = {.dtype = DR_F32,
                   .rank = 1,
                   .dim = {1, 1, 1, 1},
                   .data = &x,
                   .name = "x",
                   .grad = &g,
                   .pack = &x,
                   .pack_free = drop};
    dr_adamw opt;
    assert_int_equal(dr_adamw_init(&opt, &defaults, (dr_tensor *[]){&t}, 1), DR_OK);
    dr_adamw_step(&opt, dr_ops_get(), 1e-3f, 1);
    assert_int_equal(dropped, 1);
    assert_null(t.pack);
    dr_adamw_clear(&opt);
}

/* --- one list of tensors ------------------------------------------------------------------------------------------ */

/* A large tensor, one of the smallest that has codes, its last block not whole, one just too small, and a scalar. */
enum { LARGE, CODED, UNCODED, SCALAR, TENSORS };
static const int64_t sizes[TENSORS] = {40000, 4097, 4095, 1};
static const char *const names[TENSORS] = {"large", "coded", "uncoded", "scalar"};
static const char *const prefix[TENSORS] = {"unet/", "unet/", "text_encoder/", ""};

typedef struct model {
    dr_tensor t[TENSORS];
    dr_adamw opt;
} model;

static void fill(float *x, int64_t n, uint64_t seed)
{
    dr_rng rng;
    dr_rng_seed(&rng, seed);
    dr_rng_normal(&rng, x, (size_t)n);
}

static void model_init(model *m, bool eight_bit)
{
    dr_tensor *list[TENSORS];
    dr_adamw_options o = defaults;
    o.eight_bit = eight_bit;
    for (int i = 0; i < TENSORS; i++) {
        m->t[i] = (dr_tensor){.dtype = DR_F32, .rank = 1, .dim = {sizes[i], 1, 1, 1}, .name = names[i]};
        m->t[i].data = malloc((size_t)sizes[i] * sizeof(float));
        m->t[i].grad = malloc((size_t)sizes[i] * sizeof(float));
        assert_true(m->t[i].data && m->t[i].grad);
        fill(m->t[i].data, sizes[i], (uint64_t)i);
        list[i] = &m->t[i];
    }
    assert_int_equal(dr_adamw_init(&m->opt, &o, list, TENSORS), DR_OK);
}

static void model_clear(model *m)
{
    dr_adamw_clear(&m->opt);
    for (int i = 0; i < TENSORS; i++) {
        free(m->t[i].data);
        free(m->t[i].grad);
    }
}

static void take_steps(model *m, int from, int to)
{
    for (int step = from; step < to; step++) {
        for (int i = 0; i < TENSORS; i++)
            fill(m->t[i].grad, sizes[i], (uint64_t)(100 + step * TENSORS + i));
        dr_adamw_step(&m->opt, dr_ops_get(), 1e-3f, 0.5f);
    }
}

static void assert_same(const model *a, const model *b)
{
    assert_int_equal(a->opt.storage_size, b->opt.storage_size);
    assert_memory_equal(a->opt.storage, b->opt.storage, a->opt.storage_size);
    for (int i = 0; i < TENSORS; i++)
        assert_memory_equal(a->t[i].data, b->t[i].data, (size_t)sizes[i] * sizeof(float));
}

static void small_tensors_keep_32_bits(void **state)
{
    (void)state;
    model m;
    model_init(&m, true);
    assert_true(m.opt.moments[LARGE].m8 && m.opt.moments[CODED].m8);
    assert_true(m.opt.moments[UNCODED].m && m.opt.moments[SCALAR].m);
    assert_true(!m.opt.moments[LARGE].m && !m.opt.moments[UNCODED].m8);
    size_t size = 0;
    for (int i = 0; i < TENSORS; i++)
        size += dr_adamw_bytes(sizes[i], true);
    assert_int_equal(size, m.opt.storage_size);
    assert_true(dr_adamw_bytes(4096, true) * 3 < dr_adamw_bytes(4095, true)); /* 4,096 is the first with codes */
    assert_true(dr_adamw_bytes(1 << 20, true) * 100 < dr_adamw_bytes(1 << 20, false) * 26);
    model_clear(&m);
}

static void any_number_of_threads_gives_the_same_bits(void **state)
{
    (void)state;
    for (int eight_bit = 0; eight_bit < 2; eight_bit++) {
        model one, three;
        int before = dr_threads();
        model_init(&one, eight_bit);
        model_init(&three, eight_bit);
        dr_set_threads(1);
        take_steps(&one, 0, 3);
        double norm = dr_adamw_grad_norm(&one.opt, dr_ops_get());
        dr_set_threads(3);
        take_steps(&three, 0, 3);
        assert_true(dr_adamw_grad_norm(&three.opt, dr_ops_get()) == norm);
        dr_set_threads(before);
        assert_same(&one, &three);
        model_clear(&one);
        model_clear(&three);
    }
}

/* As gradients become ready: in any order, each given up after its use. */
static void applying_one_by_one_is_a_step(void **state)
{
    (void)state;
    model all, each;
    model_init(&all, true);
    model_init(&each, true);
    take_steps(&all, 0, 2);
    take_steps(&each, 0, 1);
    dr_adamw_begin(&each.opt);
    for (int i = TENSORS - 1; i >= 0; i--) {
        float *g = each.t[i].grad;
        fill(g, sizes[i], (uint64_t)(100 + TENSORS + i));
        dr_adamw_apply(&each.opt, dr_ops_get(), (size_t)i, 1e-3f, 0.5f);
        each.t[i].grad = NULL;
        dr_adamw_apply(&each.opt, dr_ops_get(), (size_t)i, 1e-3f, 0.5f); /* nothing left to apply */
        each.t[i].grad = g;
    }
    assert_same(&all, &each);
    model_clear(&all);
    model_clear(&each);
}

/* --- files -------------------------------------------------------------------------------------------------------- */

#define FILE_NAME "test_optimizer.tmp.safetensors"

static void a_resumed_run_goes_on_bit_for_bit(void **state)
{
    (void)state;
    for (int eight_bit = 0; eight_bit < 2; eight_bit++) {
        model whole, resumed;
        model_init(&whole, eight_bit);
        model_init(&resumed, eight_bit);
        take_steps(&whole, 0, 3);
        assert_int_equal(dr_adamw_save(&whole.opt, prefix, FILE_NAME), DR_OK);
        for (int i = 0; i < TENSORS; i++)
            memcpy(resumed.t[i].data, whole.t[i].data, (size_t)sizes[i] * sizeof(float));
        assert_int_equal(dr_adamw_load(&resumed.opt, prefix, FILE_NAME), DR_OK);
        resumed.opt.step = 3;
        assert_same(&whole, &resumed);
        take_steps(&whole, 3, 5);
        take_steps(&resumed, 3, 5);
        assert_same(&whole, &resumed);
        model_clear(&whole);
        model_clear(&resumed);
    }
    unlink(FILE_NAME);
}

static void the_file_has_the_names_of_torch(void **state)
{
    (void)state;
    model m;
    dr_safetensors f;
    model_init(&m, true);
    assert_int_equal(dr_adamw_save(&m.opt, prefix, FILE_NAME), DR_OK);
    assert_int_equal(dr_st_open(&f, FILE_NAME), DR_OK);
    assert_int_equal(f.count, 4 + 4 + 2 + 2);
    const dr_st_entry *e = dr_st_find(&f, "exp_avg_sq_scale/unet/coded");
    assert_true(e && e->dtype == DR_F32 && e->rank == 1 && e->dim[0] == 17);
    e = dr_st_find(&f, "exp_avg/unet/coded");
    assert_true(e && e->dtype == DR_U8 && e->dim[0] == 4097);
    e = dr_st_find(&f, "exp_avg_sq/text_encoder/uncoded");
    assert_true(e && e->dtype == DR_F32 && e->dim[0] == 4095);
    assert_non_null(dr_st_find(&f, "exp_avg/scalar"));
    dr_st_close(&f);
    unlink(FILE_NAME);
    model_clear(&m);
}

static void files_of_other_runs_are_refused(void **state)
{
    (void)state;
    static const char *const other[TENSORS] = {"unet/", "unet/", "unet/", ""};
    model eight, full;
    model_init(&eight, true);
    model_init(&full, false);
    take_steps(&eight, 0, 1);
    assert_int_equal(dr_adamw_save(&eight.opt, prefix, FILE_NAME), DR_OK);
    assert_int_equal(dr_adamw_load(&full.opt, prefix, FILE_NAME), DR_EINVAL);
    assert_non_null(strstr(dr_error(), "'exp_avg/unet/large' is U8 [40000], expected F32 [40000]"));
    assert_non_null(strstr(dr_error(), FILE_NAME));
    assert_int_equal(dr_adamw_load(&eight.opt, other, FILE_NAME), DR_EINVAL);
    assert_non_null(strstr(dr_error(), "no 'exp_avg/unet/uncoded'"));
    eight.t[CODED].dim[0]--;
    assert_int_equal(dr_adamw_load(&eight.opt, prefix, FILE_NAME), DR_EINVAL);
    assert_non_null(strstr(dr_error(), "U8 [4097], expected U8 [4096]"));
    eight.t[CODED].dim[0]++;
    eight.opt.count--;
    assert_int_equal(dr_adamw_load(&eight.opt, prefix, FILE_NAME), DR_EINVAL);
    assert_non_null(strstr(dr_error(), "12 tensors, expected 10"));
    eight.opt.count++;
    unlink(FILE_NAME);
    assert_int_equal(dr_adamw_load(&eight.opt, prefix, FILE_NAME), DR_ENOENT);
    model_clear(&eight);
    model_clear(&full);
}

static void damaged_files_are_refused(void **state)
{
    (void)state;
    model m;
    model_init(&m, true);
    take_steps(&m, 0, 1);
    m.opt.moments[CODED].v_scale[3] = NAN;
    assert_int_equal(dr_adamw_save(&m.opt, prefix, FILE_NAME), DR_OK);
    assert_int_equal(dr_adamw_load(&m.opt, prefix, FILE_NAME), DR_EINVAL);
    assert_non_null(strstr(dr_error(), "exp_avg_sq_scale/unet/coded"));
    m.opt.moments[CODED].v_scale[3] = -1; /* its root would be NaN at the next step */
    assert_int_equal(dr_adamw_save(&m.opt, prefix, FILE_NAME), DR_OK);
    assert_int_equal(dr_adamw_load(&m.opt, prefix, FILE_NAME), DR_EINVAL);
    assert_non_null(strstr(dr_error(), "below zero"));
    m.opt.moments[CODED].v_scale[3] = 1;
    assert_int_equal(dr_adamw_save(&m.opt, prefix, FILE_NAME), DR_OK);
    assert_int_equal(truncate(FILE_NAME, 5000), 0);
    assert_int_equal(dr_adamw_load(&m.opt, prefix, FILE_NAME), DR_EINVAL);
    unlink(FILE_NAME);
    model_clear(&m);
}

static void a_save_that_cannot_be_written_is_told(void **state)
{
    (void)state;
    model m;
    model_init(&m, true);
    assert_int_equal(dr_adamw_save(&m.opt, prefix, "no/such/folder/optimizer.safetensors"), DR_EIO);
    model_clear(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clipped_steps_match_torch),
        cmocka_unit_test(a_norm_under_the_limit_does_not_scale),
        cmocka_unit_test(an_update_drops_the_packed_copy),
        cmocka_unit_test(small_tensors_keep_32_bits),
        cmocka_unit_test(any_number_of_threads_gives_the_same_bits),
        cmocka_unit_test(applying_one_by_one_is_a_step),
        cmocka_unit_test(a_resumed_run_goes_on_bit_for_bit),
        cmocka_unit_test(the_file_has_the_names_of_torch),
        cmocka_unit_test(files_of_other_runs_are_refused),
        cmocka_unit_test(damaged_files_are_refused),
        cmocka_unit_test(a_save_that_cannot_be_written_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
