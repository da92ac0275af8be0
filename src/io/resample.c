#include "io/resample.h"

#include <math.h>
#include <stdlib.h>

static double bilinear(double x)
{
    x = fabs(x);
    return x < 1.0 ? 1.0 - x : 0.0;
}

static double bicubic(double x)
{
    const double a = -0.5;
    x = fabs(x);
    if (x < 1.0)
        return ((a + 2.0) * x - (a + 3.0)) * x * x + 1;
    return x < 2.0 ? (((x - 5) * x + 8) * x - 4) * a : 0.0;
}

static double sinc(double x)
{
    if (x == 0.0)
        return 1.0;
    x *= 3.14159265358979323846;
    return sin(x) / x;
}

static double lanczos(double x)
{
    return -3.0 <= x && x < 3.0 ? sinc(x) * sinc(x / 3) : 0.0;
}

void dr_taps_clear(dr_taps *t)
{
    free(t->first);
    free(t->count);
    free(t->weight);
    *t = (dr_taps){0};
}

bool dr_taps_init(dr_taps *t, int in, int out, dr_resample how)
{
    bool is_lanczos = how == DR_LANCZOS || how == DR_LANCZOS_X_FIRST;
    double (*filter)(double) = is_lanczos ? lanczos : how == DR_BICUBIC ? bicubic : bilinear;
    double scale = (double)in / out, stretch = scale < 1.0 ? 1.0 : scale, inverse = 1.0 / stretch;
    double support = (is_lanczos ? 3.0 : how == DR_BICUBIC ? 2.0 : 1.0) * stretch;
    t->stride = (size_t)fmin(ceil(support) * 2 + 1, in);
    t->first = malloc((size_t)out * sizeof *t->first);
    t->count = malloc((size_t)out * sizeof *t->count);
    t->weight = calloc((size_t)out, t->stride * sizeof *t->weight);
    if (!t->first || !t->count || !t->weight)
        return false;
    for (int i = 0; i < out; i++) {
        double center = (i + 0.5) * scale, sum = 0, *w = t->weight + (size_t)i * t->stride;
        double low = center - support + 0.5, high = center + support + 0.5;
        int first = low < 0 ? 0 : (int)low;
        int count = (high > in ? in : (int)high) - first;
        for (int k = 0; k < count; k++) {
            w[k] = filter((k + first - center + 0.5) * inverse);
            sum += w[k];
        }
        for (int k = 0; k < count && sum != 0.0; k++)
            w[k] /= sum;
        t->first[i] = first;
        t->count[i] = count;
    }
    return true;
}

/* Which pass comes first shows in the last bit. Pillow 13 takes the columns first where the height shrinks by more
 * than twice what the width does (or the width grows); before 13 it was always the rows. Pictures scaled alike in
 * both axes come out the same in either, unless they are more than twice as high as wide. */
bool dr_columns_first(const dr_image *in, int width, int height)
{
    int64_t dx = (int64_t)in->width - width, dy = (int64_t)in->height - height;
    return dy > 0 && 2 * dx < dy;
}
