/* Cases of a clothes parser: SegFormer forward and backward, and a whole photo. */
#include "verify/case.h"

#include <stdio.h>
#include <string.h>

static dr_tensor *load(dr_verifier *v, dr_status *st)
{
    *st = dr_parser_load(&v->parser, v->dir);
    if (!*st && !v->parser.is_segformer)
        *st = dr_fail(DR_EINVAL, "'%s' is a case of a SegFormer, '%s' is another parser", v->path, v->dir);
    dr_tensor *x = *st ? NULL : dr_case_image(v, "pixel_values");
    if (!*st && !x)
        *st = DR_EINVAL;
    if (!*st && x->dim[3] != 3)
        *st =
            dr_fail(DR_EINVAL, "'%s': 'in/pixel_values' has %lld channels, expected 3", v->path, (long long)x->dim[3]);
    return *st ? NULL : x;
}

dr_status dr_verify_segformer(dr_verifier *v)
{
    dr_status st;
    dr_tensor *x = load(v, &st);
    const dr_segformer *net = &v->parser.net.segformer;
    if (!st)
        st = dr_segformer_check_size(&net->config, x->dim[1], x->dim[2], v->path);
    if (st)
        return st;
    dr_tensor *y = dr_segformer_forward(&v->tape, net, x);
    st = dr_tape_status(&v->tape);
    return st ? st : dr_case_output_image(v, "logits", y, DR_TOL_FORWARD);
}

/* --- gradients ------------------------------------------------------------------------------------- */

/* in/labels [N,H,W], of the pictures' size. */
static uint8_t *read_labels(dr_verifier *v, const dr_tensor *x)
{
    const dr_segformer_config *c = &v->parser.net.segformer.config;
    int64_t d[3];
    int32_t *given = dr_case_ints(v, "labels", 3, d);
    if (!given)
        return NULL;
    if (d[0] != x->dim[0] || d[1] != x->dim[1] || d[2] != x->dim[2]) {
        dr_fail(DR_EINVAL, "'%s': 'in/labels' and 'in/pixel_values' are of different sizes", v->path);
        return NULL;
    }
    int64_t n = d[0] * d[1] * d[2];
    uint8_t *labels = dr_arena_alloc(&v->tape.arena, (size_t)n);
    for (int64_t i = 0; labels && i < n; i++) {
        if (given[i] != c->ignore && (given[i] < 0 || given[i] >= c->labels)) {
            dr_fail(DR_EINVAL, "'%s': label %d, the model has %d", v->path, given[i], c->labels);
            return NULL;
        }
        labels[i] = (uint8_t)given[i];
    }
    return labels;
}

/* The name of a published parameter in transformers 5's memory, which is what gradients are called there. */
static void memory_name(char *out, size_t n, const char *name)
{
    static const char *const renames[][2] = {
        {"attention.self.query.", "attention.q_proj."},
        {"attention.self.key.", "attention.k_proj."},
        {"attention.self.value.", "attention.v_proj."},
        {"attention.output.dense.", "attention.o_proj."},
        {"attention.self.sr.", "attention.sequence_reduction.sequence_reduction."},
        {"attention.self.layer_norm.", "attention.sequence_reduction.layer_norm."},
        {"layer_norm_1.", "layernorm_before."},
        {"layer_norm_2.", "layernorm_after."},
        {"mlp.dense1.", "mlp.fc1."},
        {"mlp.dense2.", "mlp.fc2."},
    };
    char part[32];
    int stage, layer, at = 0;
    if (sscanf(name, "segformer.encoder.block.%d.%d.%n", &stage, &layer, &at) == 2 && at) {
        for (size_t i = 0; i < sizeof renames / sizeof *renames; i++)
            if (strncmp(name + at, renames[i][0], strlen(renames[i][0])) == 0) {
                snprintf(out, n, "segformer.stages.%d.blocks.%d.%s%s", stage, layer, renames[i][1],
                         name + at + strlen(renames[i][0]));
                return;
            }
        snprintf(out, n, "segformer.stages.%d.blocks.%d.%s", stage, layer, name + at);
    } else if (sscanf(name, "segformer.encoder.%31[a-z_].%d.%n", part, &stage, &at) == 2 && at) {
        snprintf(out, n, "segformer.stages.%d.%s.%s", stage, part, name + at);
    } else if (sscanf(name, "decode_head.linear_c.%d.%n", &stage, &at) == 1 && at) {
        snprintf(out, n, "decode_head.linear_projections.%d.%s", stage, name + at);
    } else {
        snprintf(out, n, "%s", name);
    }
}

