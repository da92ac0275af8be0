#include "mask/regions.h"

#include <stdlib.h>
#include <string.h>

/* --- finding: union-find, one pass forwards ------------------------------------------------------------ */

static int32_t root_of(int32_t *parent, int32_t i)
{
    while (parent[i] != i)
        i = parent[i] = parent[parent[i]];
    return i;
}

static void unite(int32_t *parent, int32_t a, int32_t b)
{
    a = root_of(parent, a);
    b = root_of(parent, b);
    if (a < b)
        parent[b] = a;
    else
        parent[a] = b;
}

static void link_pixels(int32_t *parent, const dr_image *im, bool by_value)
{
    static const int dx[] = {-1, 0, -1, 1}, dy[] = {0, -1, -1, -1}; /* sides first */
    int w = im->width;
    for (int y = 0; y < im->height; y++)
        for (int x = 0; x < w; x++) {
            int32_t i = (int32_t)y * w + x;
            parent[i] = i;
            for (int k = 0; im->data[i] && k < (by_value ? 2 : 4); k++) {
                int nx = x + dx[k], ny = y + dy[k];
                if (nx < 0 || nx >= w || ny < 0)
                    continue;
                int32_t j = (int32_t)ny * w + nx;
                if (im->data[j] && (!by_value || im->data[j] == im->data[i]))
                    unite(parent, i, j);
            }
        }
}

/* Numbers the roots in reading order, and every pixel by its root. */
static int number_roots(int32_t *parent, const dr_image *im)
{
    int32_t n = (int32_t)im->width * im->height;
    int count = 0;
    for (int32_t i = 0; i < n; i++) { /* a root comes before its pixels: store -2-number in it */
        if (!im->data[i])
            continue;
        if (parent[i] == i)
            parent[i] = -2 - count++;
        else {
            int32_t r = parent[i];
            while (r >= 0 && parent[r] >= 0)
                r = parent[r];
            parent[i] = r >= 0 ? parent[r] : r;
        }
    }
    for (int32_t i = 0; i < n; i++)
        parent[i] = im->data[i] ? -2 - parent[i] : -1;
    return count;
}

static void measure(dr_components *c, const dr_image *im)
{
    for (int y = 0; y < im->height; y++)
        for (int x = 0; x < im->width; x++) {
            int32_t id = c->id[(int64_t)y * im->width + x];
            if (id < 0)
                continue;
            dr_component *k = &c->item[id];
            if (k->area++ == 0) {
                k->box = (dr_rect){x, y, 1, 1};
                k->label = im->data[(int64_t)y * im->width + x];
            }
            int right = k->box.x + k->box.width, left = x < k->box.x ? x : k->box.x;
            right = x + 1 > right ? x + 1 : right;
            k->box = (dr_rect){left, k->box.y, right - left, y + 1 - k->box.y};
        }
}

dr_status dr_components_find(dr_components *out, const dr_image *im, bool by_value)
{
    size_t n = (size_t)im->width * (size_t)im->height;
    *out = (dr_components){.id = malloc(n * sizeof *out->id)};
    if (!out->id)
        return dr_fail(DR_ENOMEM, "out of memory for a mask of %dx%d", im->width, im->height);
    link_pixels(out->id, im, by_value);
    out->count = number_roots(out->id, im);
    out->item = calloc((size_t)out->count + 1, sizeof *out->item);
    if (!out->item) {
        dr_components_clear(out);
        return dr_fail(DR_ENOMEM, "out of memory for a mask of %dx%d", im->width, im->height);
    }
    measure(out, im);
    return DR_OK;
}

void dr_components_clear(dr_components *c)
{
    free(c->id);
    free(c->item);
    *c = (dr_components){0};
}

/* --- cleaning --------------------------------------------------------------------------------------- */

