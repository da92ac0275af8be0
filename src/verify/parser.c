/* Cases of a clothes parser: its net forward and backward, and a whole photo. */
#include "verify/case.h"

#include "learn/gradients.h"

#include <stdio.h>
#include <string.h>

static dr_status check_size(const dr_verifier *v, const dr_tensor *x)
{
    if (v->parser.is_segformer)
        return dr_segformer_check_size(&v->parser.net.segformer.config, x->dim[1], x->dim[2], v->path);
    int m = dr_clothes_net_multiple(&v->parser.net.clothes_net.config);
    if (x->dim[1] % m || x->dim[2] % m)
        return dr_fail(DR_EINVAL, "'%s': 'in/pixel_values' is %lldx%lld, not a multiple of %d", v->path,
                       (long long)x->dim[2], (long long)x->dim[1], m);
    return DR_OK;
}

static dr_tensor *load(dr_verifier *v, dr_status *st)
{
    *st = dr_parser_load(&v->parser, dr_source_path(v->source));
    if (!*st && v->parser.is_segformer != (strncmp(v->result->kind, "segformer", 9) == 0))
        *st = dr_fail(DR_EINVAL, "'%s' is a case of kind '%s', '%s' is another parser", v->path, v->result->kind,
                      dr_source_path(v->source));
    dr_tensor *x = *st ? NULL : dr_case_image(v, "pixel_values");
    if (!*st && !x)
        *st = DR_EINVAL;
    if (!*st && x->dim[3] != 3)
        *st =
            dr_fail(DR_EINVAL, "'%s': 'in/pixel_values' has %lld channels, expected 3", v->path, (long long)x->dim[3]);
    if (!*st)
        *st = check_size(v, x);
    return *st ? NULL : x;
}

static dr_tensor *forward(dr_verifier *v, dr_tensor *x)
{
    return v->parser.is_segformer ? dr_segformer_forward(&v->tape, &v->parser.net.segformer, x)
                                  : dr_clothes_net_forward(&v->tape, &v->parser.net.clothes_net, x);
}

dr_status dr_verify_parser_net(dr_verifier *v)
{
    dr_status st;
    dr_tensor *x = load(v, &st);
    if (st)
        return st;
    dr_tensor *y = forward(v, x);
    st = dr_tape_status(&v->tape);
    return st ? st : dr_case_output_image(v, "logits", y, DR_TOL_FORWARD);
}

/* --- gradients ------------------------------------------------------------------------------------- */

#define IGNORED 255

/* in/labels [N,h,w]: of the pictures' size, or (clothes_net) of the logits'. */
static uint8_t *read_labels(dr_verifier *v, const dr_tensor *x, int64_t d[3])
{
    int32_t *given = dr_case_ints(v, "labels", 3, d);
    if (!given)
        return NULL;
    if (d[0] != x->dim[0]) {
        dr_fail(DR_EINVAL, "'%s': 'in/labels' and 'in/pixel_values' are of different numbers of samples", v->path);
        return NULL;
    }
    int64_t n = d[0] * d[1] * d[2];
    int ignored = v->parser.is_segformer ? v->parser.net.segformer.config.ignore : IGNORED;
    uint8_t *labels = dr_arena_alloc(&v->tape.arena, (size_t)n);
    for (int64_t i = 0; labels && i < n; i++) {
        if (given[i] != ignored && (given[i] < 0 || given[i] >= DR_LABELS)) {
            dr_fail(DR_EINVAL, "'%s': label %d, the model has %d", v->path, given[i], DR_LABELS);
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
        st = dr_case_output_values(v, name, q->t.grad, dr_numel(&q->t), DR_TOL_GRADIENT);
    }
    return st;
}

static dr_status go_back(dr_verifier *v, dr_tensor *x, const uint8_t *labels, const int64_t d[3])
{
    int ignored = v->parser.is_segformer ? v->parser.net.segformer.config.ignore : IGNORED;
    dr_tape *g = &v->tape;
    g->recording = g->checkpointing = true;
    dr_tensor *logits = dr_resize_bilinear(g, forward(v, x), d[1], d[2]);
    dr_tensor *loss = dr_cross_entropy(g, logits, labels, ignored, NULL);
    dr_status st = dr_backward(g, loss, 1);
    g->recording = g->checkpointing = false;
    return st ? st : dr_case_output_values(v, "loss", dr_f32(loss), 1, DR_TOL_GRADIENT);
}

/* Running means are no parameters. */
static void freeze_statistics(dr_verifier *v)
{
    if (v->parser.is_segformer)
        v->parser.net.segformer.mean->needs_grad = v->parser.net.segformer.var->needs_grad = false;
}

/* The gradients of the loss with respect to every parameter, with blocks run again in the backward. */
dr_status dr_verify_parser_gradients(dr_verifier *v)
{
    dr_status st;
    int64_t d[3];
    dr_tensor *x = load(v, &st);
    const uint8_t *labels = st ? NULL : read_labels(v, x, d);
    if (!st && !labels)
        st = DR_EINVAL;
    if (!st)
        st = dr_params_make_trainable(&v->parser.params);
    if (st)
        return st;
    freeze_statistics(v);
    dr_gradients all;
    st = dr_gradients_init(&all, (dr_params *[]){&v->parser.params}, 1, true);
    if (!st)
        st = go_back(v, x, labels, d);
    if (!st)
        st = judge_gradients(v);
    dr_gradients_clear(&all);
    return st;
}

/* --- a photo ---------------------------------------------------------------------------------------- */

/* in/photo [H,W,3] as bytes -> want/labels [H,W]. */
dr_status dr_verify_parser(dr_verifier *v)
{
    int64_t d[3];
    dr_image photo = {0}, labels = {0};
    dr_status st = dr_parser_load(&v->parser, dr_source_path(v->source));
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