static dr_status judge_gradients(dr_verifier *v)
{
    dr_status st = DR_OK;
    for (const dr_param *q = v->parser.params.first; !st && q; q = q->next) {
        char name[512], key[520], today[400];
        if (!q->t.needs_grad)
            continue;
        snprintf(name, sizeof name, "grad/%s", q->t.name);
        snprintf(key, sizeof key, "want/%s", name);
        if (!dr_st_find(&v->file, key)) {
            memory_name(today, sizeof today, q->t.name);
            snprintf(name, sizeof name, "grad/%s", today);
        }
        st = dr_case_output(v, name, q->t.grad, dr_numel(&q->t), DR_TOL_GRADIENT);
    }
    return st;
}

static dr_status go_back(dr_verifier *v, dr_tensor *x, const uint8_t *labels)
{
    const dr_segformer *net = &v->parser.net.segformer;
    dr_tape *g = &v->tape;
    g->recording = g->checkpointing = true;
    dr_tensor *logits = dr_segformer_forward(g, net, x);
    logits = dr_resize_bilinear(g, logits, x->dim[1], x->dim[2]);
    dr_tensor *loss = dr_cross_entropy(g, logits, labels, net->config.ignore, NULL);
    dr_status st = dr_backward(g, loss, 1);
    g->recording = g->checkpointing = false;
    return st ? st : dr_case_output(v, "loss", dr_f32(loss), 1, DR_TOL_GRADIENT);
}

/* The gradients of the loss of transformers with respect to every parameter, with blocks run again in the backward. */
dr_status dr_verify_segformer_gradients(dr_verifier *v)
{
    dr_status st;
    dr_tensor *x = load(v, &st);
    const dr_segformer *net = &v->parser.net.segformer;
    if (!st)
        st = dr_segformer_check_size(&net->config, x->dim[1], x->dim[2], v->path);
    const uint8_t *labels = st ? NULL : read_labels(v, x);
    if (!st && !labels)
        st = DR_EINVAL;
    if (!st)
        st = dr_params_make_trainable(&v->parser.params);
    if (st)
        return st;
    net->mean->needs_grad = net->var->needs_grad = false;
    float *all = dr_case_give_gradients(&v->parser.params);
    st = all ? go_back(v, x, labels) : DR_ENOMEM;
    if (!st)
        st = judge_gradients(v);
    dr_case_take_gradients(&v->parser.params, all);
    return st;
}

/* --- a photo ---------------------------------------------------------------------------------------- */

/* in/photo [H,W,3] as bytes -> want/labels [H,W]. */
dr_status dr_verify_parser(dr_verifier *v)
{
    int64_t d[3];
    dr_image photo = {0}, labels = {0};
    dr_status st = dr_parser_load(&v->parser, v->dir);
    float *bytes = st ? NULL : dr_case_input(v, "photo", 3, d);
    if (!bytes)
        return st ? st : DR_EINVAL;
    if (d[2] != 3 || d[0] * d[1] > DR_IMAGE_MAX_PIXELS)
        return dr_fail(DR_EINVAL, "'%s': 'in/photo' is no picture of 3 channels", v->path);
    st = dr_image_alloc(&photo, (int)d[1], (int)d[0], 3);
    for (int64_t i = 0; !st && i < 3 * d[0] * d[1]; i++)
        photo.data[i] = (uint8_t)(bytes[i] >= 0 && bytes[i] <= 255 ? bytes[i] : 0);
    if (!st)
        st = dr_parser_run(&v->parser, &photo, NULL, NULL, &labels);
    float *got = st ? NULL : dr_arena_alloc(&v->tape.arena, (size_t)(d[0] * d[1]) * sizeof *got);
    for (int64_t i = 0; got && i < d[0] * d[1]; i++)
        got[i] = labels.data[i];
    if (!st)
        st = got ? dr_case_output(v, "labels", got, d[0] * d[1], DR_TOL_EXACT) : DR_ENOMEM;
    dr_image_clear(&photo);
    dr_image_clear(&labels);
    return st;
}
