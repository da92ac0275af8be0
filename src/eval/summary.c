#include "eval/summary.h"

#include <math.h>
#include <stdlib.h>

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

dr_summary dr_summary_of(double *v, int count)
{
    dr_summary s = {0, NAN, NAN, NAN, NAN, NAN};
    double sum = 0, squares = 0;
    for (int i = 0; i < count; i++)
        if (isfinite(v[i]))
            v[s.count++] = v[i];
    if (s.count == 0)
        return s;
    qsort(v, (size_t)s.count, sizeof *v, by_size);
    for (int i = 0; i < s.count; i++)
        sum += v[i];
    s.mean = sum / s.count;
    for (int i = 0; i < s.count; i++)
        squares += (v[i] - s.mean) * (v[i] - s.mean);
    s.least = v[0];
    s.most = v[s.count - 1];
    s.median = (v[(s.count - 1) / 2] + v[s.count / 2]) / 2;
    s.deviation = s.count > 1 ? sqrt(squares / (s.count - 1)) : NAN;
    return s;
}
