#include "tryon/step_skip.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST = 3 }; /* calls: k is known after two, and is the wildest between them */

dr_status dr_step_skip_begin(dr_step_skip *s, const dr_step_plan *plan, const dr_schedule *schedule, size_t n)
{
    *s = (dr_step_skip){.plan = *plan, .schedule = schedule, .n = n};
    if (plan->threshold <= 0)
        return DR_OK;
    s->x = malloc(n * sizeof(float));
    s->y = malloc(n * sizeof(float));
    s->before = malloc(n * sizeof(float));
    return s->x && s->y && s->before ? DR_OK : dr_fail(DR_ENOMEM, "out of memory");
}

void dr_step_skip_end(dr_step_skip *s)
{
    free(s->x);
    free(s->y);
    free(s->before);
    s->x = s->y = s->before = NULL;
}

static double distance(const float *a, const float *b, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += fabs((double)a[i] - (double)(b ? b[i] : 0));
    return sum;
}

/* The parts of picture and noise in a sample at a timestep, which may lie between two of the training's. */
static void parts(const dr_schedule *s, float timestep, double *a, double *sigma)
{
    double t = fmin(fmax((double)timestep, 0), s->train_timesteps - 1);
    int low = (int)t, high = low + 1 < s->train_timesteps ? low + 1 : low;
    double f = t - low, product = (1 - f) * (double)s->alphas_cumprod[low] + f * (double)s->alphas_cumprod[high];
    *a = sqrt(product);
    *sigma = sqrt(1 - product);
}

/* The last prediction at another timestep, with the picture and the noise that it says. */
static void carry_on(const dr_step_skip *s, float timestep, float *y)
{
    double a, sigma, a1, sigma1;
    memcpy(y, s->y, s->n * sizeof *y);
    if (s->schedule->prediction != DR_PREDICT_V)
        return;
    parts(s->schedule, s->timestep, &a, &sigma);
    parts(s->schedule, timestep, &a1, &sigma1);
    float turn = (float)(a1 * sigma - sigma1 * a), stay = (float)(a1 * a + sigma1 * sigma);
    for (size_t i = 0; i < s->n; i++) /* v = a e - sigma x0, of x0 = a x - sigma v and e = sigma x + a v */
        y[i] = turn * s->x[i] + stay * s->y[i];
}

bool dr_step_skip_next(dr_step_skip *s, int i, int calls, const float *x, float timestep, bool guided, float *y)
{
    if (s->plan.threshold <= 0)
        return false;
    bool inside = (double)i / calls >= s->plan.start && (double)(i + 1) / calls <= s->plan.end;
    if (s->made >= 2)
        s->change += s->ratio * distance(x, s->before, s->n) / fmax(s->size, 1e-30);
    memcpy(s->before, x, s->n * sizeof *x);
    if (!inside || s->made < FIRST || i + 1 == calls || guided != s->guided || !(s->change < s->plan.threshold))
        return false;
    carry_on(s, timestep, y);
    s->skipped++;
    return true;
}

void dr_step_skip_keep(dr_step_skip *s, const float *x, float timestep, bool guided, const float *y)
{
    if (s->plan.threshold <= 0)
        return;
    double moved = s->made ? distance(x, s->x, s->n) : 0;
    if (moved > 0 && guided == s->guided)
        s->ratio = distance(y, s->y, s->n) / moved;
    memcpy(s->x, x, s->n * sizeof *x);
    memcpy(s->y, y, s->n * sizeof *y);
    s->size = distance(y, NULL, s->n);
    s->timestep = timestep;
    s->guided = guided;
    s->change = 0;
    s->made++;
}
