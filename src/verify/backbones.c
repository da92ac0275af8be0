/* Cases of the networks that measures of pictures stand on, and of these measures. The model is a folder as `drape pull
 * --backbones` makes it. */
#include "verify/case.h"

#include "eval/clip_image.h"
#include "eval/fid.h"
#include "eval/kid.h"
#include "eval/lpips.h"
#include "pipeline/backbone.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- the networks -------------------------------------------------------------------------------------------- */

static dr_status load(dr_verifier *v, dr_backbone *m, dr_backbone_kind kind)
{
    char path[PATH_MAX];
    *m = (dr_backbone){0};
    dr_status st = dr_backbone_find(kind, dr_source_path(v->source), path);
    return st ? st : dr_backbone_load(m, kind, path);
}

/* in/pixel_values, of 3 channels and edges in these bounds. */
static dr_tensor *pixels(dr_verifier *v, int least, int most)
{
    dr_tensor *x = dr_case_image(v, "pixel_values");
    if (x && x->dim[3] == 3 && x->dim[1] >= least && x->dim[2] >= least && x->dim[1] <= most && x->dim[2] <= most)
        return x;
    if (x)
        dr_fail(DR_EINVAL, "'%s': 'in/pixel_values' has %lld channels of %lldx%lld pixels, not 3 of %d to %d", v->path,
                (long long)x->dim[3], (long long)x->dim[2], (long long)x->dim[1], least, most);
    return NULL;
}

static dr_status judge_slices(dr_verifier *v, const dr_feature_net *m)
{
    dr_tensor *slice[DR_FEATURE_SLICES], *x = pixels(v, dr_feature_least(m->config.kind), DR_IMAGE_MAX_PIXELS);
    if (!x)
        return DR_EINVAL;
    dr_feature_forward(&v->tape, m, x, slice);
    dr_status st = dr_tape_status(&v->tape);
    for (int i = 0; !st && i < m->slices; i++) {
        char name[32];
        snprintf(name, sizeof name, "slice/%d", i);
        st = dr_case_output_image(v, name, slice[i], DR_TOL_FORWARD);
    }
    return st;
}

/* in/pixel_values [N,3,H,W], scaled -> want/slice/0.. */
dr_status dr_verify_features(dr_verifier *v)
{
    dr_backbone m;
    const char *kind = v->result->kind;
    dr_status st = load(v, &m,
                        strcmp(kind, "alexnet") == 0 ? DR_BACKBONE_ALEXNET
                        : strcmp(kind, "vgg16") == 0 ? DR_BACKBONE_VGG16
                                                     : DR_BACKBONE_SQUEEZENET);
    if (!st)
        st = judge_slices(v, &m.net.features);
    dr_backbone_unload(&m);
    return st;
}

/* in/pixel_values [N,3,H,W] in [-1,1] -> want/features [N,F], and blocks. */
dr_status dr_verify_inception(dr_verifier *v)
{
    dr_backbone m;
    dr_status st = load(v, &m, DR_BACKBONE_INCEPTION);
    dr_tensor *x = st ? NULL : pixels(v, DR_INCEPTION_LEAST, DR_IMAGE_MAX_PIXELS);
    if (!st && !x)
        st = DR_EINVAL;
    if (!st) {
        dr_case_watch(v);
        dr_tensor *y = dr_inception_forward(&v->tape, &m.net.inception, x);
        st = dr_case_watched(v);
        if (!st)
            st = dr_tape_status(&v->tape);
        if (!st)
            st = dr_case_output_values(v, "features", dr_f32(y), dr_numel(y), DR_TOL_FORWARD);
    }
    dr_backbone_unload(&m);
    return st;
}

/* in/pixel_values [N,3,S,S], normalised -> want/image_embeds [N,P]. */
dr_status dr_verify_clip_vision(dr_verifier *v)
{
    dr_backbone m;
    dr_status st = load(v, &m, DR_BACKBONE_CLIP);
    int size = m.net.clip.config.size;
    dr_tensor *x = st ? NULL : pixels(v, size, size);
    if (!st && !x)
        st = DR_EINVAL;
    if (!st) {
        dr_tensor *y = dr_clip_vision_forward(&v->tape, &m.net.clip, x);
        st = dr_tape_status(&v->tape);
        if (!st)
            st = dr_case_output_values(v, "image_embeds", dr_f32(y), dr_numel(y), DR_TOL_FORWARD);
    }
    dr_backbone_unload(&m);
    return st;
}

/* --- pictures -------------------------------------------------------------------------------------------------- */

