/* What each preset fills in. */
#include "options/options.h"

_Static_assert(DRAPE_PRESET_EXACT == 0 && DRAPE_PRESET_FAST == 2 && sizeof(drape_preset) == sizeof(int),
               "words and rows are counted like the enum");

typedef struct row {
    const char *scheduler; /* NULL: the model's */
    bool karras;
    int steps;         /* 0: the model's */
    double start, end; /* of guidance */
} row;

/* The end of a run settles what hardly depends on the words. Guidance begins with the run: with the photo around the
 * mask the first calls decide what is put on, and without guidance there the picture is nearly that of none at all. */
static const row rows[] = {
    [DRAPE_PRESET_EXACT] = {NULL, false, 0, 0, 1},
    [DRAPE_PRESET_BALANCED] = {"dpm++2m", true, 20, 0, 0.75},
    [DRAPE_PRESET_FAST] = {"unipc", false, 10, 0, 0.5},
};

void dr_preset_fill(drape_tryon_options *o, bool few_steps, bool from_pure_noise)
{
    bool known = (unsigned)o->preset < sizeof rows / sizeof *rows; /* the options' check tells of others */
    const row *r = &rows[known && !few_steps ? o->preset : DRAPE_PRESET_EXACT];
    if (r->scheduler && !(o->scheduler && o->scheduler[0])) {
        o->scheduler = r->scheduler;
        o->karras |= r->karras && !from_pure_noise; /* whose first noise level is as good as infinite */
    }
    if (o->steps == 0)
        o->steps = r->steps;
    bool open = o->guidance_start < 0 && o->guidance_end < 0;
    if (o->guidance_start < 0)
        o->guidance_start = open ? r->start : 0;
    if (o->guidance_end < 0)
        o->guidance_end = open ? r->end : 1;
}
