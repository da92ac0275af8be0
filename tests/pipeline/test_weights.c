#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/path.h"
#include "pipeline/weights.h"

#include <math.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char folder[] = "/tmp/drape-test-XXXXXX";

static const char *at(const char *name)
{
    static char path[256];
    dr_path(path, sizeof path, folder, name);
    return path;
}

/* The table of a little UNet-like model: a convolution, a linear layer, a norm. */
static void declare(dr_params *p)
{
    assert_int_equal(dr_params_init(p), DR_OK);
    dr_param_add(p, "conv_in", "weight", DR_INIT_KAIMING, 81, 4, 8, 9, 3, 3);
    dr_param_add(p, "conv_in", "bias", DR_INIT_KAIMING, 81, 1, 8, 1, 1, 1);
    dr_param_add(p, "mid.to_q", "weight", DR_INIT_NORMAL, 0, 2, 100, 83, 1, 1);
    dr_param_add(p, "norm", "weight", DR_INIT_ONES, 0, 1, 8, 1, 1, 1);
    dr_param_add(p, "norm", "bias", DR_INIT_ZEROS, 0, 1, 8, 1, 1, 1);
}

/* A tensor of more than one block of every kind of work. */
static void declare_large(dr_params *p)
{
    declare(p);
    dr_param_add(p, "large", "weight", DR_INIT_KAIMING, 900, 2, 1200, 900, 1, 1);
}

/* A file of f32 tensors, each filled with its place in the list. */
static void write_file(const char *name, const dr_st_entry *e, size_t n)
{
    dr_st_writer w;
    assert_int_equal(dr_st_create(&w, at(name), e, n, NULL, 0), DR_OK);
    for (size_t i = 0; i < n; i++) {
        size_t values = 1, size = dr_dtype_size(e[i].dtype);
        for (int k = 0; k < e[i].rank; k++)
            values *= (size_t)e[i].dim[k];
        char *data = calloc(values, size);
        assert_non_null(data);
        for (size_t k = 0; k < values && e[i].dtype != DR_I64; k++) {
            float v = (float)i + 1;
            dr_from_f32(&v, data + k * size, e[i].dtype, 1);
        }
        assert_int_equal(dr_st_put(&w, data, values * size), DR_OK);
        free(data);
    }
    assert_int_equal(dr_st_commit(&w), DR_OK);
}

static void remove_files(void)
{
    char command[300];
    snprintf(command, sizeof command, "rm -rf %s/*", folder);
    assert_int_equal(system(command), 0);
}

static void assert_same_values(const dr_params *a, const dr_params *b)
{
    for (dr_param *q = a->first; q; q = q->next) {
        dr_param *r = dr_param_find(b, q->t.name);
        assert_non_null(r);
        assert_int_equal(q->t.dtype, r->t.dtype);
        assert_memory_equal(q->t.data, r->t.data, dr_nbytes(&q->t));
    }
}

static void saved_weights_load_again(void **state)
{
    (void)state;
    for (int dtype = DR_F32; dtype <= DR_BF16; dtype++)
        for (size_t shard = 0; shard <= 4000; shard += 4000) {
            dr_params p, q;
            dr_weights w;
            declare(&p);
            declare(&q);
            assert_int_equal(dr_weights_random(&p, (dr_dtype)dtype, 5), DR_OK);
            /* what 16 bits hold exactly comes back exactly */
            for (dr_param *x = p.first; x; x = x->next)
                for (int64_t i = 0; x->t.rank == 1 && i < x->t.dim[0]; i++)
                    ((float *)x->t.data)[i] = (float)i / 4;
            assert_int_equal(dr_weights_save(&p, at("diffusion_pytorch_model.safetensors"), (dr_dtype)dtype, "", shard),
                             DR_OK);
            assert_int_equal(dr_exists(at("diffusion_pytorch_model.safetensors.index.json")), shard > 0);
            assert_int_equal(dr_weights_load(&w, &q, folder, &dr_weights_unet), DR_OK);
            assert_int_equal(w.count > 1, shard > 0);
            assert_string_equal(w.file[0]->meta[0].value, "pt");
            assert_same_values(&p, &q);
            assert_true(dr_param_find(&q, "conv_in.weight")->t.mapped);
            assert_false(dr_param_find(&q, "conv_in.bias")->t.mapped);
            dr_params_clear(&p);
            dr_params_clear(&q);
            dr_weights_close(&w);
            remove_files();
        }
}

