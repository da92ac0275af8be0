/* What each preset fills in. */
#include "options/options.h"

_Static_assert(DRAPE_PRESET_EXACT == 0 && DRAPE_PRESET_FAST == 2 && sizeof(drape_preset) == sizeof(int),
               "words and rows are counted like the enum");

typedef struct row {
    const char *scheduler; /* NULL: the model's */
    bool karras;
    int steps;         /* 0: the model's */
    double start, end; /* of guidance */
    int interval;      /* of the cache */
    double from, to;   /* it is used */
} row;

/* The end of a run settles what hardly depends on the words. Guidance begins with the run: with the photo around the
 * mask the first calls decide what is put on, and without guidance there the picture is nearly that of none at all.
 * For the same reason they are computed whole. */
static const row rows[] = {
    [DRAPE_PRESET_EXACT] = {NULL, false, 0, 0, 1, 1, 0, 1},
    [DRAPE_PRESET_BALANCED] = {"dpm++2m", true, 20, 0, 0.75, 2, 0.2, 1},
    [DRAPE_PRESET_FAST] = {"unipc", false, 10, 0, 0.5, 2, 0.2, 1},
};

/* Where one end of a part of the run is given, the other is the run's. */
static void fill_part(double *start, double *end, double from, double to)
{
    bool open = *start < 0 && *end < 0;
    if (*start < 0)
        *start = open ? from : 0;
    if (*end < 0)
        *end = open ? to : 1;
}

void dr_preset_fill(drape_tryon_options *o, bool few_steps, bool from_pure_noise)
{
    bool known = (unsigned)o->preset < sizeof rows / sizeof *rows; /* the options' check tells of others */
    const row *r = &rows[known && !few_steps ? o->preset : DRAPE_PRESET_EXACT];
    if (r->scheduler && !(o->scheduler && o->scheduler[0])) {
        o->scheduler = r->scheduler;
        if (o->karras_open) /* of pure noise the first level is as good as infinite */
            o->karras = r->karras && !from_pure_noise;
    }
    o->karras_open = false;
    if (o->steps == 0)
        o->steps = r->steps;
    if (o->cache_interval == 0) /* calls that are left out reuse nothing */
        o->cache_interval = o->cache_threshold > 0 ? 1 : r->interval;
    fill_part(&o->guidance_start, &o->guidance_end, r->start, r->end);
    fill_part(&o->cache_start, &o->cache_end, r->from, r->to);
}
