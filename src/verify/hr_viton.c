/* Cases of HR-VITON: its two networks, one normalisation, spectral norms, and what lies between the networks. */
#include "verify/case.h"

#include "base/file.h"
#include "base/path.h"

#include <stdio.h>
#include <string.h>

/* --- the networks' files -------------------------------------------------------------------------- */

/* args.KEY below the model; a name without an ending is that of the first container there is. */
static dr_status weights_path(dr_verifier *v, const char *key, char path[PATH_MAX])
{
    static const char *const endings[] = {"", ".safetensors", ".pth", "_legacy.pth"};
    const char *name = json_string_value(json_object_get(v->args, key)), *model = dr_source_path(v->source);
    if (!name || !*name)
        return dr_fail(DR_EINVAL, "'%s': \"args\" has no \"%s\", the file of the network", v->path, key);
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        dr_status st = dr_path_format(path, PATH_MAX, model, "%s%s", name, endings[i]);
        if (st)
            return st;
        if (dr_exists(path) && !dr_is_dir(path))
            return DR_OK;
    }
    return dr_fail(DR_ENOENT, "'%s': there is no '%s' in '%s', with or without .safetensors or .pth", v->path, name,
                   model);
}

dr_status dr_case_condition(dr_verifier *v, const char *key)
{
    char path[PATH_MAX];
    dr_status st = weights_path(v, key, path);
    if (st)
        return st;
    if (strcmp(path, v->condition_path) != 0)
        dr_condition_unload(&v->condition);
    memcpy(v->condition_path, path, sizeof path);
    return dr_condition_load(&v->condition, path);
}

dr_status dr_case_spade(dr_verifier *v, const char *key)
{
    char path[PATH_MAX];
    dr_status st = weights_path(v, key, path);
    if (st)
        return st;
    if (strcmp(path, v->spade_path) != 0)
        dr_spade_unload(&v->spade);
    memcpy(v->spade_path, path, sizeof path);
    return dr_spade_load(&v->spade, path);
}

/* --- inputs --------------------------------------------------------------------------------------- */

/* in/NAME [N,channels,H,W]; with `like`, of its size. */
static dr_tensor *image(dr_verifier *v, const char *name, int64_t channels, const dr_tensor *like)
{
    dr_tensor *t = dr_case_image(v, name);
    if (!t)
        return NULL;
    bool same = !like || (t->dim[0] == like->dim[0] && t->dim[1] == like->dim[1] && t->dim[2] == like->dim[2]);
    if (same && t->dim[3] == channels)
        return t;
    dr_fail(DR_EINVAL, "'%s': 'in/%s' is of %lldx%lldx%lld, expected %lld channels and the other inputs' size", v->path,
            name, (long long)t->dim[3], (long long)t->dim[1], (long long)t->dim[2], (long long)channels);
    return NULL;
}

/* A whole number in args that must be there. */
static dr_status number(dr_verifier *v, const char *key, int64_t *out)
{
    if (!json_object_get(v->args, key))
        return dr_fail(DR_EINVAL, "'%s': \"args\" has no \"%s\"", v->path, key);
    return dr_json_int(v->args, v->path, key, 0, 1, 1 << 15, out);
}

static dr_status output_labels(dr_verifier *v, const char *name, const uint8_t *labels, int64_t n)
{
    float *got = dr_arena_alloc(&v->tape.arena, (size_t)n * sizeof *got);
    for (int64_t i = 0; got && i < n; i++)
        got[i] = labels[i];
    return got ? dr_case_output(v, name, got, n, DR_TOL_EXACT) : DR_ENOMEM;
}

/* --- condition generator -------------------------------------------------------------------------- */

static dr_status judge_condition(dr_verifier *v, const dr_condition *c)
{
    dr_status st = dr_tape_status(&v->tape);
    for (int i = 0; !st && i < c->levels; i++) {
        char name[32];
        snprintf(name, sizeof name, "flow_%d", i);
        st = dr_case_output_values(v, name, dr_f32(c->flow[i]), dr_numel(c->flow[i]), DR_TOL_FORWARD);
    }
    if (!st)
        st = dr_case_output_image(v, "segmap", c->segmap, DR_TOL_FORWARD);
    if (!st)
        st = dr_case_output_image(v, "warped_cloth", c->warped_cloth, DR_TOL_FORWARD);
    return st ? st : dr_case_output_image(v, "warped_mask", c->warped_mask, DR_TOL_FORWARD);
}