static void random_weights_follow_their_rules(void **state)
{
    (void)state;
    dr_params p, q;
    declare_large(&p);
    declare_large(&q);
    omp_set_num_threads(1);
    assert_int_equal(dr_weights_random(&p, DR_F32, 7), DR_OK);
    omp_set_num_threads(3);
    assert_int_equal(dr_weights_random(&q, DR_F32, 7), DR_OK);
    assert_same_values(&p, &q);

    const float *conv = dr_param_find(&p, "conv_in.weight")->t.data;
    const float *linear = dr_param_find(&p, "mid.to_q.weight")->t.data;
    double sum = 0, square = 0, largest = 0;
    for (int i = 0; i < 648; i++)
        largest = fmax(largest, fabsf(conv[i]));
    assert_true(largest <= 1.0 / 9 && largest > 0.99 / 9);
    for (int i = 0; i < 8300; i++) {
        sum += linear[i];
        square += (double)linear[i] * linear[i];
    }
    assert_true(fabs(sum / 8300) < 4 * 0.02 / sqrt(8300));
    assert_true(fabs(sqrt(square / 8300) - 0.02) < 0.001);
    assert_true(((float *)dr_param_find(&p, "norm.weight")->t.data)[7] == 1);
    assert_true(((float *)dr_param_find(&p, "norm.bias")->t.data)[7] == 0);
    dr_params_clear(&p);
    dr_params_clear(&q);
}

static void streamed_random_file_equals_the_one_from_memory(void **state)
{
    (void)state;
    char *a, *b;
    size_t na, nb;
    dr_params p, q;
    declare_large(&p);
    declare_large(&q);
    assert_int_equal(dr_weights_random(&p, DR_F32, 9), DR_OK);
    assert_int_equal(dr_weights_save(&p, at("a.safetensors"), DR_F16, "text_model.", 0), DR_OK);
    assert_int_equal(dr_weights_write_random(&q, at("b.safetensors"), DR_F16, "text_model.", 9, NULL, NULL), DR_OK);
    assert_int_equal(dr_file_read(at("a.safetensors"), 16 << 20, &a, &na), DR_OK);
    assert_int_equal(dr_file_read(at("b.safetensors"), 16 << 20, &b, &nb), DR_OK);
    assert_int_equal(na, nb);
    assert_memory_equal(a, b, na);
    assert_non_null(strstr(a + 8, "\"text_model.conv_in.weight\""));
    free(a);
    free(b);
    dr_params_clear(&p);
    dr_params_clear(&q);
    remove_files();
}

static void text_encoder_prefix_is_optional(void **state)
{
    (void)state;
    for (int prefixed = 0; prefixed < 2; prefixed++) {
        const dr_st_entry e[] = {
            {.name = prefixed ? "text_model.final.weight" : "final.weight", .dtype = DR_F16, .rank = 1, .dim = {3}},
            {.name = prefixed ? "text_model.embeddings.position_ids" : "embeddings.position_ids",
             .dtype = DR_I64,
             .rank = 2,
             .dim = {1, 77}}};
        dr_params p;
        dr_weights w;
        assert_int_equal(dr_params_init(&p), DR_OK);
        dr_tensor *t = dr_param_add(&p, "final", "weight", DR_INIT_ONES, 0, 1, 3, 1, 1, 1);
        write_file("model.fp16.safetensors", e, 2);
        assert_int_equal(dr_weights_load(&w, &p, folder, &dr_weights_text), DR_OK);
        assert_int_equal(t->dtype, DR_F32); /* one axis: f32 whatever the file has */
        assert_true(((float *)t->data)[2] == 1);
        dr_params_clear(&p);
        dr_weights_close(&w);
        remove_files();
    }
}