/* One of the pictures [n,H,W,channels] at `bytes`. */
static dr_status picture_at(dr_verifier *v, const float *bytes, const int64_t d[4], int64_t at, dr_image *out)
{
    int64_t n = d[1] * d[2] * d[3];
    if ((d[3] != 1 && d[3] != 3) || d[1] * d[2] > DR_IMAGE_MAX_PIXELS)
        return dr_fail(DR_EINVAL, "'%s' has an input that is no picture of 3 channels", v->path);
    dr_status st = dr_image_alloc(out, (int)d[2], (int)d[1], (int)d[3]);
    for (int64_t i = 0; !st && i < n; i++) {
        float x = bytes[at * n + i];
        out->data[i] = (uint8_t)(x >= 0 && x <= 255 ? x : 0);
    }
    return st;
}

/* in/NAME [n,H,W,3] as pictures, the host's; `*count` of them, which the caller frees after a failure as well. */
static dr_status pictures(dr_verifier *v, const char *name, dr_image **out, int *count)
{
    int64_t d[4];
    float *bytes = dr_case_input(v, name, 4, d);
    *out = NULL;
    *count = 0;
    if (!bytes)
        return DR_EINVAL;
    *out = d[0] < 4096 ? calloc((size_t)d[0], sizeof **out) : NULL;
    if (!*out)
        return dr_fail(DR_ENOMEM, "out of memory for the pictures in '%s'", v->path);
    dr_status st = d[3] == 3 ? DR_OK : dr_fail(DR_EINVAL, "'%s': 'in/%s' are no pictures of 3 channels", v->path, name);
    for (int64_t i = 0; !st && i < d[0]; i++, ++*count)
        st = picture_at(v, bytes, d, i, &(*out)[i]);
    return st;
}

static void free_pictures(dr_image *list, int count)
{
    for (int i = 0; i < count; i++)
        dr_image_clear(&list[i]);
    free(list);
}

static dr_status judge_one(dr_verifier *v, const char *name, double value)
{
    float f = (float)value;
    return dr_case_output(v, name, &f, 1, DR_TOL_NUMBER);
}

/* --- measures ---------------------------------------------------------------------------------------------------- */

/* in/pictures [2,H,W,3], in/mask [1,H,W,1] -> want/distance, inside, outside. args: net */
dr_status dr_verify_lpips(dr_verifier *v)
{
    static const char *const nets[] = {
        [DR_LPIPS_ALEX] = "alex", [DR_LPIPS_VGG] = "vgg", [DR_LPIPS_SQUEEZE] = "squeeze"};
    const char *net;
    dr_lpips *l = NULL;
    dr_image *list = NULL, mask = {0};
    dr_measured got;
    int count = 0;
    size_t kind = 0;
    dr_status st = dr_json_string(v->args, v->path, "net", "alex", &net);
    while (!st && kind < 3 && strcmp(nets[kind], net) != 0)
        kind++;
    if (!st && kind == 3)
        st = dr_fail(DR_EINVAL, "'%s': \"net\" is \"%.32s\", expected alex, vgg or squeeze", v->path, net);
    if (!st)
        st = dr_lpips_open_in(&l, (dr_lpips_net)kind, dr_source_path(v->source));
    if (!st)
        st = pictures(v, "pictures", &list, &count);
    int64_t d[4];
    float *bytes = st ? NULL : dr_case_input(v, "mask", 4, d);
    if (!st)
        st = bytes ? picture_at(v, bytes, d, 0, &mask) : DR_EINVAL;
    if (!st && (count != 2 || mask.channels != 1 || mask.width != list->width || mask.height != list->height))
        st = dr_fail(DR_EINVAL, "'%s' has not two pictures and a mask of their size", v->path);
    if (!st)
        st = dr_lpips_distance(l, &list[0], &list[1], &mask, &got);
    if (!st)
        st = judge_one(v, "distance", got.all);
    if (!st)
        st = judge_one(v, "inside", got.inside);
    if (!st)
        st = judge_one(v, "outside", got.outside);
    dr_image_clear(&mask);
    free_pictures(list, count);
    dr_lpips_close(l);
    return st;
}

/* The features of in/NAME, judged against want/features/NAME, and into `s`. */
static dr_status fid_set(dr_verifier *v, dr_fid *f, const char *name, dr_fid_stats *s)
{
    char key[64];
    int count, dim = dr_fid_size(f);
    dr_image *list;
    dr_status st = pictures(v, name, &list, &count);
    float *x = st ? NULL : dr_arena_alloc(&v->tape.arena, (size_t)count * (size_t)dim * sizeof *x);
    if (!st)
        st = x ? dr_fid_features(f, list, count, x) : DR_ENOMEM;
    snprintf(key, sizeof key, "features/%s", name);
    if (!st)
        st = dr_case_output(v, key, x, (int64_t)count * dim, DR_TOL_FORWARD);
    if (!st)
        st = dr_fid_stats_init(s, dim);
    for (int i = 0; !st && i < count; i++)
        dr_fid_stats_add(s, x + (size_t)i * (size_t)dim);
    free_pictures(list, count);
    return st;
}

