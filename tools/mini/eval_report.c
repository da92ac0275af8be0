/* Figures of all models side by side, and a sheet to look at. */
#include "mini/eval.h"

#include "base/json.h"
#include "train/sheet.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define ROUNDING (1.0 / 12) /* mean square of what 8 bits take away: so much any picture has */

/* --- figures ----------------------------------------------------------------------------------------- */

/* Logarithms, so that one patterned dress does not outweigh fifty plain ones. */
static double log_ratio(double energy, double real)
{
    return log((energy + ROUNDING) / (real + ROUNDING));
}

eval_figures eval_sum_up(const evaluation *e, const eval_column *c)
{
    eval_figures f = {.count = e->items.count, .frechet = c->frechet};
    double sharp = 0, blotches = 0, seam = 0, edge = 0, own = 0, n = e->items.count;
    for (int i = 0; i < e->items.count; i++) {
        const eval_marks *m = &c->mark[i], *real = &e->real.mark[i];
        f.right += m->right;
        sharp += log_ratio(m->sharpness, real->sharpness);
        blotches += log_ratio(m->blotches, real->blotches);
        f.agreement += m->agreement / n;
        f.agreement_mask += m->agreement_mask / n;
        seam += m->seam;
        edge += real->edge;
        own += real->seam;
    }
    f.sharpness = exp(sharp / n);
    f.blotches = exp(blotches / n);
    f.seam = edge > 0 ? seam / edge : 0;
    f.seam_own = own > 0 ? seam / own : 0;
    return f;
}

/* --- table ------------------------------------------------------------------------------------------- */

typedef enum row { COLOUR, SHARPNESS, BLOTCHES, FRECHET, AGREEMENT, AGREEMENT_MASK, SEAM, SEAM_OWN, ROWS } row;

static const struct {
    const char *title, *key, *asked;
} rows[ROWS] = {
    [COLOUR] = {"colour", "colour", ">= 97 of 100"},
    [SHARPNESS] = {"sharpness", "sharpness", "0.6 to 1.3"},
    [BLOTCHES] = {"blotches", "blotches", "0.6 to 1.4"},
    [FRECHET] = {"distance to real cloth", "frechet", "half of before"},
    [AGREEMENT] = {"parser agrees", "agreement", ">= 0.85"},
    [AGREEMENT_MASK] = {"... of the whole mask", "agreement_mask", ""},
    [SEAM] = {"seam", "seam", "0.7 to 1.4"},
    [SEAM_OWN] = {"... to the photos' there", "seam_own", ""},
};

/* NAN: nothing to say; photos have not the colour that is asked for. */
static double value_of(const eval_figures *f, row r, bool real)
{
    const double value[ROWS] = {[COLOUR] = real ? (double)NAN : f->right,
                                [SHARPNESS] = f->sharpness,
                                [BLOTCHES] = f->blotches,
                                [FRECHET] = f->frechet,
                                [AGREEMENT] = f->agreement,
                                [AGREEMENT_MASK] = f->agreement_mask,
                                [SEAM] = f->seam,
                                [SEAM_OWN] = f->seam_own};
    return value[r];
}

static void print_cell(double v, bool count)
{
    if (isnan(v))
        printf(" %12s", "");
    else if (count)
        printf(" %12.0f", v);
    else
        printf(" %12.3f", v);
}

static void print_table(const evaluation *e, const eval_figures *f)
{
    printf("%-24s %-15s", "", "asked");
    for (int c = 0; c < e->columns; c++)
        printf(" %12s", e->column[c].name);
    printf(" %12s\n", "real photos");
    for (row r = 0; r < ROWS; r++) {
        printf("%-24s %-15s", rows[r].title, rows[r].asked);
        for (int c = 0; c <= e->columns; c++)
            print_cell(value_of(&f[c], r, c == e->columns), r == COLOUR);
        printf("\n");
    }
    printf("%d pictures; %lld patches of real cloth, whose two halves are %.3f apart\n", e->items.count,
           (long long)e->reference.patches, e->reference.floor);
}

/* --- JSON -------------------------------------------------------------------------------------------- */

static json_t *as_json(const char *name, const eval_figures *f, bool real)
{
    json_t *j = json_object();
    json_object_set_new(j, "name", json_string(name));
    for (row r = 0; r < ROWS; r++) {
        double v = value_of(f, r, real);
        if (!isnan(v))
            json_object_set_new(j, rows[r].key, r == COLOUR ? json_integer(f->right) : json_real(v));
    }
    return j;
}

static dr_status print_json(const evaluation *e, const eval_figures *f)
{
    json_t *j = json_object(), *models = json_array();
    for (int c = 0; c < e->columns; c++)
        json_array_append_new(models, as_json(e->column[c].name, &f[c], false));
    json_object_set_new(j, "count", json_integer(e->items.count));
    json_object_set_new(j, "models", models);
    json_object_set_new(j, "real", as_json("real photos", &f[e->columns], true));
    json_object_set_new(j, "frechet_floor", json_real(e->reference.floor));
    json_object_set_new(j, "real_patches", json_integer(e->reference.patches));
    char *text = json_dumps(j, JSON_INDENT(2) | JSON_REAL_PRECISION(5));
    json_decref(j);
    if (!text)
        return dr_fail(DR_ENOMEM, "out of memory");
    puts(text);
    free(text);
    return DR_OK;
}

dr_status eval_report(const evaluation *e)
{
    eval_figures f[EVAL_COLUMNS + 1];
    for (int c = 0; c < e->columns; c++)
        f[c] = eval_sum_up(e, &e->column[c]);
    f[e->columns] = eval_sum_up(e, &e->real);
    if (e->json)
        return print_json(e, f);
    print_table(e, f);
    return DR_OK;
}

/* --- sheet ------------------------------------------------------------------------------------------- */

bool eval_on_sheet(const evaluation *e, int i)
{
    int64_t all = e->items.count, n = e->sheet_count < all ? e->sheet_count : all;
    return e->sheet && (i + 1) * n / all > i * n / all; /* evenly among all */
}

/* The photo, then every model's picture; several garments in a row. */
dr_status eval_write_sheet(const evaluation *e)
{
    enum { ACROSS = 12 };
    int each = 1 + e->columns, n = 0;
    dr_image sheet = {0}, *tile = calloc((size_t)(e->items.count * each), sizeof *tile);
    if (!tile)
        return dr_fail(DR_ENOMEM, "out of memory");
    for (int i = 0; i < e->items.count; i++) {
        if (!eval_on_sheet(e, i))
            continue;
        tile[n++] = e->items.item[i].photo; /* lent, as are the others */
        for (int c = 0; c < e->columns; c++)
            tile[n++] = e->column[c].tile[i];
    }
    int columns = ACROSS / each > 0 ? ACROSS / each * each : each;
    dr_status st = dr_contact_sheet(&sheet, tile, n, columns, EVAL_SIZE);
    if (!st)
        st = dr_image_write(&sheet, e->sheet, NULL);
    dr_image_clear(&sheet);
    free(tile);
    return st;
}