dr_status dr_verify_hr_condition(dr_verifier *v)
{
    dr_tape *g = &v->tape;
    dr_status st = dr_case_condition(v, "weights");
    dr_tensor *cloth = st ? NULL : image(v, "cloth", 3, NULL);
    dr_tensor *mask = cloth ? image(v, "cloth_mask", 1, cloth) : NULL;
    dr_tensor *parse = mask ? image(v, "parse_agnostic", DR_HR_CLASSES, cloth) : NULL;
    dr_tensor *pose = parse ? image(v, "densepose", 3, cloth) : NULL;
    if (!pose)
        return st ? st : DR_EINVAL;
    st = dr_condition_check_size(&v->condition.net.config, cloth->dim[1], cloth->dim[2], v->path);
    if (st)
        return st;
    dr_condition c;
    dr_case_watch(v);
    dr_condition_forward(g, &v->condition.net, dr_concat(g, cloth, mask), dr_concat(g, parse, pose), &c);
    st = dr_case_watched(v);
    return st ? st : judge_condition(v, &c);
}

/* --- image generator ------------------------------------------------------------------------------ */

/* in/labels7 as bytes, and their size. */
static uint8_t *read_regions(dr_verifier *v, int64_t d[3])
{
    int32_t *given = dr_case_ints(v, "labels7", 3, d);
    int64_t n = given ? d[0] * d[1] * d[2] : 0;
    uint8_t *regions = given ? dr_arena_alloc(&v->tape.arena, (size_t)n) : NULL;
    for (int64_t i = 0; regions && i < n; i++) {
        if (given[i] < 0 || given[i] >= DR_HR_REGIONS) {
            dr_fail(DR_EINVAL, "'%s': 'in/labels7' has region %d, expected 0 to %d", v->path, given[i],
                    DR_HR_REGIONS - 1);
            return NULL;
        }
        regions[i] = (uint8_t)given[i];
    }
    return regions;
}

/* in/x at the regions' size: each value repeated where the case keeps it smaller. */
static dr_tensor *read_x(dr_verifier *v, const int64_t d[3])
{
    dr_tensor *x = image(v, "x", v->spade.net.config.in, NULL);
    if (!x)
        return NULL;
    if (x->dim[0] != d[0] || d[1] % x->dim[1] || d[2] % x->dim[2] || d[1] / x->dim[1] != d[2] / x->dim[2]) {
        dr_fail(DR_EINVAL, "'%s': 'in/x' is of %lldx%lld, no whole part of 'in/labels7', which is of %lldx%lld",
                v->path, (long long)x->dim[1], (long long)x->dim[2], (long long)d[1], (long long)d[2]);
        return NULL;
    }
    return x->dim[1] == d[1] ? x : dr_resize_nearest(&v->tape, x, d[1], d[2]);
}

/* The case's own planes. */
static dr_status given_noise(void *user, const char *norm, int64_t N, int64_t H, int64_t W, float *plane)
{
    dr_verifier *v = user;
    char name[DR_NAME_MAX + 8];
    int64_t d[4];
    snprintf(name, sizeof name, "noise/%s", norm);
    float *given = dr_case_input(v, name, 4, d);
    if (!given)
        return DR_EINVAL;
    if (d[0] != N || d[1] != 1 || d[2] != H || d[3] != W)
        return dr_fail(DR_EINVAL, "'%s': 'in/%s' is of %lldx%lld, expected %lldx%lld", v->path, name, (long long)d[2],
                       (long long)d[3], (long long)H, (long long)W);
    memcpy(plane, given, (size_t)(N * H * W) * sizeof *plane);
    return DR_OK;
}

static bool has_planes(const dr_verifier *v)
{
    for (size_t i = 0; i < v->file.count; i++)
        if (strncmp(v->file.entry[i].name, "in/noise/", 9) == 0)
            return true;
    return false;
}

dr_status dr_verify_hr_generator(dr_verifier *v)
{
    int64_t d[3];
    dr_rng rng;
    dr_spade_noise drawn = {dr_spade_noise_draw, &rng}, given = {given_noise, v};
    const json_t *seed = json_object_get(v->args, "noise_seed");
    dr_status st = dr_case_spade(v, "weights");
    uint8_t *regions = st ? NULL : read_regions(v, d);
    dr_tensor *x = regions ? read_x(v, d) : NULL;
    if (!x)
        return st ? st : DR_EINVAL;
    st = dr_spade_check_size(&v->spade.net.config, d[1], d[2], v->path);
    if (st)
        return st;
    dr_rng_seed(&rng, (uint64_t)json_integer_value(seed));
    dr_case_watch(v);
    dr_tensor *y = dr_spade_forward(&v->tape, &v->spade.net, x, regions,
                                    has_planes(v)           ? &given
                                    : json_is_integer(seed) ? &drawn
                                                            : NULL);
    st = dr_case_watched(v);
    if (!st)
        st = dr_tape_status(&v->tape);
    return st ? st : dr_case_output_image(v, "image", y, DR_TOL_FORWARD);
}

