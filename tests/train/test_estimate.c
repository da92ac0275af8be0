#include "train/estimate.h"

#include "learn/optimizer.h"
#include "pipeline/weights.h"
#include "train/rehearse.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define GIB ((uint64_t)1 << 30)

/* stabilityai/stable-diffusion-2-inpainting */
static const dr_unet_config sd2_unet = {
    .in = 9,
    .out = 4,
    .sample_size = 64,
    .levels = 4,
    .width = {320, 640, 1280, 1280},
    .heads = {5, 10, 20, 20},
    .layers = {2, 2, 2, 2},
    .depth = {1, 1, 1, 1},
    .up_depth = {1, 1, 1, 1},
    .mid_depth = 1,
    .down_cross = {true, true, true, false},
    .up_cross = {false, true, true, true},
    .context = {1024, 1024, 1024, 1024},
    .groups = 32,
    .eps = 1e-5f,
    .linear_projection = true,
    .flip_sin_to_cos = true,
};
static const dr_clip_config sd2_text = {.vocab = 49408,
                                        .width = 1024,
                                        .mlp = 4096,
                                        .layers = 23,
                                        .heads = 16,
                                        .positions = 77,
                                        .act = DR_ACT_GELU,
                                        .eps = 1e-5f};
static const dr_vae_config sd2_vae = {.levels = 4,
                                      .width = {128, 256, 512, 512},
                                      .layers = 2,
                                      .in = 3,
                                      .out = 3,
                                      .latent = 4,
                                      .groups = 32,
                                      .sample_size = 512,
                                      .scaling = 0.18215,
                                      .quant = true,
                                      .post_quant = true,
                                      .mid_attention = true};

enum { UNET_VALUES = 865925124, TEXT_VALUES = 340387840 }; /* as PyTorch counts them */

static drape_train_options options(void)
{
    drape_train_options o;
    drape_train_defaults(&o);
    return o;
}

static dr_train_estimate_in sd2(const drape_train_options *o)
{
    return (dr_train_estimate_in){o, &sd2_unet, &sd2_text, &sd2_vae, DR_F32};
}

static dr_train_memory need(const drape_train_options *o)
{
    dr_train_estimate_in in = sd2(o);
    dr_train_memory m;
    assert_int_equal(dr_train_estimate(&in, &m), DR_OK);
    return m;
}

static void weights_gradients_and_moments_are_exact(void **state)
{
    drape_train_options o = options();
    (void)state;
    dr_train_memory m = need(&o);
    assert_int_equal(m.weights, 4ull * UNET_VALUES);
    assert_int_equal(m.gradients, 4ull * UNET_VALUES);
    assert_in_range(m.moments, 8ull * UNET_VALUES, 8ull * UNET_VALUES + (1 << 20)); /* aligned tensors */
    assert_int_equal(m.average, 0);
    assert_int_equal(m.validation, 0);
    o.train_text_encoder = o.use_8bit_adam = o.use_ema = true;
    m = need(&o);
    assert_int_equal(m.weights, 4ull * (UNET_VALUES + TEXT_VALUES));
    assert_int_equal(m.average, m.weights);
    /* a byte each and a scale per 256, and 32 bits for small tensors */
    assert_in_range(m.moments, m.weights / 2, m.weights / 2 + m.weights / 80);
}

static void adapters_leave_the_weights_as_they_are_stored(void **state)
{
    drape_train_options o = options();
    dr_train_memory m;
    (void)state;
    o.lora_rank = 4;
    dr_train_estimate_in in = sd2(&o);
    in.stored = DR_F16;
    assert_int_equal(dr_train_estimate(&in, &m), DR_OK);
    /* peft counts 829,952 values of rank 4 on to_q, to_k, to_v, to_out.0 */
    assert_int_equal(m.gradients, 4ull * 829952);
    assert_int_equal(m.weights, 2ull * UNET_VALUES + 4ull * 829952);
}

static void a_distilled_model_keeps_what_distilling_changed(void **state)
{
    drape_train_options o = options();
    dr_train_memory m;
    (void)state;
    dr_train_estimate_in in = sd2(&o);
    in.distilled = true;
    assert_int_equal(dr_train_estimate(&in, &m), DR_OK);
    assert_int_equal(m.weights, 3 * 4ull * UNET_VALUES);
}

