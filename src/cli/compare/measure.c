/* Numbers about pictures: one row for each. */
#include "cli/compare/compare.h"

#include "base/path.h"

#include <math.h>
#include <stdlib.h>

/* A picture and what it is measured against. */
typedef struct measured {
    const dr_comparison *c;
    const drape_image *picture;
} measured;

typedef struct metric {
    const char *key, *name, *unit;
    const char *better; /* "low", "high", or "" */
    const char *help;
    double (*of)(const measured *m); /* NaN: does not apply */
} metric;

static bool of_the_photo(const measured *m)
{
    const drape_image *person = &m->c->scene.person;
    return m->picture->width == person->width && m->picture->height == person->height;
}

/* Outside the mask: how many pixels are not the photo's, and by how much at most. */
static void outside(const measured *m, double *changed, double *most_changed)
{
    const drape_image *person = &m->c->scene.person;
    int most = 0;
    *changed = 0;
    for (size_t i = 0; i < (size_t)person->width * (size_t)person->height; i++) {
        int largest = 0;
        for (int k = 0; k < 3 && !m->c->scene.mask.data[i]; k++) {
            int d = abs(m->picture->data[3 * i + (size_t)k] - person->data[3 * i + (size_t)k]);
            largest = d > largest ? d : largest;
        }
        *changed += largest > 0;
        most = largest > most ? largest : most;
    }
    *most_changed = most;
}

static double changed_outside(const measured *m)
{
    double changed = NAN, most;
    if (of_the_photo(m))
        outside(m, &changed, &most);
    return changed;
}

static double largest_outside(const measured *m)
{
    double changed, most = NAN;
    if (of_the_photo(m))
        outside(m, &changed, &most);
    return most;
}

static const metric metrics[] = {
    {"outside_changed", "Changed outside", "px", "low",
     "pixels outside the mask that are not the photo's; the soft edge of the paste is among them", changed_outside},
    {"outside_largest", "Largest change outside", "of 255", "low",
     "how far the most changed of these pixels is from the photo", largest_outside},
};

json_t *dr_metrics_json(void)
{
    json_t *list = json_array();
    for (size_t i = 0; i < sizeof metrics / sizeof *metrics; i++)
        json_array_append_new(list,
                              json_pack("{s:s, s:s, s:s, s:s, s:s}", "key", metrics[i].key, "name", metrics[i].name,
                                        "unit", metrics[i].unit, "better", metrics[i].better, "help", metrics[i].help));
    return list;
}

static dr_status measure(const dr_comparison *c, dr_cell *cell)
{
    char *path = dr_comparison_path(c, cell->file);
    drape_image picture = {0};
    dr_status st = path ? (dr_status)drape_image_read(&picture, path) : DR_ENOMEM;
    const measured m = {c, &picture};
    json_decref(cell->metrics);
    cell->metrics = json_object();
    for (size_t i = 0; !st && i < sizeof metrics / sizeof *metrics; i++) {
        double v = metrics[i].of(&m);
        if (isfinite(v))
            json_object_set_new(cell->metrics, metrics[i].key, json_real(v));
    }
    drape_image_free(&picture);
    free(path);
    return st;
}

dr_status dr_comparison_measure(dr_comparison *c)
{
    dr_status st = DR_OK;
    for (int i = 0; i < c->rows; i++)
        for (int k = 0; !st && k < c->seeds; k++)
            if (c->row[i].cell[k].done)
                st = measure(c, &c->row[i].cell[k]);
    return st;
}
