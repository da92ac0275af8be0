/* Snapping a rough mask to the garment under it: labels vote near the paint, colours draw the line.
 *
 * The line follows the photo by a guided filter: He, Sun & Tang 2010, "Guided Image Filtering". */
#include "io/labels.h"
#include "mask/garment.h"
#include "mask/regions.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define WORK_SIZE 768
#define REACH 0.10      /* how far from the paint a label may be taken, in roots of the paint's area */
#define TAKEN 0.5       /* share of a label near the paint that the paint must cover */
#define WEIGHTY 0.3     /* or: share of the paint that the label fills */
#define FILTER 0.012    /* the filter's radius, in parts of the longer side */
#define SMOOTHNESS 4e-4 /* its epsilon, for brightness in [0,1] */

typedef struct sketch {
    dr_image paint, photo, labels, reach; /* reach: the paint, grown */
    int64_t n;
} sketch;

static bool is_cloth(int label)
{
    return (label >= DR_LABEL_UPPER && label <= DR_LABEL_BELT) || label == DR_LABEL_SCARF || label == DR_LABEL_HAT ||
           label == DR_LABEL_BAG;
}

/* Which labels the paint means. */
static bool vote(const sketch *s, bool taken[256])
{
    int64_t painted[256] = {0}, near[256] = {0}, paint = 0;
    bool any = false;
    for (int64_t i = 0; i < s->n; i++) {
        near[s->labels.data[i]] += s->reach.data[i] != 0;
        painted[s->labels.data[i]] += s->paint.data[i] != 0;
        paint += s->paint.data[i] != 0;
    }
    for (int k = 0; k < 256; k++) {
        double inside = (double)painted[k];
        taken[k] = is_cloth(k) && inside > 0.05 * (double)paint &&
                   (inside > TAKEN * (double)near[k] || inside > WEIGHTY * (double)paint);
        any = any || taken[k];
    }
    return any;
}

/* Means over boxes of the given radius, by running sums along rows, then columns. */
static void box_mean_line(const float *src, float *dst, int n, int stride, int radius)
{
    double sum = 0;
    int count = 0;
    for (int i = 0; i < radius && i < n; i++, count++)
        sum += (double)src[(size_t)i * (size_t)stride];
    for (int i = 0; i < n; i++) {
        if (i + radius < n) {
            sum += (double)src[(size_t)(i + radius) * (size_t)stride];
            count++;
        }
        if (i - radius - 1 >= 0) {
            sum -= (double)src[(size_t)(i - radius - 1) * (size_t)stride];
            count--;
        }
        dst[(size_t)i * (size_t)stride] = (float)(sum / count);
    }
}

static void box_mean(float *v, float *tmp, int w, int h, int radius)
{
    for (int y = 0; y < h; y++)
        box_mean_line(v + (size_t)y * (size_t)w, tmp + (size_t)y * (size_t)w, w, 1, radius);
    for (int x = 0; x < w; x++)
        box_mean_line(tmp + x, v + x, h, w, radius);
}

/* q = mean(a) guide + mean(b) with a = cov(guide, mask) / (var(guide) + eps): buffers of n floats each. */
static void guided_filter(const sketch *s, const float *guide, float *mask, float *const tmp[4])
{
    int w = s->paint.width, h = s->paint.height, longer = w > h ? w : h;
    int radius = (int)lround(FILTER * longer) + 1;
    float *mean_i = tmp[0], *ii = tmp[1], *ip = tmp[2], *work = tmp[3];
    for (int64_t i = 0; i < s->n; i++) {
        mean_i[i] = guide[i];
        ii[i] = guide[i] * guide[i];
        ip[i] = guide[i] * mask[i];
    }
    box_mean(mean_i, work, w, h, radius);
    box_mean(ii, work, w, h, radius);
    box_mean(ip, work, w, h, radius);
    box_mean(mask, work, w, h, radius);
    for (int64_t i = 0; i < s->n; i++) {
        float a = (ip[i] - mean_i[i] * mask[i]) / (ii[i] - mean_i[i] * mean_i[i] + (float)SMOOTHNESS);
        ii[i] = a;
        ip[i] = mask[i] - a * mean_i[i];
    }
    box_mean(ii, work, w, h, radius);
    box_mean(ip, work, w, h, radius);
    for (int64_t i = 0; i < s->n; i++)
        mask[i] = ii[i] * guide[i] + ip[i];
}