/* --- parts of it ---------------------------------------------------------------------------------- */

/* Gives a declared parameter the values of in/param/NAME. */
static dr_status set_param(dr_verifier *v, dr_param *q)
{
    char name[DR_NAME_MAX + 8];
    int64_t dim[4];
    snprintf(name, sizeof name, "param/%s", q->t.name);
    float *values = dr_case_input(v, name, q->t.rank, dim);
    if (!values)
        return DR_EINVAL;
    for (int i = 0; i < q->t.rank; i++)
        if (dim[i] != q->t.dim[i])
            return dr_fail(DR_EINVAL, "'%s': 'in/%s' has %lld on axis %d, expected %lld", v->path, name,
                           (long long)dim[i], i, (long long)q->t.dim[i]);
    dr_status st = dr_param_own(q, DR_F32);
    if (!st)
        dr_param_set(q, 0, (size_t)dr_numel(&q->t), values);
    return st;
}

static dr_status judge_norm(dr_verifier *v, const dr_spade_norm *norm, dr_tensor *x, dr_tensor *map)
{
    dr_tape *g = &v->tape;
    const char *type = json_string_value(json_object_get(v->args, "type"));
    bool masked = type && strcmp(type, "mask") == 0;
    if (!type || (!masked && strcmp(type, "instance") != 0))
        return dr_fail(DR_EINVAL, "'%s': \"type\" is '%s', expected 'instance' or 'mask'", v->path, type ? type : "");
    dr_tensor *noise = dr_st_find(&v->file, "in/noise") ? image(v, "noise", 1, x) : NULL;
    dr_tensor *region = masked ? image(v, "mask", 1, x) : NULL, *normalized;
    if ((!noise && dr_st_find(&v->file, "in/noise")) || (masked && !region))
        return DR_EINVAL;
    dr_tensor *y = dr_spade_norm_forward(g, norm, x, map, noise, region, &normalized);
    dr_status st = dr_tape_status(g);
    if (!st)
        st = dr_case_output_image(v, "normalized", normalized, DR_TOL_FORWARD);
    return st ? st : dr_case_output_image(v, "out", y, DR_TOL_FORWARD);
}

dr_status dr_verify_hr_spade_norm(dr_verifier *v)
{
    int64_t hidden[1];
    dr_params p = {0};
    dr_spade_norm norm = {0};
    dr_tensor *x = dr_case_image(v, "x");
    dr_tensor *map = x ? dr_case_image(v, "seg") : NULL;
    if (!map || !dr_case_input(v, "param/conv_shared.0.bias", 1, hidden))
        return DR_EINVAL;
    if (map->dim[0] != x->dim[0] || map->dim[1] != x->dim[1] || map->dim[2] != x->dim[2])
        return dr_fail(DR_EINVAL, "'%s': 'in/seg' and 'in/x' are of different sizes", v->path);
    dr_status st = dr_params_init(&p);
    if (!st)
        dr_spade_norm_init(&p, &norm, "", (int)x->dim[3], (int)map->dim[3], (int)hidden[0]);
    for (dr_param *q = p.first; !st && q; q = q->next)
        st = set_param(v, q);
    if (!st)
        st = p.status ? p.status : judge_norm(v, &norm, x, map);
    dr_params_clear(&p);
    return st;
}

dr_status dr_verify_hr_spectral(dr_verifier *v)
{
    dr_status st = dr_case_spade(v, "weights");
    if (st)
        return st;
    const dr_spade_generator *m = &v->spade.net;
    for (int i = 0; !st && i < m->config.blocks; i++) {
        const dr_spade_block *b = &m->block[i];
        const dr_spectral_conv *all[] = {&b->conv_0, &b->conv_1, &b->conv_s};
        for (int k = 0; !st && k < 2 + b->learned_shortcut; k++) {
            char name[DR_NAME_MAX + 16];
            double sigma = 0;
            st = dr_spectral_sigma(all[k], &sigma);
            float got = (float)sigma;
            const char *weight = all[k]->conv.w->name;
            snprintf(name, sizeof name, "sigma/%.*s", (int)(strrchr(weight, '.') - weight), weight);
            if (!st)
                st = dr_case_output(v, name, &got, 1, DR_TOL_RELATIVE);
        }
    }
    return st;
}

