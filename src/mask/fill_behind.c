#include "mask/fill_behind.h"

#include "base/status.h"

#include <math.h>
#include <stdlib.h>

#define LEVELS 16 /* halvings: more than a picture has */

/* Sums of what is known, and of how much that is: at most 1 a square, so that a full one counts no more than it is. */
typedef struct level {
    int width, height;
    float *v; /* [height][width][channels + 1], the weight last */
} level;

static void clear(level *l)
{
    for (int i = 0; i < LEVELS; i++)
        free(l[i].v);
}

static dr_status alloc(level *l, int width, int height, int values)
{
    *l = (level){width, height, calloc((size_t)width * (size_t)height * (size_t)values, sizeof(float))};
    return l->v ? DR_OK : dr_fail(DR_ENOMEM, "out of memory");
}

static float *at(const level *l, int x, int y, int values)
{
    return l->v + ((size_t)y * (size_t)l->width + (size_t)x) * (size_t)values;
}

static void read_level(level *l, const dr_image *im, const dr_image *known)
{
    int n = im->channels + 1;
    for (size_t i = 0; i < (size_t)im->width * (size_t)im->height; i++) {
        float *to = l->v + i * (size_t)n;
        to[n - 1] = known->data[i] ? 1 : 0;
        for (int c = 0; known->data[i] && c < n - 1; c++)
            to[c] = im->data[i * (size_t)(n - 1) + (size_t)c];
    }
}

/* Four squares to one; what is more than whole counts as whole. */
static void push(const level *from, level *to, int n)
{
    for (int y = 0; y < to->height; y++)
        for (int x = 0; x < to->width; x++) {
            float *sum = at(to, x, y, n);
            for (int k = 0; k < 4; k++) {
                int px = 2 * x + (k & 1), py = 2 * y + (k >> 1);
                for (int c = 0; px < from->width && py < from->height && c < n; c++)
                    sum[c] += at(from, px, py, n)[c];
            }
            float whole = fmaxf(sum[n - 1], 1);
            for (int c = 0; c < n; c++)
                sum[c] /= whole;
        }
}

/* The mean that the larger squares have at the middle of (x,y), between four of them. */
static void between(const level *l, int x, int y, int n, float *out)
{
    float fx = 0.5f * (float)x - 0.25f, fy = 0.5f * (float)y - 0.25f;
    int x0 = (int)floorf(fx), y0 = (int)floorf(fy);
    for (int c = 0; c < n; c++)
        out[c] = 0;
    for (int k = 0; k < 4; k++) {
        int px = x0 + (k & 1), py = y0 + (k >> 1);
        float w = (k & 1 ? fx - (float)x0 : 1 - fx + (float)x0) * (k >> 1 ? fy - (float)y0 : 1 - fy + (float)y0);
        px = px < 0 ? 0 : px >= l->width ? l->width - 1 : px;
        py = py < 0 ? 0 : py >= l->height ? l->height - 1 : py;
        for (int c = 0; c < n; c++)
            out[c] += w * at(l, px, py, n)[c];
    }
}

/* What a square lacks it takes from the larger ones, which are whole by now. */
static void pull(const level *from, level *to, int n)
{
    float larger[5];
    for (int y = 0; y < to->height; y++)
        for (int x = 0; x < to->width; x++) {
            float *own = at(to, x, y, n), lacks = 1 - own[n - 1];
            if (lacks <= 0)
                continue;
            between(from, x, y, n, larger);
            float whole = larger[n - 1] > 0 ? larger[n - 1] : 1;
            for (int c = 0; c < n; c++)
                own[c] += lacks * larger[c] / whole;
        }
}

dr_status dr_fill_behind(dr_image *im, const dr_image *known)
{
    level l[LEVELS] = {{0}};
    int n = im->channels + 1, count = 1;
    dr_status st = alloc(&l[0], im->width, im->height, n);
    if (!st)
        read_level(&l[0], im, known);
    for (; !st && count < LEVELS && (l[count - 1].width > 1 || l[count - 1].height > 1); count++) {
        const level *small = &l[count - 1];
        st = alloc(&l[count], (small->width + 1) / 2, (small->height + 1) / 2, n);
        if (!st)
            push(small, &l[count], n);
    }
    bool any = !st && l[count - 1].v[n - 1] > 0;
    for (int i = count - 1; any && i > 0; i--)
        pull(&l[i], &l[i - 1], n);
    for (size_t i = 0; any && i < (size_t)im->width * (size_t)im->height; i++)
        for (int c = 0; !known->data[i] && c < n - 1; c++)
            im->data[i * (size_t)(n - 1) + (size_t)c] =
                (uint8_t)lrintf(fminf(fmaxf(l[0].v[i * (size_t)n + (size_t)c], 0), 255));
    clear(l);
    return st;
}