dr_status dr_drop_islands(dr_image *mask, double share)
{
    dr_components c;
    int64_t largest = 0;
    dr_status st = dr_components_find(&c, mask, false);
    if (st)
        return st;
    for (int i = 0; i < c.count; i++)
        largest = c.item[i].area > largest ? c.item[i].area : largest;
    for (int64_t i = 0; i < (int64_t)mask->width * mask->height; i++)
        if (c.id[i] >= 0 && (double)c.item[c.id[i]].area < share * (double)largest)
            mask->data[i] = 0;
    dr_components_clear(&c);
    return DR_OK;
}

static void invert(dr_image *mask)
{
    for (int64_t i = 0; i < (int64_t)mask->width * mask->height; i++)
        mask->data[i] = mask->data[i] ? 0 : 255;
}

dr_status dr_fill_holes(dr_image *mask, int64_t area)
{
    dr_components c;
    invert(mask);
    dr_status st = dr_components_find(&c, mask, true); /* sides alone: a diagonal line of mask closes a hole */
    for (int64_t i = 0; !st && i < (int64_t)mask->width * mask->height; i++) {
        if (c.id[i] < 0)
            continue;
        const dr_component *k = &c.item[c.id[i]];
        bool at_edge = k->box.x == 0 || k->box.y == 0 || k->box.x + k->box.width == mask->width ||
                       k->box.y + k->box.height == mask->height;
        if (!at_edge && k->area <= area)
            mask->data[i] = 0;
    }
    if (!st)
        dr_components_clear(&c);
    invert(mask);
    return st;
}

/* votes[id][label]: how often small region `id` borders on the label. */
static void count_votes(const dr_components *c, const dr_image *labels, int64_t area, uint32_t *votes)
{
    static const int dx[] = {1, 0}, dy[] = {0, 1};
    for (int y = 0; y < labels->height; y++)
        for (int x = 0; x < labels->width; x++)
            for (int k = 0; k < 2; k++) {
                int nx = x + dx[k], ny = y + dy[k];
                if (nx >= labels->width || ny >= labels->height)
                    continue;
                int64_t i = (int64_t)y * labels->width + x, j = (int64_t)ny * labels->width + nx;
                if (c->id[i] == c->id[j])
                    continue;
                if (c->item[c->id[i]].area < area)
                    votes[(size_t)c->id[i] * 256 + labels->data[j]]++;
                if (c->item[c->id[j]].area < area)
                    votes[(size_t)c->id[j] * 256 + labels->data[i]]++;
            }
}

static uint8_t winner(const uint32_t votes[256], uint8_t own)
{
    uint8_t best = own;
    for (int i = 0; i < 256; i++)
        if (votes[i] > votes[best])
            best = (uint8_t)i;
    return best;
}

dr_status dr_labels_clean(dr_image *labels, int64_t area)
{
    int64_t n = (int64_t)labels->width * labels->height;
    dr_components c;
    for (int64_t i = 0; i < n; i++) /* so that the background has regions, too */
        labels->data[i]++;
    dr_status st = dr_components_find(&c, labels, true);
    for (int64_t i = 0; i < n; i++)
        labels->data[i]--;
    if (st)
        return st;
    uint32_t *votes = calloc((size_t)c.count * 256, sizeof *votes);
    if (votes) {
        count_votes(&c, labels, area, votes);
        for (int64_t i = 0; i < n; i++)
            if (c.item[c.id[i]].area < area)
                labels->data[i] = winner(votes + (size_t)c.id[i] * 256, labels->data[i]);
    }
    free(votes);
    dr_components_clear(&c);
    return votes ? DR_OK : dr_fail(DR_ENOMEM, "out of memory cleaning labels");
}

dr_status dr_mask_smooth(dr_image *mask, int radius)
{
    dr_status st = radius > 0 ? dr_mask_grow(mask, radius) : DR_OK;
    if (!st && radius > 0)
        st = dr_mask_grow(mask, -2 * radius);
    if (!st && radius > 0)
        st = dr_mask_grow(mask, radius);
    return st;
}