/* --- glue ----------------------------------------------------------------------------------------- */

/* in/cloth and in/cloth_mask through in/flow. */
static dr_status warp(dr_verifier *v, dr_tensor **cloth, dr_tensor **mask)
{
    dr_tape *g = &v->tape;
    int64_t H = 0, W = 0;
    dr_status st = number(v, "height", &H);
    if (!st)
        st = number(v, "width", &W);
    dr_tensor *whole = st ? NULL : image(v, "cloth", 3, NULL);
    dr_tensor *hole = whole ? image(v, "cloth_mask", 1, whole) : NULL;
    dr_tensor *flow = hole ? dr_case_tensor(v, "flow", 4) : NULL;
    if (!flow)
        return st ? st : DR_EINVAL;
    if (whole->dim[1] != H || whole->dim[2] != W)
        return dr_fail(DR_EINVAL, "'%s': 'in/cloth' is of %lldx%lld, \"args\" says %lldx%lld", v->path,
                       (long long)whole->dim[1], (long long)whole->dim[2], (long long)H, (long long)W);
    if (flow->dim[0] != whole->dim[0] || flow->dim[3] != 2)
        return dr_fail(DR_EINVAL, "'%s': 'in/flow' is no flow of as many pictures, [N,h,w,2]", v->path);
    dr_tensor *both = dr_hr_warp(g, dr_concat(g, whole, hole), flow);
    *cloth = dr_slice(g, both, 0, 3);
    *mask = dr_slice(g, both, 3, 1);
    return dr_tape_status(g);
}

static dr_status judge_warped(dr_verifier *v, const dr_tensor *cloth, const dr_tensor *mask)
{
    dr_status st = dr_tape_status(&v->tape);
    if (!st)
        st = dr_case_output_image(v, "warped_cloth", cloth, DR_TOL_FORWARD);
    return st ? st : dr_case_output_image(v, "warped_mask", mask, DR_TOL_FORWARD);
}

dr_status dr_verify_hr_warp(dr_verifier *v)
{
    dr_tensor *cloth, *mask;
    dr_status st = warp(v, &cloth, &mask);
    return st ? st : judge_warped(v, cloth, mask);
}

static dr_status judge_labels(dr_verifier *v, const dr_tensor *logits)
{
    int64_t n = dr_numel(logits) / DR_HR_CLASSES;
    uint8_t *labels = dr_arena_alloc(&v->tape.arena, (size_t)n);
    dr_status st = labels ? dr_hr_labels(&v->tape, logits, labels) : DR_ENOMEM;
    if (!st)
        st = output_labels(v, "labels13", labels, n);
    for (int64_t i = 0; !st && i < n; i++)
        labels[i] = dr_hr_region(labels[i]);
    return st ? st : output_labels(v, "labels7", labels, n);
}

dr_status dr_verify_hr_glue(dr_verifier *v)
{
    const char *word = json_string_value(json_object_get(v->args, "composition"));
    dr_composition composition;
    dr_tensor *cloth, *mask;
    if (!word || !dr_composition_parse(word, &composition))
        return dr_fail(DR_EINVAL, "'%s': \"composition\" is '%s', expected 'warp_grad', 'detach' or 'no_composition'",
                       v->path, word ? word : "");
    dr_status st = warp(v, &cloth, &mask);
    dr_tensor *segmap = st ? NULL : image(v, "segmap", DR_HR_CLASSES, NULL);
    dr_tensor *low = segmap ? image(v, "warped_mask_low", 1, segmap) : NULL;
    if (!low)
        return st ? st : DR_EINVAL;
    if (segmap->dim[0] != cloth->dim[0])
        return dr_fail(DR_EINVAL, "'%s': 'in/segmap' and 'in/cloth' are of different numbers of pictures", v->path);
    dr_tensor *logits = dr_hr_logits(&v->tape, segmap, low, composition, cloth->dim[1], cloth->dim[2]);
    st = dr_tape_status(&v->tape);
    if (!st)
        st = dr_case_output_image(v, "blurred", logits, DR_TOL_FORWARD);
    if (!st)
        st = judge_labels(v, logits);
    if (!st && json_is_true(json_object_get(v->args, "occlusion")))
        dr_hr_occlude(&v->tape, logits, &cloth, &mask);
    return st ? st : judge_warped(v, cloth, mask);
}