/* The paint becomes what the labels mean by it, or stays where no garment lies under it; then edges follow the photo.
 */
static dr_status snap(sketch *s)
{
    bool taken[256];
    bool voted = vote(s, taken);
    float *all = malloc((size_t)s->n * 6 * sizeof *all), *guide = all, *mask = all ? all + s->n : NULL;
    if (!all)
        return dr_fail(DR_ENOMEM, "out of memory refining a mask");
    for (int64_t i = 0; i < s->n; i++) {
        const uint8_t *p = s->photo.data + 3 * i;
        guide[i] = (0.299f * p[0] + 0.587f * p[1] + 0.114f * p[2]) / 255;
        mask[i] = voted ? s->reach.data[i] && taken[s->labels.data[i]] : s->paint.data[i] != 0;
    }
    float *tmp[4] = {all + 2 * s->n, all + 3 * s->n, all + 4 * s->n, all + 5 * s->n};
    guided_filter(s, guide, mask, tmp);
    for (int64_t i = 0; i < s->n; i++)
        s->paint.data[i] = mask[i] >= 0.5f ? 255 : 0;
    free(all);
    dr_status st = dr_drop_islands(&s->paint, 0.05);
    return st ? st : dr_fill_holes(&s->paint, s->n / 2000);
}

static dr_status prepare(sketch *s, const dr_image *rough, const dr_image *photo, const dr_image *labels)
{
    int longer = photo->width > photo->height ? photo->width : photo->height;
    double scale = longer > WORK_SIZE ? (double)WORK_SIZE / longer : 1;
    int w = (int)lround(photo->width * scale), h = (int)lround(photo->height * scale);
    w = w > 0 ? w : 1;
    h = h > 0 ? h : 1;
    dr_status st = dr_image_resize(&s->paint, rough, w, h, DR_BILINEAR);
    if (!st)
        st = dr_image_resize(&s->photo, photo, w, h, DR_BILINEAR);
    if (!st)
        st = dr_image_resize(&s->labels, labels, w, h, DR_NEAREST);
    if (st)
        return st;
    dr_mask_binarize(&s->paint);
    s->n = (int64_t)w * h;
    int64_t area = 0;
    for (int64_t i = 0; i < s->n; i++)
        area += s->paint.data[i] != 0;
    st = dr_image_copy(&s->reach, &s->paint);
    return st ? st : dr_mask_grow(&s->reach, (int)lround(REACH * sqrt((double)area)));
}

dr_status dr_mask_refine(dr_image *out, const dr_image *rough, const dr_image *photo, const dr_image *labels,
                         const char *name)
{
    sketch s = {0};
    dr_image full = {0};
    dr_rect box;
    dr_status st = prepare(&s, rough, photo, labels);
    if (!st)
        st = snap(&s);
    if (!st)
        st = dr_image_resize(&full, &s.paint, photo->width, photo->height, DR_BILINEAR);
    if (!st)
        dr_mask_binarize(&full);
    if (!st && !dr_mask_bbox(&full, &box))
        st = dr_fail(DR_EINVAL, "nothing is left of the mask of '%s' once it is refined: paint more of the garment",
                     name);
    dr_image_clear(&s.paint);
    dr_image_clear(&s.photo);
    dr_image_clear(&s.labels);
    dr_image_clear(&s.reach);
    if (st)
        dr_image_clear(&full);
    else
        *out = full;
    return st;
}
