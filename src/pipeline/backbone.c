#include "pipeline/backbone.h"

#include "base/crc32.h"
#include "base/file.h"
#include "base/json.h"
#include "base/path.h"
#include "pipeline/backbone_impl.h"
#include "pipeline/models.h"

#include <stdlib.h>
#include <string.h>

/* --- shapes of a file's tensors ------------------------------------------------------------------------- */

static const dr_st_entry *entry_named(const dr_tensors *t, const char *name)
{
    size_t lo = 0, hi = t->count;
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        int order = strcmp(t->entry[mid].name, name);
        if (order == 0)
            return &t->entry[mid];
        *(order < 0 ? &lo : &hi) = order < 0 ? mid + 1 : mid;
    }
    return NULL;
}

static bool find_shape(const void *user, const char *name, int *rank, int64_t dim[4])
{
    const dr_st_entry *e = entry_named(user, name);
    for (int i = 0; e && i < e->rank && i < 4; i++)
        dim[i] = e->dim[i];
    *rank = e ? e->rank : 0;
    return e != NULL;
}

static dr_shapes shapes_of(const dr_backbone *m)
{
    return (dr_shapes){find_shape, &m->files.list[0], dr_backbone_name(m->kind), m->path};
}

/* --- each kind ------------------------------------------------------------------------------------------- */

static const char *const feature_unused[] = {"classifier.", NULL};
static const char *const inception_unused[] = {"fc.", "AuxLogits.", NULL};
static const char *const inception_ignored[] = {".num_batches_tracked", NULL};
static const char *const clip_unused[] = {"logit_scale", "text_model.", "text_projection.", NULL};
static const char *const clip_ignored[] = {"embeddings.position_ids", NULL};
static const char *const clip_stems[] = {"model", "pytorch_model", NULL};

static dr_weights_rules rules_of(const dr_backbone *m)
{
    dr_weights_rules r = {.what = dr_backbone_name(m->kind), .no_config = true};
    if (m->kind == DR_BACKBONE_INCEPTION) {
        r.unused = inception_unused;
        r.ignored = inception_ignored;
    } else if (m->kind == DR_BACKBONE_CLIP) {
        r = (dr_weights_rules){.what = r.what,
                               .stems = clip_stems,
                               .ignored = clip_ignored,
                               .unused = clip_unused,
                               .optional_prefix = "vision_model."};
    } else if (m->kind <= DR_BACKBONE_SQUEEZENET) {
        r.unused = feature_unused;
    }
    return r;
}

static dr_status declare_features(dr_backbone *m)
{
    static const dr_feature_kind kinds[] = {
        [DR_BACKBONE_ALEXNET] = DR_ALEXNET, [DR_BACKBONE_VGG16] = DR_VGG16, [DR_BACKBONE_SQUEEZENET] = DR_SQUEEZENET};
    dr_feature_config c;
    dr_shapes s = shapes_of(m);
    dr_status st = dr_feature_config_read(&c, kinds[m->kind], &s);
    return st ? st : dr_feature_init(&m->net.features, &c, &m->params);
}

static dr_status declare_inception(dr_backbone *m)
{
    dr_inception_config c;
    dr_shapes s = shapes_of(m);
    dr_status st = dr_inception_config_read(&c, &s);
    return st ? st : dr_inception_init(&m->net.inception, &c, &m->params);
}

static dr_status declare_lpips(dr_backbone *m)
{
    dr_shapes s = shapes_of(m);
    m->lins = m->kind == DR_BACKBONE_LPIPS_SQUEEZE ? 7 : 5;
    for (int i = 0; i < m->lins; i++) {
        char name[64], key[80];
        int64_t dim[4] = {0};
        int rank;
        snprintf(name, sizeof name, "lin%d.model.1", i);
        snprintf(key, sizeof key, "%s.weight", name);
        if (!find_shape(s.user, key, &rank, dim))
            return dr_fail(DR_EINVAL, "cannot load '%s': '%s' is missing; it is no %s", m->path, key, s.what);
        if (rank != 4 || dim[0] != 1 || dim[2] != 1 || dim[3] != 1 || dim[1] < 1 || dim[1] > DR_SHAPES_MAX_WIDTH)
            return dr_fail(DR_EINVAL, "cannot load '%s': '%s' has another shape than [1,C,1,1]", m->path, key);
        m->net.lin[i] = (dr_lin){0};
        m->net.lin[i].w = dr_param_add(&m->params, name, "weight", DR_INIT_KAIMING, dim[1], 4, 1, dim[1], 1, 1);
    }
    return m->params.status;
}

