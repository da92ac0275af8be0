/* What lies between HR-VITON's networks, and which sizes and tensors they take. Numbers are golden cases'
 * (tests/verify). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "models/hr_viton.h"

#include <stdio.h>
#include <string.h>

static void sizes_that_do_not_halve_are_refused_by_name(void **state)
{
    (void)state;
    dr_condition_config c = dr_condition_config_of(96);
    assert_int_equal(dr_condition_check_size(&c, 256, 192, "p"), DR_OK);
    assert_int_equal(dr_condition_check_size(&c, 64, 64, "p"), DR_OK);
    assert_int_equal(dr_condition_check_size(&c, 64, 48, "p"), DR_EINVAL);
    assert_int_equal(dr_condition_check_size(&c, 64, 32, "p"), DR_EINVAL);
    assert_non_null(strstr(dr_error(), "'p': the condition generator cannot work at 32x64"));
    dr_spade_config s = dr_spade_config_of(64, 128);
    assert_int_equal(dr_spade_check_size(&s, 1024, 768, "p"), DR_OK);
    assert_int_equal(dr_spade_check_size(&s, 256, 128, "p"), DR_OK);
    assert_int_equal(dr_spade_check_size(&s, 256, 192, "p"), DR_EINVAL);
    assert_int_equal(dr_spade_check_size(&s, 128, 128, "p"), DR_EINVAL); /* one value has no deviation */
    assert_int_equal(dr_spade_check_size(&s, 0, 128, "p"), DR_EINVAL);
}

/* The shapes of declared parameters, some of them hidden or given others. */
typedef struct shapes {
    dr_params params;
    const char *hidden, *extra;
    int64_t extra_dim[4];
} shapes;

static bool shape_of(const void *tensors, const char *name, int64_t dim[4])
{
    const shapes *s = tensors;
    if (s->extra && strcmp(name, s->extra) == 0) {
        memcpy(dim, s->extra_dim, sizeof s->extra_dim);
        return true;
    }
    const dr_param *q = s->hidden && strcmp(name, s->hidden) == 0 ? NULL : dr_param_find(&s->params, name);
    if (q)
        memcpy(dim, q->t.dim, sizeof q->t.dim);
    return q;
}

static void widths_are_read_from_the_tensors(void **state)
{
    (void)state;
    static dr_condition_generator condition;
    static dr_spade_generator generator;
    dr_condition_config c = dr_condition_config_of(5), c2;
    dr_spade_config s = dr_spade_config_of(3, 11), s2;
    shapes have = {0};
    assert_int_equal(dr_params_init(&have.params), DR_OK);
    assert_int_equal(dr_condition_init(&condition, &c, &have.params), DR_OK);
    assert_int_equal(dr_condition_config_read(&c2, shape_of, &have, "f"), DR_OK);
    assert_memory_equal(&c, &c2, sizeof c);
    dr_params_clear(&have.params);
    assert_int_equal(dr_params_init(&have.params), DR_OK);
    assert_int_equal(dr_spade_init(&generator, &s, &have.params), DR_OK);
    assert_int_equal(dr_spade_config_read(&s2, shape_of, &have, "f"), DR_OK);
    assert_int_equal(s2.blocks, 8);
    assert_memory_equal(s.width, s2.width, sizeof s.width);
    assert_memory_equal(s.hidden, s2.hidden, sizeof s.hidden);
    assert_memory_equal(s.feature, s2.feature, sizeof s.feature);
    assert_true(s2.spectral);
    dr_params_clear(&have.params);
}

/* Values that a training moves: no statistics, no vectors of a spectral norm. */
static int64_t trained(const dr_params *p)
{
    int64_t n = 0;
    for (const dr_param *q = p->first; q; q = q->next)
        if (!strstr(q->t.name, "running_") && !strstr(q->t.name, "weight_u") && !strstr(q->t.name, "weight_v"))
            n += dr_numel(&q->t);
    return n;
}

