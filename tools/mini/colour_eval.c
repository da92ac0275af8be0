/* mini_colours: does the model paint the colour that was asked for?
 *
 *     mini_colours --model DIR --photos DIR [--output SHEET.png] [--limit N] [--steps N] ...
 *
 * On photos that were never trained on, "a COLOUR GARMENT" is painted into the garment's mask, through the same code as
 * `drape tryon`. A picture is right when, of the eight colours, the one nearest in CIELAB to the mean of the masked
 * region is the one that was asked for. */
#include "drape.h"

#include "base/progress.h"
#include "cli/opt.h"
#include "io/labels.h"
#include "mask/mask_shape.h"
#include "mini/wardrobe.h"
#include "train/sheet.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COLOURS 8
#define GROWN 4 /* pixels around the garment, as an automatic mask has them */

static const struct {
    const char *name;
    uint8_t rgb[3];
} colour[COLOURS] = {{"black", {24, 23, 26}},    {"white", {238, 237, 234}}, {"grey", {130, 130, 132}},
                     {"red", {196, 32, 42}},     {"green", {48, 134, 62}},   {"blue", {40, 84, 180}},
                     {"yellow", {236, 204, 62}}, {"pink", {236, 148, 176}}};

typedef struct evaluation {
    const char *model, *photos, *output;
    int limit, steps, rows, threads;
    double guidance_scale;
    uint64_t seed;
    bool all;
    drape_pipeline *pipeline;
    mini_wardrobe wardrobe;
    int confusion[COLOURS][COLOURS]; /* [asked][seen] */
    dr_image *tile;                  /* [rows][1 + COLOURS] */
} evaluation;

static const char *word_of(uint8_t label)
{
    return label == DR_LABEL_UPPER   ? "top"
           : label == DR_LABEL_DRESS ? "dress"
           : label == DR_LABEL_SKIRT ? "skirt"
                                     : "pants";
}

static int nearest(mini_lab c)
{
    int best = 0;
    for (int i = 1; i < COLOURS; i++)
        if (mini_lab_distance(c, mini_lab_of(colour[i].rgb)) < mini_lab_distance(c, mini_lab_of(colour[best].rgb)))
            best = i;
    return best;
}

/* The garments of one label of a person, grown a little. */
static dr_status mask_of(dr_image *mask, const mini_person *p, uint8_t label)
{
    dr_status st = dr_image_alloc(mask, p->labels.width, p->labels.height, 1);
    for (int64_t i = 0; !st && i < (int64_t)mask->width * mask->height; i++)
        mask->data[i] = p->labels.data[i] == label ? 255 : 0;
    return st ? st : dr_mask_grow(mask, GROWN);
}

static drape_image lend(const dr_image *im)
{
    return (drape_image){.data = im->data, .width = im->width, .height = im->height, .channels = im->channels};
}

static dr_status paint(evaluation *e, const mini_person *p, const dr_image *mask, uint8_t label, int asked,
                       drape_image *out)
{
    char prompt[64];
    drape_tryon_options o = DRAPE_TRYON_DEFAULTS;
    drape_image photo = lend(&p->photo), m = lend(mask);
    bool plural = label == DR_LABEL_PANTS;
    snprintf(prompt, sizeof prompt, "%s%s %s", plural ? "" : "a ", colour[asked].name, word_of(label));
    o.prompt = prompt;
    o.steps = e->steps;
    o.guidance_scale = e->guidance_scale;
    o.seed = e->seed;
    drape_pipeline_advise(e->pipeline, &o);
    return (dr_status)drape_tryon(e->pipeline, &photo, &m, &o, out);
}

static void judge(evaluation *e, const drape_image *painted, const dr_image *mask, int asked)
{
    dr_image im = {.data = painted->data, .width = painted->width, .height = painted->height, .channels = 3};
    e->confusion[asked][nearest(mini_look_of(&im, mask, 255).mean)]++;
}

static dr_status keep_tile(evaluation *e, int row, int column, const dr_image *im)
{
    if (row >= e->rows)
        return DR_OK;
    return dr_image_crop(&e->tile[row * (1 + COLOURS) + column], im, 0, 0, im->width, im->height);
}

static dr_status do_garment(evaluation *e, const mini_person *p, uint8_t label, int row)
{
    dr_image mask = {0};
    dr_status st = mask_of(&mask, p, label);
    if (!st)
        st = keep_tile(e, row, 0, &p->photo);
    for (int c = 0; !st && c < COLOURS; c++) {
        drape_image out = {0};
        if (!e->all && c != row % COLOURS)
            continue;
        st = paint(e, p, &mask, label, c, &out);
        if (!st)
            judge(e, &out, &mask, c);
        if (!st)
            st = keep_tile(e, row, 1 + c,
                           &(dr_image){.data = out.data, .width = out.width, .height = out.height, .channels = 3});
        drape_image_free(&out);
    }
    dr_image_clear(&mask);
    return st;
}