/* A text encoder of one parameter, with another tensor beside it. */
static dr_status load_beside(const char *other, dr_weights *w, dr_params *p)
{
    const dr_st_entry e[] = {{.name = "text_model.final.weight", .rank = 1, .dim = {3}},
                             {.name = other, .rank = 2, .dim = {2, 2}}};
    assert_int_equal(dr_params_init(p), DR_OK);
    dr_param_add(p, "final", "weight", DR_INIT_ONES, 0, 1, 3, 1, 1, 1);
    write_file("model.safetensors", e, 2);
    return dr_weights_load(w, p, folder, &dr_weights_text);
}

static void tensors_without_a_part_in_the_picture_are_passed_over_with_a_word(void **state)
{
    (void)state;
    static const char *const unused[] = {"logit_scale", "vision_model.embeddings.class_embedding",
                                         "visual_projection.weight", "text_projection.weight"};
    static const char *const foreign[] = {"logit_scales", "vision_model", "other.weight", "text_model.logit"};
    for (size_t i = 0; i < 4; i++) {
        dr_params p;
        dr_weights w;
        if (load_beside(unused[i], &w, &p))
            fail_msg("%s", dr_error());
        assert_non_null(strstr(w.note, unused[i]));
        assert_non_null(strstr(w.note, "1 tensor that the text encoder does not need"));
        dr_params_clear(&p);
        dr_weights_close(&w);
        remove_files();
        assert_int_equal(load_beside(foreign[i], &w, &p), DR_EINVAL);
        assert_non_null(strstr(dr_error(), foreign[i]));
        dr_params_clear(&p);
        remove_files();
    }
}

static void vae_attention_loads_under_both_names_and_shapes(void **state)
{
    (void)state;
    const char *names[2][4] = {{"query.weight", "key.weight", "value.weight", "proj_attn.weight"},
                               {"to_q.weight", "to_k.weight", "to_v.weight", "to_out.0.weight"}};
    for (int variant = 0; variant < 4; variant++) { /* names, and 1x1 convolution or matrix */
        dr_st_entry e[4];
        char name[4][80];
        dr_params p;
        dr_weights w;
        assert_int_equal(dr_params_init(&p), DR_OK);
        for (int i = 0; i < 4; i++) {
            snprintf(name[i], 80, "encoder.mid_block.attentions.0.%s", names[variant & 1][i]);
            e[i] = (dr_st_entry){.name = name[i], .dtype = DR_F32, .rank = variant & 2 ? 4 : 2, .dim = {5, 5, 1, 1}};
            dr_param_add(&p, "encoder.mid_block.attentions.0", names[1][i], DR_INIT_ZEROS, 0, variant & 2 ? 2 : 4, 5, 5,
                         1, 1);
        }
        write_file("diffusion_pytorch_model.safetensors", e, 4);
        assert_int_equal(dr_weights_load(&w, &p, folder, &dr_weights_vae), DR_OK);
        assert_true(((float *)dr_param_find(&p, "encoder.mid_block.attentions.0.to_out.0.weight")->t.data)[24] == 4);
        dr_params_clear(&p);
        dr_weights_close(&w);
        remove_files();
    }
}

static void load_fails(const char *why)
{
    dr_params p;
    dr_weights w;
    declare(&p);
    assert_int_not_equal(dr_weights_load(&w, &p, folder, &dr_weights_unet), DR_OK);
    if (!strstr(dr_error(), why))
        fail_msg("'%s' does not say '%s'", dr_error(), why);
    assert_null(w.file);
    dr_params_clear(&p);
    remove_files();
}