/* What PyTorch counts in the published networks; conv2 is not read. */
static void published_widths_have_as_many_parameters_as_published(void **state)
{
    (void)state;
    static dr_condition_generator condition;
    static dr_spade_generator generator;
    dr_params p;
    dr_condition_config c = dr_condition_config_of(96);
    dr_spade_config s = dr_spade_config_of(64, 128);
    assert_int_equal(dr_params_init(&p), DR_OK);
    assert_int_equal(dr_condition_init(&condition, &c, &p), DR_OK);
    assert_int_equal(trained(&p) + 384 * (96 + 192 + 384 + 384 + 4), 47431697);
    dr_params_clear(&p);
    assert_int_equal(dr_params_init(&p), DR_OK);
    assert_int_equal(dr_spade_init(&generator, &s, &p), DR_OK);
    assert_int_equal(trained(&p), 100481987);
    dr_params_clear(&p);
}

static void variants_that_are_not_published_are_named(void **state)
{
    (void)state;
    static dr_condition_generator condition;
    dr_condition_config c = dr_condition_config_of(4), got;
    shapes have = {0};
    assert_int_equal(dr_params_init(&have.params), DR_OK);
    assert_int_equal(dr_condition_init(&condition, &c, &have.params), DR_OK);
    have.extra = "out_layer.0.scale.weight";
    assert_int_equal(dr_condition_config_read(&got, shape_of, &have, "f"), DR_EUNSUPPORTED);
    assert_non_null(strstr(dr_error(), "variant 'conv'"));
    have.extra = "SegDecoder.3.scale.1.weight";
    memcpy(have.extra_dim, (int64_t[]){4, 8 + 8 + 8, 1, 1}, sizeof have.extra_dim);
    assert_int_equal(dr_condition_config_read(&got, shape_of, &have, "f"), DR_EUNSUPPORTED);
    assert_non_null(strstr(dr_error(), "variant 'encoder'"));
    have.extra = "out_layer.scale.weight";
    memcpy(have.extra_dim, (int64_t[]){20, 8, 1, 1}, sizeof have.extra_dim);
    assert_int_equal(dr_condition_config_read(&got, shape_of, &have, "f"), DR_EUNSUPPORTED);
    assert_non_null(strstr(dr_error(), "20 classes, expected 13"));
    have.extra = "ClothEncoder.0.scale.weight";
    memcpy(have.extra_dim, (int64_t[]){4, (int64_t)1 << 40, 1, 1}, sizeof have.extra_dim);
    assert_int_equal(dr_condition_config_read(&got, shape_of, &have, "f"), DR_EINVAL);
    have.extra = NULL;
    have.hidden = "conv.scale.weight";
    assert_int_equal(dr_condition_config_read(&got, shape_of, &have, "f"), DR_EINVAL);
    assert_non_null(
        strstr(dr_error(), "'f' is no condition generator of HR-VITON: it has no tensor 'conv.scale.weight'"));
    dr_params_clear(&have.params);
}

static void classes_become_the_generators_regions(void **state)
{
    (void)state;
    const uint8_t want[DR_HR_CLASSES] = {0, 3, 1, 2, 1, 4, 5, 1, 1, 1, 1, 1, 6};
    for (uint8_t i = 0; i < DR_HR_CLASSES; i++)
        assert_int_equal(dr_hr_region(i), want[i]);
    dr_composition c;
    assert_true(dr_composition_parse("detach", &c));
    assert_int_equal(c, DR_COMPOSITION_DETACH);
    assert_false(dr_composition_parse("warp", &c));
}

static void equal_logits_give_the_lowest_class(void **state)
{
    (void)state;
    dr_tape g;
    float x[2 * DR_HR_CLASSES] = {0};
    uint8_t labels[2];
    x[DR_HR_CLASSES + 4] = x[DR_HR_CLASSES + 9] = 2;
    assert_int_equal(dr_tape_init(&g), DR_OK);
    dr_tensor *t = dr_input(&g, x, 4, (int64_t[]){1, 1, 2, DR_HR_CLASSES});
    assert_int_equal(dr_hr_labels(&g, t, labels), DR_OK);
    assert_int_equal(labels[0], 0);
    assert_int_equal(labels[1], 4);
    dr_tape_clear(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes_that_do_not_halve_are_refused_by_name),
        cmocka_unit_test(widths_are_read_from_the_tensors),
        cmocka_unit_test(published_widths_have_as_many_parameters_as_published),
        cmocka_unit_test(variants_that_are_not_published_are_named),
        cmocka_unit_test(classes_become_the_generators_regions),
        cmocka_unit_test(equal_logits_give_the_lowest_class),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