/* in/a, in/b [n,H,W,3] -> want/features/a, b and want/distance. args: resize, "pytorch" or "clean" */
dr_status dr_verify_fid(dr_verifier *v)
{
    const char *how;
    dr_fid *f = NULL;
    dr_fid_stats a = {0}, b = {0};
    double got = 0;
    dr_status st = dr_json_string(v->args, v->path, "resize", "pytorch", &how);
    if (!st)
        st = dr_fid_open_in(&f, dr_source_path(v->source), strcmp(how, "clean") == 0 ? DR_FID_CLEAN : DR_FID_PYTORCH);
    if (!st)
        st = fid_set(v, f, "a", &a);
    if (!st)
        st = fid_set(v, f, "b", &b);
    if (!st)
        st = dr_fid_distance(&a, &b, "a", "b", &got);
    if (!st)
        st = judge_one(v, "distance", got);
    dr_fid_stats_clear(&a);
    dr_fid_stats_clear(&b);
    dr_fid_close(f);
    return st;
}

/* in/a [n,F], in/b [m,F], features -> want/distance of their Gaussians. */
dr_status dr_verify_frechet(dr_verifier *v)
{
    int64_t da[2], db[2];
    dr_fid_stats a = {0}, b = {0};
    double got = 0;
    float *x = dr_case_input(v, "a", 2, da), *y = x ? dr_case_input(v, "b", 2, db) : NULL;
    if (!y)
        return DR_EINVAL;
    if (da[1] != db[1] || da[1] > 4096)
        return dr_fail(DR_EINVAL, "'%s': the sets have %lld and %lld features", v->path, (long long)da[1],
                       (long long)db[1]);
    dr_status st = dr_fid_stats_init(&a, (int)da[1]);
    if (!st)
        st = dr_fid_stats_init(&b, (int)db[1]);
    for (int64_t i = 0; !st && i < da[0]; i++)
        dr_fid_stats_add(&a, x + i * da[1]);
    for (int64_t i = 0; !st && i < db[0]; i++)
        dr_fid_stats_add(&b, y + i * db[1]);
    if (!st)
        st = dr_fid_distance(&a, &b, "a", "b", &got);
    if (!st)
        st = judge_one(v, "distance", got);
    dr_fid_stats_clear(&a);
    dr_fid_stats_clear(&b);
    return st;
}

/* in/a [n,F], in/b [m,F] -> want/mean, deviation. args: subsets, subset_size, seed */
dr_status dr_verify_kid(dr_verifier *v)
{
    int64_t da[2], db[2], subsets, size, seed;
    dr_kid_result got;
    float *x = dr_case_input(v, "a", 2, da), *y = x ? dr_case_input(v, "b", 2, db) : NULL;
    if (!y)
        return DR_EINVAL;
    if (da[1] != db[1] || da[1] > 1 << 20)
        return dr_fail(DR_EINVAL, "'%s': the sets have %lld and %lld features", v->path, (long long)da[1],
                       (long long)db[1]);
    dr_status st = dr_json_int(v->args, v->path, "subsets", 100, 1, 10000, &subsets);
    if (!st)
        st = dr_json_int(v->args, v->path, "subset_size", 0, 0, 1 << 20, &size);
    if (!st)
        st = dr_json_int(v->args, v->path, "seed", 2020, 0, UINT32_MAX, &seed);
    if (st)
        return st;
    dr_kid_options o = {(int)subsets, (int)size, (uint32_t)seed};
    st = dr_kid(x, da[0], "a", y, db[0], "b", (int)da[1], &o, &got);
    if (!st)
        st = judge_one(v, "mean", got.mean);
    return st ? st : judge_one(v, "deviation", got.deviation);
}

/* in/pictures [n,H,W,3] -> want/image_embeds [n,P] of length 1. */
dr_status dr_verify_clip_image(dr_verifier *v)
{
    dr_clip_image *c = NULL;
    dr_image *list = NULL;
    int count = 0;
    dr_status st = dr_clip_image_open_in(&c, dr_source_path(v->source));
    if (!st)
        st = pictures(v, "pictures", &list, &count);
    size_t n = st ? 0 : (size_t)count * (size_t)dr_clip_image_size(c);
    float *x = st ? NULL : dr_arena_alloc(&v->tape.arena, n * sizeof *x);
    if (!st)
        st = x ? dr_clip_image_features(c, list, count, x) : DR_ENOMEM;
    if (!st)
        st = dr_case_output(v, "image_embeds", x, (int64_t)n, DR_TOL_FORWARD);
    free_pictures(list, count);
    dr_clip_image_close(c);
    return st;
}
