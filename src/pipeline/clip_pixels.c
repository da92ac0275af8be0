/* What a picture becomes in front of CLIP: preprocessor_config.json of transformers' CLIPImageProcessor. */
#include "base/file.h"
#include "base/json.h"
#include "base/path.h"
#include "pipeline/backbone_impl.h"

#include <math.h>

static dr_status parse_three(const json_t *j, const char *where, const char *key, float out[3])
{
    const json_t *v = json_object_get(j, key);
    if (!v || json_is_null(v))
        return DR_OK;
    for (size_t i = 0; i < 3; i++) {
        const json_t *x = json_array_get(v, i);
        out[i] = (float)json_number_value(x);
        if (json_array_size(v) != 3 || !json_is_number(x) || !isfinite(out[i]))
            return dr_fail(DR_EINVAL, "'%s': \"%s\" must be a list of 3 numbers", where, key);
    }
    return DR_OK;
}

/* "size" and "crop_size" are a number, or {"shortest_edge": ..}, or {"height": .., "width": ..} of a square. */
static dr_status parse_edge(const json_t *j, const char *where, const char *key, int *out)
{
    const json_t *v = json_object_get(j, key);
    int64_t edge = *out, width;
    dr_status st = DR_OK;
    if (json_is_object(v) && json_object_get(v, "shortest_edge")) {
        st = dr_json_int(v, where, "shortest_edge", edge, 1, 4096, &edge);
    } else if (json_is_object(v)) {
        st = dr_json_int(v, where, "height", edge, 1, 4096, &edge);
        if (!st)
            st = dr_json_int(v, where, "width", edge, 1, 4096, &width);
        if (!st && width != edge)
            st = dr_fail(DR_EINVAL, "'%s': \"%s\" is %lldx%lld, only squares are supported", where, key,
                         (long long)width, (long long)edge);
    } else {
        st = dr_json_int(j, where, key, edge, 1, 4096, &edge);
    }
    *out = (int)edge;
    return st;
}

static dr_status parse(dr_clip_pixels *p, const json_t *j, const char *where, int size)
{
    int64_t resample;
    double factor = 1.0 / 255;
    dr_status st = parse_edge(j, where, "size", &p->shortest);
    if (!st)
        st = parse_edge(j, where, "crop_size", &p->crop);
    if (!st)
        st = dr_json_int(j, where, "resample", 3, 0, 5, &resample);
    if (!st)
        st = dr_json_double(j, where, "rescale_factor", factor, &factor);
    if (!st)
        st = parse_three(j, where, "image_mean", p->mean);
    if (!st)
        st = parse_three(j, where, "image_std", p->std);
    if (st)
        return st;
    static const int filters[] = {DR_NEAREST, DR_LANCZOS, DR_BILINEAR, DR_BICUBIC, -1, -1}; /* PIL's numbers */
    if (filters[resample] < 0)
        return dr_fail(DR_EUNSUPPORTED, "'%s': \"resample\" is %d, supported are 0 to 3", where, (int)resample);
    p->how = (dr_resample)filters[resample];
    p->scale = (float)factor;
    for (int i = 0; i < 3; i++)
        if (!(fabsf(p->std[i]) >= 1e-6f))
            return dr_fail(DR_EINVAL, "'%s': \"image_std\" is out of range", where);
    if (p->crop != size || p->shortest < p->crop)
        return dr_fail(DR_EINVAL, "'%s': pictures of %d pixels, cut out of %d, for a tower of %d (\"image_size\")",
                       where, p->crop, p->shortest, size);
    return DR_OK;
}

dr_status dr_clip_pixels_read(dr_clip_pixels *p, const char *dir, int size)
{
    char where[PATH_MAX];
    json_t *j;
    *p = (dr_clip_pixels){.shortest = size,
                          .crop = size,
                          .how = DR_BICUBIC,
                          .scale = 1.0f / 255,
                          .mean = {0.48145466f, 0.4578275f, 0.40821073f},
                          .std = {0.26862954f, 0.26130258f, 0.27577711f}};
    dr_status st = dr_path(where, sizeof where, dir, "preprocessor_config.json");
    if (st || !dr_exists(where))
        return st;
    st = dr_json_load(where, &j);
    if (st)
        return st;
    st = parse(p, j, where, size);
    json_decref(j);
    return st;
}
