#include "models/shapes.h"

#include <stdio.h>

static char *shape_text(char *buf, size_t n, int rank, const int64_t *dim)
{
    size_t at = (size_t)snprintf(buf, n, "[");
    for (int i = 0; i < rank && i < 4 && at < n; i++)
        at += (size_t)snprintf(buf + at, n - at, "%s%lld", i ? "," : "", (long long)dim[i]);
    if (at < n)
        snprintf(buf + at, n - at, rank > 4 ? ",..]" : "]");
    return buf;
}

dr_status dr_shapes_conv(const dr_shapes *s, const char *name, int in, int kh, int kw, int *out)
{
    char key[256], have[128];
    int rank = 0;
    int64_t dim[4] = {0};
    snprintf(key, sizeof key, "%s.weight", name);
    if (!s->find(s->user, key, &rank, dim))
        return dr_fail(DR_EINVAL, "cannot load '%s': '%s' is missing; it is no %s", s->where, key, s->what);
    if (rank != 4 || dim[1] != in || dim[2] != kh || dim[3] != kw || dim[0] < 1 || dim[0] > DR_SHAPES_MAX_WIDTH)
        return dr_fail(DR_EINVAL, "cannot load '%s': '%s' has shape %s, expected [1 to %d,%d,%d,%d] in %s", s->where,
                       key, shape_text(have, sizeof have, rank, dim), DR_SHAPES_MAX_WIDTH, in, kh, kw, s->what);
    *out = (int)dim[0];
    return DR_OK;
}