static dr_status declare_clip(dr_backbone *m)
{
    char where[PATH_MAX];
    dr_clip_vision_config c;
    json_t *j;
    dr_status st = dr_path(where, sizeof where, m->path, "config.json");
    if (!st)
        st = dr_json_load(where, &j);
    if (st)
        return st;
    st = dr_clip_vision_config_parse(&c, j, where);
    json_decref(j);
    if (!st)
        st = dr_clip_pixels_read(&m->pixels, m->path, c.size);
    return st ? st : dr_clip_vision_init(&m->net.clip, &c, &m->params);
}

static dr_status (*const declare[])(dr_backbone *m) = {declare_features,  declare_features, declare_features,
                                                       declare_lpips,     declare_lpips,    declare_lpips,
                                                       declare_inception, declare_clip};

/* --- loading ----------------------------------------------------------------------------------------------- */

/* Another network's file is called what it is. */
static dr_status check_kind(const dr_backbone *m)
{
    dr_backbone_kind kind = dr_backbone_kind_of(m->files.list[0].entry, m->files.list[0].count);
    if (kind == m->kind || kind == DR_BACKBONES)
        return DR_OK; /* what is missing is said later */
    return dr_fail(DR_EINVAL, "cannot load '%s': it is %s, expected %s", m->path, dr_backbone_name(kind),
                   dr_backbone_name(m->kind));
}

static dr_status open_files(dr_backbone *m)
{
    dr_weights_rules r = rules_of(m);
    if (m->kind == DR_BACKBONE_CLIP)
        return dr_weights_open(&m->files, m->path, &r);
    dr_status st = dr_weights_open_file(&m->files, m->path);
    return st ? st : check_kind(m);
}

/* Batch norm is a part of the convolutions before anything is computed. */
static dr_status fold(dr_backbone *m)
{
    dr_status st = DR_OK;
    for (dr_param *q = m->params.first; !st && q; q = q->next)
        st = dr_param_make_own_f32(q);
    return st ? st : dr_inception_fold(&m->net.inception, &m->params, m->path);
}

dr_status dr_backbone_open(dr_backbone *m, dr_backbone_kind kind, const char *path)
{
    *m = (dr_backbone){.kind = kind, .loaded = true, .path = strdup(path)};
    dr_status st = m->path ? open_files(m) : dr_fail(DR_ENOMEM, "out of memory");
    if (!st)
        st = dr_params_init(&m->params);
    if (!st)
        st = declare[kind](m);
    if (st)
        dr_backbone_unload(m);
    return st;
}

dr_status dr_backbone_load(dr_backbone *m, dr_backbone_kind kind, const char *path)
{
    if (m->loaded)
        return DR_OK;
    dr_status st = dr_backbone_open(m, kind, path);
    dr_weights_rules r = rules_of(m);
    if (!st)
        st = dr_weights_bind(&m->files, &m->params, m->path, &r);
    if (!st && kind == DR_BACKBONE_INCEPTION)
        st = fold(m);
    if (st)
        dr_backbone_unload(m);
    return st;
}

uint32_t dr_backbone_sum(const dr_backbone *m)
{
    unsigned char block[16384];
    uint32_t sum = 0;
    for (const dr_param *q = m->params.first; q; q = q->next) {
        size_t size = dr_dtype_size(q->t.dtype), all = (size_t)dr_numel(&q->t), step = sizeof block / size;
        for (size_t at = 0; at < all; at += step) {
            size_t n = all - at < step ? all - at : step;
            dr_param_get(q, at, n, block);
            sum = dr_crc32(sum, block, n * size);
        }
    }
    return sum;
}

void dr_backbone_unload(dr_backbone *m)
{
    if (!m->loaded)
        return;
    dr_params_clear(&m->params); /* before the files: parameters point into them */
    dr_weights_close(&m->files);
    free(m->path);
    *m = (dr_backbone){0};
}