/* Values of the attention projections, to_out's bias with them, that look at `context` (0: at themselves). */
static uint64_t attention_values(uint64_t context)
{
    const uint64_t width[] = {320, 640, 1280}, layers[] = {5, 5, 6};
    uint64_t n = 0;
    for (int i = 0; i < 3; i++)
        n += layers[i] * width[i] * (2 * width[i] + 2 * (context ? context : width[i]) + 1);
    return n;
}

static void of_pairs_the_self_attention_alone_learns(void **state)
{
    enum { PUBLISHED = 49574080 }; /* values in the published files */
    drape_train_options o = options();
    dr_train_memory m;
    (void)state;
    assert_int_equal(attention_values(0), PUBLISHED);
    o.garment_pairs = "pairs";
    o.width = 384;
    o.height = 512;
    o.gradient_checkpointing = true;
    dr_train_estimate_in in = {.options = &o, .unet = &sd2_unet, .vae = &sd2_vae, .stored = DR_F16, .pairs = 1000};
    assert_int_equal(dr_train_estimate(&in, &m), DR_OK);
    uint64_t frozen = UNET_VALUES - PUBLISHED - attention_values(1024);
    assert_int_equal(m.gradients, 4ull * PUBLISHED);
    assert_in_range(m.moments, 8ull * PUBLISHED, 8ull * PUBLISHED + (1 << 20));
    assert_int_equal(m.weights, 2 * frozen + 4ull * PUBLISHED);
    assert_int_equal(m.latents, 1000ull * 48 * 64 * 26 * 4);
    uint64_t half = m.activations;
    o.height = 1024;
    assert_int_equal(dr_train_estimate(&in, &m), DR_OK);
    assert_true(m.activations > 19 * half / 10);
    o.train_layers = "all";
    assert_int_equal(dr_train_estimate(&in, &m), DR_OK);
    assert_int_equal(m.gradients, 4ull * (UNET_VALUES - attention_values(1024)));
    o.lora_rank = 4;
    assert_int_equal(dr_train_estimate(&in, &m), DR_OK);
    assert_int_equal(m.gradients, 4ull * 4 * 8 * (5 * 320 + 5 * 640 + 6 * 1280));
}

static void gradients_used_as_they_come_need_one_block(void **state)
{
    drape_train_options o = options();
    (void)state;
    o.gradient_checkpointing = true;
    o.max_grad_norm = 0;
    assert_in_range(need(&o).gradients, 4ull * 49 * 1000 * 1000, 4ull * 130 * 1000 * 1000);
    o.gradient_accumulation_steps = 2;
    assert_int_equal(need(&o).gradients, 4ull * UNET_VALUES);
}

static void more_of_anything_needs_more(void **state)
{
    drape_train_options o = options(), more;
    (void)state;
    o.gradient_checkpointing = true;
    uint64_t total = need(&o).total;
    more = o;
    more.train_batch_size = 2;
    assert_true(need(&more).activations > 19 * need(&o).activations / 10);
    more = o;
    more.with_prior_preservation = true;
    assert_true(need(&more).total > total);
    more = o;
    more.resolution = 768;
    assert_true(need(&more).activations > 2 * need(&o).activations);
    more = o;
    more.activation_memory = 1 << 30;
    assert_in_range(need(&more).activations, need(&o).activations + GIB * 3 / 4, need(&o).activations + GIB);
    more = o;
    more.gradient_checkpointing = false;
    assert_true(need(&more).activations > 3 * need(&o).activations);
    more = o;
    more.validation_image = "p.jpg";
    assert_true(need(&more).validation > GIB / 2);
}

/* --- against the tape itself ---------------------------------------------------------------------- */

typedef struct model {
    dr_unet_config config;
    dr_unet net;
    dr_params params;
} model;