#define MODEL                                                                                                          \
    {.name = "conv_in.weight", .rank = 4, .dim = {8, 9, 3, 3}}, {.name = "conv_in.bias", .rank = 1, .dim = {8}},       \
        {.name = "mid.to_q.weight", .rank = 2, .dim = {100, 83}}, {.name = "norm.weight", .rank = 1, .dim = {8}},      \
    {                                                                                                                  \
        .name = "norm.bias", .rank = 1, .dim = { 8 }                                                                   \
    }

static void faults_are_named(void **state)
{
    (void)state;
    const char *file = "diffusion_pytorch_model.safetensors";
    load_fails("has no diffusion_pytorch_model.safetensors");

    assert_int_equal(dr_file_write(at("diffusion_pytorch_model.bin"), "x", 1), DR_OK);
    load_fails("diffusion_pytorch_model.bin");

    dr_st_entry e[] = {MODEL, {.name = "extra.weight", .rank = 1, .dim = {1}}};
    write_file(file, e, 3);
    load_fails("2 of its 5 tensors are missing, the first is 'norm.weight'");
    e[5].name = "model_ema.decay";
    write_file(file, e, 6);
    dr_params p;
    dr_weights w;
    declare(&p);
    assert_int_equal(dr_weights_load(&w, &p, folder, &dr_weights_unet), DR_OK);
    assert_non_null(strstr(w.note, "model_ema.decay"));
    dr_params_clear(&p);
    dr_weights_close(&w);
    e[5].name = "extra.weight";
    write_file(file, e, 6);
    load_fails("1 tensor that its config.json has no place for, the first is 'extra.weight'");

    e[0].dim[1] = 4;
    write_file(file, e, 5);
    load_fails("'conv_in.weight' takes 4 channels, expected 9; this is a text-to-image UNet");
    e[0].dim[1] = 9;
    e[2].dim[0] = 83;
    e[2].dim[1] = 100; /* as many values, but transposed */
    write_file(file, e, 5);
    load_fails("'mid.to_q.weight' has shape [83,100], expected [100,83]");
    e[2] = (dr_st_entry){.name = "mid.to_q.weight", .dtype = DR_I64, .rank = 2, .dim = {100, 83}};
    write_file(file, e, 5);
    load_fails("'mid.to_q.weight' is I64");
}

static void load_and_expect(const char *file)
{
    dr_params p;
    dr_weights w;
    declare(&p);
    if (dr_weights_load(&w, &p, folder, &dr_weights_unet))
        fail_msg("%s", dr_error());
    assert_string_equal(w.list[0].path, at(file));
    dr_params_clear(&p);
    dr_weights_close(&w);
}

/* What a file holds is its content's affair; its name says only which of several is meant. */
static void bin_files_serve_where_there_is_no_safetensors(void **state)
{
    (void)state;
    const dr_st_entry a[] = {MODEL};
    const char *index = "{\"weight_map\": {\"conv_in.weight\": \"x.bin\"}}";
    write_file("x.bin", a, 5);
    assert_int_equal(dr_file_write(at("diffusion_pytorch_model.bin.index.json"), index, strlen(index)), DR_OK);
    load_and_expect("x.bin");
    write_file("diffusion_pytorch_model.fp16.safetensors", a, 5);
    write_file("diffusion_pytorch_model.bin", a, 5);
    load_and_expect("diffusion_pytorch_model.fp16.safetensors");
    assert_int_equal(unlink(at("diffusion_pytorch_model.fp16.safetensors")), 0);
    load_and_expect("diffusion_pytorch_model.bin");
    remove_files();
}

