/* The plain C rows against numbers worked out by hand or taken from PyTorch, and the table itself. test_ops.c holds
 * every other implementation to these rows, so they need a footing of their own. */
#include "ops/ops.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static dr_arena scratch;
static const dr_ops *ref;

static int set_up(void **state)
{
    (void)state;
    ref = dr_ops_ref();
    return dr_arena_init(&scratch, (size_t)1 << 24);
}

static int tear_down(void **state)
{
    (void)state;
    dr_arena_clear(&scratch);
    return 0;
}

static void close_to(const float *got, const double *want, int n, double eps)
{
    for (int i = 0; i < n; i++)
        if (!(fabs((double)got[i] - want[i]) <= eps))
            fail_msg("value %d is %.8g, expected %.8g", i, (double)got[i], want[i]);
}

static void linear_adds_bias_and_residual(void **state)
{
    (void)state;
    float x[] = {1, 2, 3}, w[] = {1, 0, -1, 2, 2, 2}, b[] = {10, 20}, res[] = {100, 200}, y[2];
    dr_tensor wt = {.dtype = DR_F32, .rank = 2, .dim = {2, 3, 1, 1}, .data = w};
    dr_linear_args a = {.scratch = &scratch, .M = 1, .N = 2, .K = 3, .w = &wt, .b = b, .x = x, .residual = res, .y = y};
    assert_int_equal(ref->linear(&a), DR_OK);
    close_to(y, (double[]){108, 232}, 2, 0);
}

/* torch: F.conv2d(F.pad(torch.arange(9.).view(1,1,3,3), (0,1,0,1)), torch.arange(9.).view(1,1,3,3), stride=2) */
static void conv2d_pads_each_side_on_its_own(void **state)
{
    (void)state;
    float x[9], w[9], y[1];
    for (int i = 0; i < 9; i++)
        x[i] = w[i] = (float)i;
    dr_tensor wt = {.dtype = DR_F32, .rank = 4, .dim = {1, 1, 3, 3}, .data = w};
    dr_conv_args a = {
        .scratch = &scratch, .N = 1, .H = 3, .W = 3, .I = 1, .O = 1, .OH = 1, .OW = 1, .w = &wt, .x = x, .y = y};
    a.geom = (dr_conv_geom){.kh = 3, .kw = 3, .stride = 2, .bottom = 1, .right = 1};
    assert_int_equal(ref->conv2d(&a), DR_OK);
    close_to(y, (double[]){204}, 1, 0);
    /* one row and column further up and left, the window keeps x's first 2x2 */
    a.geom = (dr_conv_geom){.kh = 3, .kw = 3, .stride = 2, .top = 1, .left = 1, .bottom = 0, .right = 0};
    assert_int_equal(ref->conv2d(&a), DR_OK);
    close_to(y, (double[]){0 * 4 + 1 * 5 + 3 * 7 + 4 * 8}, 1, 0);
}

static void depthwise_channels_stay_apart(void **state)
{
    (void)state;
    float x[] = {1, 10, 2, 20}, w[] = {1, 2, 3, 4}, y[2]; /* x [1,1,2,2]: cells (1,10) and (2,20); w [2,1,1,2] */
    dr_tensor wt = {.dtype = DR_F32, .rank = 4, .dim = {2, 1, 1, 2}, .data = w};
    dr_conv_args a = {
        .scratch = &scratch, .N = 1, .H = 1, .W = 2, .I = 2, .O = 2, .OH = 1, .OW = 1, .w = &wt, .x = x, .y = y};
    a.geom = (dr_conv_geom){.kh = 1, .kw = 2, .stride = 1, .groups = 2};
    assert_int_equal(ref->conv2d(&a), DR_OK);
    close_to(y, (double[]){1 * 1 + 2 * 2, 10 * 3 + 20 * 4}, 2, 0);
}