static bool has(const mini_person *p, uint8_t label)
{
    for (int i = 0; i < p->count; i++)
        if (p->garment[i].label == label && p->garment[i].look.pixels)
            return true;
    return false;
}

/* Garments of all photos, one photo after the other. */
static dr_status run(evaluation *e)
{
    static const uint8_t labels[] = {DR_LABEL_UPPER, DR_LABEL_DRESS, DR_LABEL_SKIRT, DR_LABEL_PANTS};
    int done = 0;
    dr_status st = DR_OK;
    dr_progress bar;
    dr_progress_start(&bar, "painting", e->limit, false);
    for (int i = 0; !st && i < e->wardrobe.count; i++)
        for (size_t k = 0; !st && k < sizeof labels && done < e->limit; k++) {
            if (!has(&e->wardrobe.person[i], labels[k]))
                continue;
            st = do_garment(e, &e->wardrobe.person[i], labels[k], done++);
            dr_progress_set(&bar, done, NULL);
        }
    dr_progress_end(&bar);
    return st;
}

static void report(const evaluation *e)
{
    int all = 0, right = 0;
    printf("%-8s", "asked");
    for (int c = 0; c < COLOURS; c++)
        printf(" %6s", colour[c].name);
    printf("  right\n");
    for (int a = 0; a < COLOURS; a++) {
        int n = 0;
        printf("%-8s", colour[a].name);
        for (int c = 0; c < COLOURS; c++) {
            n += e->confusion[a][c];
            printf(" %6d", e->confusion[a][c]);
        }
        printf("  %5.1f %%\n", n ? 100.0 * e->confusion[a][a] / n : 0);
        all += n;
        right += e->confusion[a][a];
    }
    printf("right in %d of %d pictures: %.1f %%\n", right, all, all ? 100.0 * right / all : 0);
}

static dr_status evaluate(evaluation *e)
{
    drape_load_options load = {.keep_models = true};
    int tiles = e->rows * (1 + COLOURS);
    drape_set_threads(e->threads);
    e->tile = calloc((size_t)tiles + 1, sizeof *e->tile);
    dr_status st = e->tile ? mini_wardrobe_open(&e->wardrobe, e->photos, NULL, true, 0) : DR_ENOMEM;
    if (!st)
        st = (dr_status)drape_pipeline_load(&e->pipeline, e->model, &load);
    if (!st)
        st = run(e);
    if (!st)
        report(e);
    dr_image sheet = {0};
    if (!st && e->output)
        st = dr_contact_sheet(&sheet, e->tile, tiles, 1 + COLOURS, 192);
    if (!st && e->output)
        st = dr_image_write(&sheet, e->output, NULL);
    dr_image_clear(&sheet);
    for (int i = 0; e->tile && i < tiles; i++)
        dr_image_clear(&e->tile[i]);
    free(e->tile);
    drape_pipeline_free(e->pipeline);
    mini_wardrobe_clear(&e->wardrobe);
    return st;
}

int main(int argc, char **argv)
{
    const dr_command cmd = {.name = "mini_colours",
                            .summary = "how often the small model paints the colour that was asked for",
                            .usage = "--model DIR --photos DIR [options]",
                            .example = "  mini_colours --model models/mini --photos photos --output sheet.png\n"};
    evaluation e = {.limit = 100, .rows = 12, .guidance_scale = -1};
    const dr_opt opts[] = {
        {"model", DR_OPT_STRING, &e.model, "DIR", "pipeline folder", .required = true},
        {"photos", DR_OPT_STRING, &e.photos, "DIR", "photos, tags and labels, see wardrobe.h", .required = true},
        {"output", DR_OPT_STRING, &e.output, "FILE", "a sheet: photos, and what was painted"},
        {"rows", DR_OPT_INT, &e.rows, "N", "of the sheet", 1, 200},
        {"limit", DR_OPT_INT, &e.limit, "N", "garments", 1, 10000},
        {"all-colours", DR_OPT_FLAG, &e.all, NULL, "each garment in all eight colours instead of one in turn"},
        {"steps", DR_OPT_INT, &e.steps, "N", "denoising steps", 1, 1000, .shown_default = "as suits the model"},
        {"guidance-scale", DR_OPT_DOUBLE, &e.guidance_scale, "X", "how closely to follow the prompt", 0, 100,
         .shown_default = "as suits the model"},
        {"seed", DR_OPT_U64, &e.seed, "N", "of the noise"},
        {"threads", DR_OPT_INT, &e.threads, "N", "0: as many as cores", 0, 1024},
    };
    int rc = dr_opt_parse(&cmd, opts, sizeof opts / sizeof *opts, argc, argv, NULL);
    if (rc)
        return rc < 0 ? 0 : rc;
    dr_status st = evaluate(&e);
    return st ? dr_cli_fail(&cmd, st) : 0;
}