static model *model_make(void)
{
    model *m = calloc(1, sizeof *m);
    assert_non_null(m);
    dr_unet_config *c = &m->config;
    *c = sd2_unet;
    for (int i = 0; i < c->levels; i++) {
        c->width[i] /= 10;
        c->heads[i] = 2;
        c->context[i] = 48;
    }
    c->groups = 8;
    assert_int_equal(dr_params_init(&m->params), DR_OK);
    assert_int_equal(dr_unet_init(&m->net, c, &m->params), DR_OK);
    assert_int_equal(dr_weights_random(&m->params, DR_F32, 1), DR_OK);
    for (dr_param *q = m->params.first; q; q = q->next) {
        q->t.constant = false;
        q->t.needs_grad = true;
        q->t.grad = calloc((size_t)dr_numel(&q->t), sizeof(float));
        assert_non_null(q->t.grad);
    }
    return m;
}

static void model_free(model *m)
{
    for (dr_param *q = m->params.first; q; q = q->next)
        free(q->t.grad);
    dr_params_clear(&m->params);
    free(m);
}

/* The peak of a tape over one step that computes; `kept` is what lies there after the forward. */
static size_t step_peak(const model *m, int64_t N, int64_t side, const drape_train_options *o, size_t *kept)
{
    const float timestep[] = {1, 2, 3, 4};
    int64_t rows = o->garment_pairs ? 2 * side : side;
    size_t cells = (size_t)(N * rows * side);
    float *zero = calloc(cells * 9 + 77 * 48 * 4, sizeof *zero);
    dr_tape g;
    assert_non_null(zero);
    assert_int_equal(dr_tape_init(&g), DR_OK);
    g.recording = true;
    g.checkpointing = o->gradient_checkpointing;
    g.activation_budget = (size_t)o->activation_memory;
    dr_tensor *x = dr_input(&g, zero, 4, (int64_t[]){N, rows, side, 9});
    dr_tensor *text = o->garment_pairs ? NULL : dr_input(&g, zero, 3, (int64_t[]){N, 77, 48});
    dr_tensor *want = dr_input(&g, zero, 4, (int64_t[]){N, rows, side, 4}), *weight = dr_new_like(&g, want);
    dr_tensor_set(&g, weight, zero);
    dr_tensor *loss = dr_mse(&g, dr_unet_forward(&g, &m->net, x, timestep, text), want, weight);
    *kept = g.arena.used + g.values.used;
    assert_int_equal(dr_backward(&g, loss, 1), DR_OK);
    size_t peak = g.arena.peak + g.values.peak;
    dr_tape_clear(&g);
    free(zero);
    return peak;
}

static void expect_near(const char *what, size_t got, uint64_t estimated, double part)
{
    double ratio = (double)estimated / (double)got;
    if (ratio < 1 - part || ratio > 1 + part)
        fail_msg("%s: estimated %.1f KiB, the tape took %.1f KiB", what, (double)estimated / 1024, (double)got / 1024);
}

static void check_step(const model *m, const drape_train_options *o)
{
    dr_rehearsal *r;
    dr_rehearsed step;
    size_t kept, peak = step_peak(m, o->train_batch_size, o->resolution / 8, o, &kept);
    dr_clip_config text = sd2_text;
    text.width = 48;
    assert_int_equal(dr_rehearsal_open(&r, &m->config, &text, &sd2_vae), DR_OK);
    assert_int_equal(dr_rehearse_step(r, o, DR_F32, false, &step), DR_OK);
    expect_near("forward", kept, step.kept, 0.002);
    expect_near("step", peak, step.peak, 0.05);
    dr_rehearsal_close(r);
}

static void the_tape_takes_what_was_estimated(void **state)
{
    model *m = model_make();
    drape_train_options o = options();
    (void)state;
    for (o.train_batch_size = 1; o.train_batch_size <= 2; o.train_batch_size++)
        for (int how = 0; how < 3; how++) {
            o.resolution = 256;
            o.gradient_checkpointing = how > 0;
            o.activation_memory = how == 2 ? 8 << 20 : 0;
            check_step(m, &o);
        }
    model_free(m);
}

static void the_tape_takes_of_a_pair_what_was_estimated(void **state)
{
    model *m = model_make();
    drape_train_options o = options();
    (void)state;
    o.garment_pairs = "pairs";
    o.resolution = o.width = o.height = 128;
    for (dr_param *q = m->params.first; q; q = q->next)
        q->t.constant = !(q->t.needs_grad = strstr(q->t.name, ".attn1.to_") != NULL);
    for (int how = 0; how < 2; how++) {
        o.gradient_checkpointing = how > 0;
        check_step(m, &o);
    }
    model_free(m);
}