static void broken_indexes_are_refused(void **state)
{
    (void)state;
    const struct {
        const char *text, *why;
    } cases[] = {
        {"{}", "weight_map"},
        {"{\"weight_map\": {\"a\": \"../x.safetensors\"}}", "same folder"},
        {"{\"weight_map\": {\"a\": \"/etc/passwd\"}}", "same folder"},
        {"{\"weight_map\": {\"a\": 1}}", "same folder"},
        {"{\"weight_map\": {\"a\": \"gone.safetensors\"}}", "cannot open"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(
            dr_file_write(at("diffusion_pytorch_model.safetensors.index.json"), cases[i].text, strlen(cases[i].text)),
            DR_OK);
        load_fails(cases[i].why);
    }
    const dr_st_entry e[] = {MODEL};
    write_file("a.safetensors", e, 5);
    write_file("b.safetensors", e, 1);
    const char *twice = "{\"weight_map\": {\"a\": \"a.safetensors\", \"b\": \"b.safetensors\"}}";
    assert_int_equal(dr_file_write(at("diffusion_pytorch_model.safetensors.index.json"), twice, strlen(twice)), DR_OK);
    load_fails("is there twice");
}

static void nan_and_infinity_are_found_anywhere(void **state)
{
    (void)state;
    enum { N = 600001 };
    float *f = calloc(N, sizeof *f);
    uint16_t *h = calloc(N, sizeof *h);
    assert_non_null(f);
    assert_non_null(h);
    f[N - 1] = -3.4e38f; /* the largest finite values are fine */
    h[7] = 0x7bff;
    assert_int_equal(dr_check_finite(f, DR_F32, N, "t", "f"), DR_OK);
    assert_int_equal(dr_check_finite(h, DR_F16, N, "t", "f"), DR_OK);
    f[N - 1] = INFINITY;
    assert_int_equal(dr_check_finite(f, DR_F32, N, "t", "f"), DR_EINVAL);
    f[N - 1] = 0;
    f[0] = NAN;
    assert_int_equal(dr_check_finite(f, DR_F32, N, "t", "f"), DR_EINVAL);
    h[N - 2] = 0xfc00;
    assert_int_equal(dr_check_finite(h, DR_F16, N, "t", "f"), DR_EINVAL);
    h[N - 2] = 0x7fc0; /* a NaN of bf16 and of f16 */
    assert_int_equal(dr_check_finite(h, DR_BF16, N, "t", "f"), DR_EINVAL);
    free(f);
    free(h);

    dr_params p;
    declare(&p);
    assert_int_equal(dr_weights_random(&p, DR_F32, 1), DR_OK);
    float *v = dr_param_find(&p, "mid.to_q.weight")->t.data;
    v[4000] = 1e6f; /* finite, but not in 16 bits */
    assert_int_equal(dr_weights_save(&p, at("a.safetensors"), DR_F16, "", 0), DR_EINVAL);
    assert_non_null(strstr(dr_error(), "'mid.to_q.weight' has values that are NaN or too large for F16"));
    assert_false(dr_exists(at("a.safetensors")));
    assert_int_equal(dr_weights_save(&p, at("a.safetensors"), DR_BF16, "", 0), DR_OK);
    dr_params_clear(&p);
    remove_files();
}

static void a_file_with_nan_is_refused_unless_trusted(void **state)
{
    (void)state;
    const dr_st_entry e[] = {MODEL};
    dr_st_writer w;
    static float data[8300];
    assert_int_equal(dr_st_create(&w, at("diffusion_pytorch_model.safetensors"), e, 5, NULL, 0), DR_OK);
    for (int i = 0; i < 5; i++) {
        data[8299] = i == 2 ? NAN : 0;
        size_t n = (size_t[]){648, 8, 8300, 8, 8}[i];
        assert_int_equal(dr_st_put(&w, data, n * 4), DR_OK);
    }
    assert_int_equal(dr_st_commit(&w), DR_OK);
    dr_params p;
    dr_weights file;
    dr_weights_rules trusting = dr_weights_unet;
    trusting.trusted = true;
    declare(&p);
    assert_int_equal(dr_weights_load(&file, &p, folder, &trusting), DR_OK);
    dr_params_clear(&p);
    dr_weights_close(&file);
    load_fails("'mid.to_q.weight' contains NaN or infinity");
}

static void a_mapped_parameter_becomes_its_own(void **state)
{
    (void)state;
    dr_params p, q;
    dr_weights v, w;
    declare(&p);
    declare(&q);
    assert_int_equal(dr_weights_write_random(&p, at("diffusion_pytorch_model.safetensors"), DR_BF16, "", 3, NULL, NULL),
                     DR_OK);
    assert_int_equal(dr_weights_load(&w, &p, folder, &dr_weights_unet), DR_OK);
    assert_int_equal(dr_weights_load(&v, &q, folder, &dr_weights_unet), DR_OK);
    dr_param *own = dr_param_find(&p, "mid.to_q.weight"), *mapped = dr_param_find(&q, "mid.to_q.weight");
    assert_int_equal(dr_param_make_own_f32(own), DR_OK);
    assert_int_equal(own->t.dtype, DR_F32);
    assert_false(own->t.mapped);
    for (int i = 0; i < 8300; i++)
        assert_true(((float *)own->t.data)[i] == dr_bf16_to_f32(((uint16_t *)mapped->t.data)[i]));
    ((float *)own->t.data)[0] = 1; /* writable */
    dr_params_clear(&p);
    dr_params_clear(&q);
    dr_weights_close(&v);
    dr_weights_close(&w);
    remove_files();
}

/* What --weights q8 does: matrices of whole blocks that are not small; the rest stays where it is. */
static void weights_wait_in_8_bits_where_that_pays(void **state)
{
    static const struct {
        const char *name;
        int64_t dim[4];
        bool q8;
    } all[] = {{"to_q", {256, 64, 1, 1}, true},
               {"conv", {64, 32, 3, 3}, true},
               {"conv_odd", {64, 33, 3, 3}, false}, /* 297 inputs are no whole blocks */
               {"small", {8, 320, 1, 1}, false},
               {"time_embedding.linear_1", {256, 64, 1, 1}, false}};
    dr_params p, plain;
    (void)state;
    assert_int_equal(dr_params_init(&p), DR_OK);
    assert_int_equal(dr_params_init(&plain), DR_OK);
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        for (int k = 0; k < 2; k++)
            dr_param_add(k ? &plain : &p, all[i].name, "weight", DR_INIT_KAIMING, all[i].dim[1],
                         all[i].dim[2] > 1 ? 4 : 2, all[i].dim[0], all[i].dim[1], all[i].dim[2], all[i].dim[3]);
    dr_param_add(&p, "to_q", "bias", DR_INIT_KAIMING, 64, 1, 32768, 1, 1, 1);
    assert_int_equal(dr_weights_random(&p, DR_F16, 5), DR_OK);
    assert_int_equal(dr_weights_random(&plain, DR_F16, 5), DR_OK);
    assert_int_equal(dr_params_hold(&p, true, "here"), DR_OK);
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        char name[64];
        snprintf(name, sizeof name, "%s.weight", all[i].name);
        const dr_param *q = dr_param_find(&p, name), *r = dr_param_find(&plain, name);
        size_t n = (size_t)dr_numel(&q->t), bytes = dr_nbytes(&q->t);
        assert_int_equal(q->t.dtype, all[i].q8 ? DR_Q8_0 : DR_F16);
        assert_int_equal(q->t.yields, all[i].q8);
        float *f32 = malloc(n * sizeof *f32);
        char *want = malloc(2 * n);
        dr_to_f32(r->t.data, DR_F16, f32, n);
        dr_from_f32(f32, want, q->t.dtype, n);
        assert_memory_equal(q->t.data, want, bytes);
        free(f32);
        free(want);
    }
    assert_int_equal(dr_param_find(&p, "to_q.bias")->t.dtype, DR_F32);
    dr_params_clear(&p);
    dr_params_clear(&plain);
}