static void norms_have_mean_zero_and_deviation_one(void **state)
{
    (void)state;
    float x[] = {1, 5, 3, 7}, y[4], one[] = {1, 1, 1, 1}, zero[4] = {0}; /* [N=1,S=2,C=2]: channels {1,3} and {5,7} */
    dr_groupnorm_args g = {.scratch = &scratch, .N = 1, .S = 2, .C = 2, .groups = 2, .x = x, .y = y};
    assert_int_equal(ref->groupnorm(&g), DR_OK);
    close_to(y, (double[]){-1, -1, 1, 1}, 4, 0);
    g.act = DR_ACT_SILU;
    assert_int_equal(ref->groupnorm(&g), DR_OK);
    close_to(y, (double[]){-0.26894142, -0.26894142, 0.73105858, 0.73105858}, 4, 1e-7);
    dr_layernorm_args l = {.scratch = &scratch, .R = 2, .C = 2, .gamma = one, .beta = zero, .x = x, .y = y};
    assert_int_equal(ref->layernorm(&l), DR_OK);
    close_to(y, (double[]){-1, 1, -1, 1}, 4, 0);
}

static void attention_weighs_values_by_softmax(void **state)
{
    (void)state;
    /* scores of query 2 are 2*1/sqrt(1) = 2 and 0: weights 0.8807971 and 0.1192029 */
    float q[] = {5, 2}, k[] = {1, 0}, v[] = {10, 20}, y[2], lse[2];
    dr_attention_args a = {.scratch = &scratch,
                           .N = 1,
                           .Lq = 2,
                           .Lk = 2,
                           .heads = 1,
                           .D = 1,
                           .causal = true,
                           .ldq = 1,
                           .ldk = 1,
                           .ldv = 1,
                           .q = q,
                           .k = k,
                           .v = v,
                           .y = y,
                           .lse = lse};
    assert_int_equal(ref->attention(&a), DR_OK);
    close_to(y, (double[]){10, 11.192029}, 2, 2e-6);
    close_to(lse, (double[]){5, 2.126928}, 2, 1e-6);
}

/* torch: F.silu, F.gelu, x * sigmoid(1.702 x), F.relu, F.leaky_relu(x, 0.2), tanh at -1 and 2 */
static void activations_match_torch(void **state)
{
    (void)state;
    static const double want[][2] = {[DR_ACT_NONE] = {-1, 2},
                                     [DR_ACT_SILU] = {-0.26894142, 1.76159416},
                                     [DR_ACT_GELU] = {-0.15865525, 1.95449974},
                                     [DR_ACT_QUICK_GELU] = {-0.15420423, 1.93565862},
                                     [DR_ACT_RELU] = {0, 2},
                                     [DR_ACT_LEAKY_RELU] = {-0.2, 2},
                                     [DR_ACT_TANH] = {-0.76159416, 0.96402758}};
    float x[] = {-1, 2}, y[2];
    for (int act = DR_ACT_NONE; act <= DR_ACT_TANH; act++) {
        ref->act((dr_act)act, 2, x, y);
        close_to(y, want[act], 2, 3e-7);
    }
}

static void bilinear_aligns_cell_centres(void **state)
{
    (void)state;
    float x[] = {0, 1}, y[4], z[4] = {0, 10, 20, 30}, down[2];
    ref->resize_bilinear(1, 1, 2, 1, 1, 4, x, y);
    close_to(y, (double[]){0, 0.25, 0.75, 1}, 4, 1e-7);
    ref->resize_nearest(1, 1, 4, 1, 1, 2, z, down);
    close_to(down, (double[]){0, 20}, 2, 0);
}

/* torch: F.grid_sample(x, grid + flow / (1.5, 0.5), padding_mode="border", align_corners=False), grid of two linspaces
 * from -1 to 1: a flow of 0 does not give x back */
static void flow_sample_reads_where_torch_does(void **state)
{
    (void)state;
    float x[] = {0, 1, 4, 9, 16, 25}, flow[] = {0, 0, 0.5f, 0, 0, -1, 0, 0, -0.25f, 0.5f, 3, 3}, y[6];
    dr_flow_args a = {
        .N = 1, .H = 2, .W = 3, .C = 1, .OH = 2, .OW = 3, .div_x = 1.5f, .div_y = 0.5f, .x = x, .flow = flow, .y = y};
    ref->flow_sample(&a);
    close_to(y, (double[]){0, 2.5, 4, 9, 14.25, 25}, 6, 1e-6);
}