/* --- the sentence --------------------------------------------------------------------------------- */

static char text[1024];

static dr_status tell(const drape_train_options *o, uint64_t available)
{
    dr_train_estimate_in in = sd2(o);
    return dr_train_estimate_tell(&in, available, text, sizeof text);
}

static void expect_text(const char *part, bool there)
{
    if ((strstr(text, part) != NULL) != there)
        fail_msg("'%s' is %s: %s", part, there ? "missing" : "there", text);
}

static void says_what_is_needed_and_free(void **state)
{
    drape_train_options o = options();
    (void)state;
    assert_int_equal(tell(&o, 64 * GIB), DR_OK);
    expect_text("(weights 3.2, gradients 3.2, moments 6.5, activations ", true);
    expect_text(", 64.0 GiB are free", true);
    expect_text("flags", false);
    expect_text("average", false);
    assert_int_equal(tell(&o, 0), DR_OK);
    expect_text("free", false);
}

static void names_the_fewest_flags_that_make_it_fit(void **state)
{
    drape_train_options o = options();
    uint64_t total = need(&o).total;
    (void)state;
    assert_int_equal(tell(&o, total - GIB), DR_ENOMEM);
    assert_string_equal(dr_error(), text);
    expect_text("these flags make it fit: --use_8bit_adam (saves 4.8)", true);
    expect_text("checkpointing", false);

    o.use_8bit_adam = true;
    assert_int_equal(tell(&o, need(&o).total - GIB), DR_ENOMEM);
    expect_text("--gradient_checkpointing (saves ", true);
    expect_text("--use_8bit_adam", false);

    o.gradient_checkpointing = true;
    assert_int_equal(tell(&o, need(&o).total - GIB), DR_ENOMEM);
    expect_text("make it fit: --max_grad_norm 0 (saves ", true);

    o.max_grad_norm = 0;
    assert_int_equal(tell(&o, need(&o).total - GIB), DR_ENOMEM);
    expect_text("make it fit: --lora_rank 4 (saves ", true);
}

static void leaves_out_flags_that_a_later_one_makes_needless(void **state)
{
    drape_train_options o = options();
    (void)state;
    o.max_grad_norm = 0;
    o.gradient_checkpointing = true;
    drape_train_options lora = o;
    lora.lora_rank = 4;
    assert_int_equal(tell(&o, need(&lora).total + (64 << 20)), DR_ENOMEM);
    expect_text("make it fit: --lora_rank 4 (saves ", true);
    expect_text("8bit", false);
}

static void says_so_when_nothing_makes_it_fit(void **state)
{
    drape_train_options o = options();
    (void)state;
    o.train_batch_size = 4;
    assert_int_equal(tell(&o, 2 * GIB), DR_ENOMEM);
    expect_text("even with --use_8bit_adam", true);
    expect_text("--train_batch_size 1 with", true);
    expect_text("lower --resolution (now 512)", true);
    o = options();
    o.lora_rank = 4;
    o.gradient_checkpointing = o.use_8bit_adam = true;
    o.max_grad_norm = 0;
    assert_int_equal(tell(&o, 2 * GIB), DR_ENOMEM);
    expect_text("even with", false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(weights_gradients_and_moments_are_exact),
        cmocka_unit_test(adapters_leave_the_weights_as_they_are_stored),
        cmocka_unit_test(of_pairs_the_self_attention_alone_learns),
        cmocka_unit_test(gradients_used_as_they_come_need_one_block),
        cmocka_unit_test(more_of_anything_needs_more),
        cmocka_unit_test(the_tape_takes_what_was_estimated),
        cmocka_unit_test(the_tape_takes_of_a_pair_what_was_estimated),
        cmocka_unit_test(says_what_is_needed_and_free),
        cmocka_unit_test(names_the_fewest_flags_that_make_it_fit),
        cmocka_unit_test(leaves_out_flags_that_a_later_one_makes_needless),
        cmocka_unit_test(says_so_when_nothing_makes_it_fit),
        cmocka_unit_test(a_distilled_model_keeps_what_distilling_changed),
    };
    setenv("DRAPE_TUNE", "off", 1); /* which convolution is fastest does not matter here */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
