/* The text encoder with its last layers left out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "models/clip_text.h"
#include "pipeline/weights.h"

#include <string.h>

#define L 5
#define C 16

static const int32_t ids[L] = {1, 7, 3, 19, 2};

static void make(dr_clip_text *m, dr_params *p, int layers)
{
    const dr_clip_config c = {.vocab = 20,
                              .width = C,
                              .mlp = 32,
                              .layers = layers,
                              .heads = 2,
                              .positions = L,
                              .act = DR_ACT_GELU,
                              .eps = 1e-5f};
    assert_int_equal(dr_params_init(p), DR_OK);
    assert_int_equal(dr_clip_init(m, &c, p), DR_OK);
    assert_int_equal(dr_weights_random(p, DR_F32, 3), DR_OK);
}

static void encode(const dr_clip_text *m, float *out)
{
    dr_tape g;
    assert_int_equal(dr_tape_init(&g), DR_OK);
    dr_tensor *h = dr_clip_forward(&g, m, ids, 1, L);
    assert_int_equal(dr_tape_status(&g), DR_OK);
    memcpy(out, dr_f32(h), L * C * sizeof *out);
    dr_tape_clear(&g);
}

/* A model of two layers with one left out is that of one layer: transformers' hidden_states[-2], then the final norm.
 */
static void a_layer_left_out_is_as_if_it_were_not_there(void **state)
{
    (void)state;
    dr_clip_text two, one;
    dr_params two_params, one_params;
    float whole[L * C], skipped[L * C], want[L * C];
    make(&two, &two_params, 2);
    make(&one, &one_params, 1);
    for (dr_param *q = one_params.first; q; q = q->next) {
        const dr_param *from = dr_param_find(&two_params, q->t.name);
        assert_non_null(from);
        memcpy(q->t.data, from->t.data, dr_nbytes(&q->t));
    }
    encode(&two, whole);
    two.skip = 1;
    encode(&two, skipped);
    encode(&one, want);
    assert_memory_equal(skipped, want, sizeof want);
    assert_memory_not_equal(whole, want, sizeof want);
    dr_params_clear(&two_params);
    dr_params_clear(&one_params);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_layer_left_out_is_as_if_it_were_not_there)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
