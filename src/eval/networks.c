#include "eval/networks.h"

#include "pipeline/backbone.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static bool any(const bool *wanted, int column, int count)
{
    for (int i = column; i < column + count; i++)
        if (wanted[i])
            return true;
    return false;
}

/* Which columns need which network. */
static const struct {
    dr_backbone_kind kind;
    int column, count;
} needs[] = {{DR_BACKBONE_ALEXNET, DR_LPIPS, 3},        {DR_BACKBONE_LPIPS_ALEX, DR_LPIPS, 3},
             {DR_BACKBONE_VGG16, DR_LPIPS + 3, 3},      {DR_BACKBONE_LPIPS_VGG, DR_LPIPS + 3, 3},
             {DR_BACKBONE_SQUEEZENET, DR_LPIPS + 6, 3}, {DR_BACKBONE_LPIPS_SQUEEZE, DR_LPIPS + 6, 3},
             {DR_BACKBONE_CLIP, DR_CLIP_REFERENCE, 2},  {DR_BACKBONE_INCEPTION, DR_FID, 4}};
enum { NEEDS = sizeof needs / sizeof *needs };

dr_status dr_networks_open(dr_networks *n, const bool *wanted, const char *dir)
{
    char path[PATH_MAX];
    dr_status st = DR_OK;
    *n = (dr_networks){0};
    snprintf(n->dir, sizeof n->dir, "%s", dir && dir[0] ? dir : "backbones");
    for (int i = 0; !st && i < NEEDS; i++)
        if (any(wanted, needs[i].column, needs[i].count))
            st = dr_backbone_find(needs[i].kind, n->dir, path);
    return st;
}

void dr_networks_close(dr_networks *n)
{
    for (int i = 0; i < 3; i++)
        dr_lpips_close(n->lpips[i]);
    dr_clip_image_close(n->clip);
    *n = (dr_networks){0};
}

void dr_networks_describe(const dr_networks *n, const bool *wanted, char *out, size_t size)
{
    char path[PATH_MAX];
    struct stat s;
    size_t used = 0;
    out[0] = 0;
    for (int i = 0; i < NEEDS && used < size; i++)
        if (any(wanted, needs[i].column, needs[i].count) && !dr_backbone_find(needs[i].kind, n->dir, path) &&
            stat(path, &s) == 0)
            used += (size_t)snprintf(out + used, size - used, "%d:%lld:%lld.%09ld;", (int)needs[i].kind,
                                     (long long)s.st_size, (long long)s.st_mtim.tv_sec, (long)s.st_mtim.tv_nsec);
}

/* --- one result ----------------------------------------------------------------------------------------- */

static void put(const bool *wanted, drape_eval_numbers *n, int column, double v)
{
    if (wanted[column])
        n->value[column] = v;
}

/* A picture that is too small for a network has no such number; that is no failure. */
static dr_status lpips(dr_networks *n, const bool *wanted, const dr_image *a, const dr_image *b, const dr_image *mask,
                       drape_eval_numbers *out)
{
    dr_status st = DR_OK;
    for (int k = 0; !st && k < 3; k++) {
        dr_measured m = {NAN, NAN, NAN};
        int column = DR_LPIPS + 3 * k;
        if (!any(wanted, column, 3))
            continue;
        if (!n->lpips[k])
            st = dr_lpips_open_in(&n->lpips[k], (dr_lpips_net)k, n->dir);
        n->at_fault = st != DR_OK;
        if (!st && a->width >= DR_LPIPS_LEAST && a->height >= DR_LPIPS_LEAST)
            st = dr_lpips_distance(n->lpips[k], a, b, mask, &m);
        put(wanted, out, column, m.all);
        put(wanted, out, column + 1, m.inside);
        put(wanted, out, column + 2, m.outside);
    }
    return st;
}

static dr_status clip(dr_networks *n, const bool *wanted, const dr_image *result, const dr_image *reference,
                      const dr_image *garment, drape_eval_numbers *out)
{
    const dr_image *other[2] = {reference, garment};
    dr_status st = DR_OK;
    if (!any(wanted, DR_CLIP_REFERENCE, 2))
        return DR_OK;
    if (!n->clip)
        st = dr_clip_image_open_in(&n->clip, n->dir);
    n->at_fault = st != DR_OK;
    size_t size = st ? 0 : (size_t)dr_clip_image_size(n->clip);
    float *x = malloc(2 * size * sizeof *x + 1);
    if (!st && !x)
        st = dr_fail(DR_ENOMEM, "out of memory");
    if (!st)
        st = dr_clip_image_features(n->clip, result, 1, x);
    for (int k = 0; !st && k < 2; k++) {
        if (!other[k] || !wanted[DR_CLIP_REFERENCE + k])
            continue;
        st = dr_clip_image_features(n->clip, other[k], 1, x + size);
        put(wanted, out, DR_CLIP_REFERENCE + k, st ? NAN : dr_clip_image_similarity(x, x + size, (int)size));
    }
    free(x);
    return st;
}

dr_status dr_networks_pair(dr_networks *n, const bool *wanted, const dr_image *result, const dr_image *reference,
                           const dr_image *mask, const dr_image *garment, drape_eval_numbers *out)
{
    dr_status st = reference ? lpips(n, wanted, result, reference, mask, out) : DR_OK;
    return st ? st : clip(n, wanted, result, reference, garment, out);
}
