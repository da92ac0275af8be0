/* Which timesteps and noise levels a sampler visits.
 *
 * Spacings: Lin et al. 2023, arXiv:2305.08891, table 2. Karras levels: Karras et al. 2022, arXiv:2206.00364, equation
 * 5 with rho = 7. NumPy computes these in double, and so do we; rounding is to even. */
#include "diffusion/sampler_impl.h"

#include <math.h>

/* Point j, from the highest, of numpy.linspace(0, last, points). */
static double linspace_point(double last, int points, int j)
{
    if (points == 1)
        return 0;
    return j == 0 ? last : (points - 1 - j) * (last / (points - 1));
}

/* Element j of numpy.arange(train, 0, -train/steps), which adds up a rounded difference. */
static double trailing_point(int train, int steps, int j)
{
    double second = train - (double)train / steps;

    return train + j * (second - train);
}

static double spaced(const dr_sampler *s, int points, int j)
{
    double t;

    switch (s->spacing) {
    case DR_SPACING_LEADING:
        return (double)(points - 1 - j) * (s->train / points) + s->steps_offset;
    case DR_SPACING_TRAILING:
        return rint(trailing_point(s->train, s->steps, j)) - 1;
    case DR_SPACING_LINSPACE:
        break;
    }
    t = linspace_point(s->train - 1, points, j);
    return s->cls->interpolates ? t : rint(t);
}

dr_status dr_plan_timesteps(dr_sampler *s)
{
    int points = s->cls->spaces_intervals ? s->steps + 1 : s->steps;

    if (s->spacing == DR_SPACING_LEADING && points > s->train)
        return dr_fail(DR_EINVAL, "%s takes at most %d of %d timesteps, got %d steps", dr_sampler_kind_name(s->kind),
                       s->train - (points - s->steps), s->train, s->steps);
    for (int j = 0; j < s->steps; j++) {
        double t = spaced(s, points, j);
        if (!(t >= 0 && t <= s->train - 1))
            return dr_fail(DR_EINVAL,
                           "%d steps reach timestep %g of a schedule of %d; steps_offset is %d, expected less",
                           s->steps, t, s->train, s->steps_offset);
        s->timesteps[j] = (float)t;
    }
    s->count = s->steps;
    return DR_OK;
}

static float table_sigma(const dr_sampler *s, int t)
{
    /* zero terminal SNR: PyTorch's square root of 2^24 - 1 is one rounding above the true one, and steps from here
     * enlarge it */
    if (s->abar[t] == 0x1p-24F)
        return 4096.0F;
    return sqrtf((1.0F - s->abar[t]) / s->abar[t]);
}

static double sigma_at(const dr_sampler *s, double t)
{
    int i = (int)t;

    if (i >= s->train - 1)
        return table_sigma(s, s->train - 1);
    double low = table_sigma(s, i), high = table_sigma(s, i + 1);
    return (high - low) * (t - i) + low;
}

/* The timestep whose noise level is sigma, by linear interpolation of logarithms. */
static double timestep_at(const dr_sampler *s, double sigma)
{
    double wanted = log(fmax(sigma, 1e-10));
    int i = 0;

    if (s->train == 1)
        return 0;
    for (int t = 0; t < s->train - 1; t++)
        if (wanted >= (double)logf(table_sigma(s, t)))
            i = t;
    float low = logf(table_sigma(s, i)), high = logf(table_sigma(s, i + 1));
    double w = fmin(fmax((low - wanted) / (double)(low - high), 0), 1);
    return (1 - w) * i + w * (i + 1);
}

static void plan_karras(dr_sampler *s)
{
    /* the solvers take the whole schedule's ends, the Euler family those of its own timesteps */
    bool whole = s->cls->form == DR_FORM_VP;
    double highest = whole ? table_sigma(s, s->train - 1) : sigma_at(s, s->timesteps[0]);
    double lowest = whole ? table_sigma(s, 0) : sigma_at(s, s->timesteps[s->steps - 1]);
    double from = pow(highest, 1 / 7.0), to = pow(lowest, 1 / 7.0);
    /* diffusers keeps whole timesteps here; DPM-Solver++ cuts the fraction off for cosine schedules */
    bool truncate = whole && s->cosine && s->kind != DR_SAMPLER_UNIPC;

    for (int j = 0; j < s->steps; j++) {
        double ramp = linspace_point(1, s->steps, s->steps - 1 - j);
        double sigma = pow(from + ramp * (to - from), 7);
        double t = timestep_at(s, sigma);
        s->sigmas[j] = (float)sigma;
        s->timesteps[j] = (float)(truncate ? trunc(t) : whole ? rint(t) : t);
    }
}

dr_status dr_plan_sigmas(dr_sampler *s)
{
    dr_status st = dr_plan_timesteps(s);

    if (st)
        return st;
    if (s->karras)
        plan_karras(s);
    else
        for (int j = 0; j < s->steps; j++)
            s->sigmas[j] = (float)sigma_at(s, s->timesteps[j]);
    s->sigmas[s->steps] = 0;
    return DR_OK;
}