/* 8 bits would hide them: the largest value of a block makes its scale, and NaN is no largest value. */
static void nan_and_infinity_are_not_hidden_by_8_bits(void **state)
{
    static const float bad[] = {NAN, INFINITY, -INFINITY, 1e9F};
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        dr_params p;
        assert_int_equal(dr_params_init(&p), DR_OK);
        dr_param_add(&p, "to_q", "weight", DR_INIT_KAIMING, 64, 2, 300, 64, 1, 1);
        assert_int_equal(dr_weights_random(&p, DR_F32, 5), DR_OK);
        dr_param_set(p.first, 19000, 1, &bad[i]);
        assert_int_equal(dr_params_hold(&p, false, "here"), DR_OK);
        assert_int_equal(p.first->t.dtype, DR_F32);
        assert_int_equal(dr_params_hold(&p, true, "here"), DR_EINVAL);
        assert_non_null(strstr(dr_error(), "'here': tensor 'to_q.weight' has values that are NaN"));
        dr_params_clear(&p);
    }
}

/* A file's blocks of fewer than 8 bits are expanded to f16 once; a bias to f32. */
static void blocks_of_few_bits_are_held_as_f16(void **state)
{
    static unsigned char blocks[64 * 18];
    dr_weights w;
    dr_params p;
    (void)state;
    for (size_t i = 0; i < sizeof blocks; i++)
        blocks[i] = (unsigned char)(i % 18 == 0 ? 0 : i % 18 == 1 ? 0x2c : i * 31);
    const dr_st_entry e[] = {
        {.name = "a.bias", .dtype = DR_Q4_0, .rank = 1, .dim = {64}, .data = blocks, .size = 36},
        {.name = "a.weight", .dtype = DR_Q4_0, .rank = 2, .dim = {64, 32}, .data = blocks, .size = sizeof blocks}};
    assert_int_equal(dr_params_init(&p), DR_OK);
    dr_param_add(&p, "a", "weight", DR_INIT_KAIMING, 32, 2, 64, 32, 1, 1);
    dr_param_add(&p, "a", "bias", DR_INIT_KAIMING, 32, 1, 64, 1, 1, 1);
    assert_int_equal(dr_weights_borrow(&w, e, 2, "file"), DR_OK);
    if (dr_weights_bind(&w, &p, "here", &dr_weights_unet))
        fail_msg("%s", dr_error());
    assert_int_equal(p.first->t.dtype, DR_Q4_0);
    assert_int_equal(p.first->next->t.dtype, DR_F32);
    assert_int_equal(dr_params_hold(&p, false, "here"), DR_OK);
    assert_int_equal(p.first->t.dtype, DR_F16);
    float want[64 * 32];
    dr_to_f32(blocks, DR_Q4_0, want, 64 * 32);
    for (int i = 0; i < 64 * 32; i++)
        assert_int_equal(((uint16_t *)p.first->t.data)[i], dr_f32_to_f16(want[i]));
    assert_memory_equal(p.first->next->t.data, want, 64 * sizeof *want);
    dr_params_clear(&p);
    dr_weights_close(&w);
}

static int make_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(saved_weights_load_again),
        cmocka_unit_test(random_weights_follow_their_rules),
        cmocka_unit_test(streamed_random_file_equals_the_one_from_memory),
        cmocka_unit_test(text_encoder_prefix_is_optional),
        cmocka_unit_test(tensors_without_a_part_in_the_picture_are_passed_over_with_a_word),
        cmocka_unit_test(vae_attention_loads_under_both_names_and_shapes),
        cmocka_unit_test(faults_are_named),
        cmocka_unit_test(bin_files_serve_where_there_is_no_safetensors),
        cmocka_unit_test(broken_indexes_are_refused),
        cmocka_unit_test(nan_and_infinity_are_found_anywhere),
        cmocka_unit_test(a_file_with_nan_is_refused_unless_trusted),
        cmocka_unit_test(a_mapped_parameter_becomes_its_own),
        cmocka_unit_test(weights_wait_in_8_bits_where_that_pays),
        cmocka_unit_test(nan_and_infinity_are_not_hidden_by_8_bits),
        cmocka_unit_test(blocks_of_few_bits_are_held_as_f16),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