/* torch: F.leaky_relu(F.instance_norm(x + noise * scale) * (1 + gamma) + beta, 0.2), rows of gamma shared */
static void spade_normalises_then_modulates(void **state)
{
    (void)state;
    float x[] = {1, 5, 3, 7, 2, -1, 8, 0}, noise[] = {0.5f, -1, 0, 2}, scale[] = {0.5f, -2}, y[8];
    float gamma[] = {9, 9, 0.5f, -0.5f}, beta[] = {9, 9, 0.1f, -0.2f};
    int32_t id[] = {1, 1, 1, 1};
    dr_spade_args a = {.scratch = &scratch, .N = 1, .S = 4, .C = 2, .P = 2, .eps = 1e-5f, .slope = 0.2f, .gain = 2};
    a.x = x;
    a.noise = noise;
    a.noise_scale = scale;
    a.gamma = gamma;
    a.beta = beta;
    a.id = id;
    a.y = y;
    assert_int_equal(ref->spade(&a), DR_OK);
    static const double want[] = {-0.2159426063, 0.0020304620,  -0.0949463919, 0.5071066618,
                                  -0.1433448642, -0.1006091386, 2.6711692810,  -0.1612182707};
    for (int i = 0; i < 8; i++)
        y[i] /= 2;
    close_to(y, want, 8, 2e-6);
}

/* torch.optim.AdamW(lr=0.1, weight_decay=0.5) on 1.0 with gradients 2 and -1 */
static void adamw_takes_torchs_steps(void **state)
{
    (void)state;
    float p = 1, m = 0, v = 0, g[] = {4, -2}; /* clipped by one half */
    ref->adamw(1, &p, &g[0], &m, &v, 0.5f, 0.1f, 0.9f, 0.999f, 1e-8f, 0.5f, 1 - 0.9, 1 - 0.999);
    close_to(&p, (double[]){0.85}, 1, 2e-6);
    ref->adamw(1, &p, &g[1], &m, &v, 0.5f, 0.1f, 0.9f, 0.999f, 1e-8f, 0.5f, 1 - 0.9 * 0.9, 1 - 0.999 * 0.999);
    close_to(&p, (double[]){0.78086630}, 1, 3e-6);
}

static void out_of_memory_is_reported_and_scratch_given_back(void **state)
{
    (void)state;
    dr_arena tiny;
    assert_int_equal(dr_arena_init(&tiny, 4096), DR_OK);
    float x[64] = {0}, y[64];
    uint16_t w[64 * 64] = {0};
    dr_tensor wt = {.dtype = DR_F16, .rank = 2, .dim = {64, 64, 1, 1}, .data = w};
    dr_linear_args a = {.scratch = &tiny, .M = 1, .N = 64, .K = 64, .w = &wt, .x = x, .y = y};
    assert_int_equal(ref->linear(&a), DR_ENOMEM);
    assert_non_null(strstr(dr_error(), "out of memory"));
    assert_int_equal(tiny.used, 0);
    dr_arena_clear(&tiny);
}

static int freed;

static void count_free(void *pack)
{
    (void)pack;
    freed++;
}

static void unpacking_a_weight_frees_its_copy_once(void **state)
{
    (void)state;
    dr_tensor w = {.pack = &w, .pack_free = count_free};
    dr_weight_unpack(&w);
    dr_weight_unpack(&w);
    assert_int_equal(freed, 1);
    assert_null(w.pack);
}

static void description_names_every_row_and_fits_its_buffer(void **state)
{
    (void)state;
    char text[8192], small[16];
    dr_ops_describe(text, sizeof text);
    int lines = 0;
    for (const char *s = text; *s; s++)
        lines += *s == '\n';
    assert_int_equal(lines, (sizeof(dr_ops) - sizeof(char *)) / sizeof(void (*)(void)));
    assert_non_null(strstr(text, "resize_bilinear_bwd "));
    dr_ops_describe(small, sizeof small);
    assert_int_equal(strlen(small), sizeof small - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(linear_adds_bias_and_residual),
        cmocka_unit_test(conv2d_pads_each_side_on_its_own),
        cmocka_unit_test(depthwise_channels_stay_apart),
        cmocka_unit_test(norms_have_mean_zero_and_deviation_one),
        cmocka_unit_test(attention_weighs_values_by_softmax),
        cmocka_unit_test(activations_match_torch),
        cmocka_unit_test(bilinear_aligns_cell_centres),
        cmocka_unit_test(flow_sample_reads_where_torch_does),
        cmocka_unit_test(spade_normalises_then_modulates),
        cmocka_unit_test(adamw_takes_torchs_steps),
        cmocka_unit_test(out_of_memory_is_reported_and_scratch_given_back),
        cmocka_unit_test(unpacking_a_weight_frees_its_copy_once),
        cmocka_unit_test(description_names_every_row_and_fits_its_buffer),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
