/* mini_eval: how the small model's pictures look (eval.h).
 *
 *     mini_eval --photos DATA --model DIR [--against DIR ...] [--count N] [--sheet SHEET.png] [--json]
 *     mini_eval --photos DATA --model DIR --fewshot SETS --work DIR */
#include "mini/eval.h"

#include "base/progress.h"
#include "cli/opt.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- columns ----------------------------------------------------------------------------------------- */

/* The last folders of a path. */
static const char *short_name(const char *path)
{
    size_t n = strlen(path), most = 12;
    return n <= most ? path : path + n - most;
}

static dr_status add_column(evaluation *e, eval_way way, const char *name, const eval_painter *like, const char *dir)
{
    if (e->columns == EVAL_COLUMNS)
        return dr_fail(DR_EINVAL, "more than %d models and controls in one run", EVAL_COLUMNS);
    eval_column *c = &e->column[e->columns++];
    c->painter = *like;
    c->painter.way = way;
    c->painter.dir = dir;
    snprintf(c->name, sizeof c->name, "%s", name);
    return DR_OK;
}

static dr_status alloc_column(eval_column *c, int items)
{
    c->mark = calloc((size_t)items, sizeof *c->mark);
    c->tile = calloc((size_t)items, sizeof *c->tile);
    return c->mark && c->tile ? DR_OK : dr_fail(DR_ENOMEM, "out of memory");
}

static void clear_column(eval_column *c, int items)
{
    for (int i = 0; c->tile && i < items; i++)
        dr_image_clear(&c->tile[i]);
    free(c->tile);
    free(c->mark);
    mini_samples_clear(&c->patches);
}

/* --- the loop ---------------------------------------------------------------------------------------- */

static dr_status do_item(evaluation *e, eval_column *c, int i)
{
    const eval_item *it = &e->items.item[i];
    dr_image picture = {0};
    dr_status st = eval_paint(&c->painter, it, &picture);
    if (!st)
        st = eval_mark(&c->mark[i], &c->patches, &e->parser, it, &picture);
    if (!st && eval_on_sheet(e, i))
        st = eval_closeup(&c->tile[i], &picture, &it->region);
    dr_image_clear(&picture);
    return st;
}

static dr_status do_column(evaluation *e, eval_column *c)
{
    dr_progress bar;
    dr_status st = alloc_column(c, e->items.count);
    dr_progress_start(&bar, c->name, e->items.count, false);
    for (int i = 0; !st && i < e->items.count; i++) {
        st = do_item(e, c, i);
        dr_progress_set(&bar, i + 1, NULL);
    }
    dr_progress_end(&bar);
    eval_painter_close(&c->painter);
    return st ? st : eval_reference_distance(&e->reference, &c->patches, &c->frechet);
}

/* The photos as they are, not even framed and pasted. */
static dr_status do_real(evaluation *e)
{
    eval_column *c = &e->real;
    dr_status st = alloc_column(c, e->items.count);
    for (int i = 0; !st && i < e->items.count; i++)
        st = eval_mark(&c->mark[i], &c->patches, &e->parser, &e->items.item[i], &e->items.item[i].person->photo);
    return st ? st : eval_reference_distance(&e->reference, &c->patches, &c->frechet);
}

static dr_status evaluate(evaluation *e)
{
    dr_status st = dr_parser_load(&e->parser, e->parser_dir);
    for (int i = 0; !st && i < e->columns; i++) /* what is no model is said before the long work */
        st = eval_painter_open(&e->column[i].painter);
    if (!st && e->sheet && !dr_image_can_write(e->sheet))
        st = dr_fail(DR_EINVAL, "cannot write '%s': the name must end in .png, .jpg, .webp or .tif", e->sheet);
    if (!st)
        st = eval_items_open(&e->items, &e->wardrobe, e->count);
    if (!st)
        st = eval_reference_open(&e->reference, &e->parser, e->photos, e->real_photos);
    if (!st)
        st = do_real(e);
    for (int i = 0; !st && i < e->columns; i++)
        st = do_column(e, &e->column[i]);
    if (!st)
        st = eval_report(e);
    return !st && e->sheet ? eval_write_sheet(e) : st;
}

static void clear(evaluation *e)
{
    for (int i = 0; i < e->columns; i++) {
        eval_painter_close(&e->column[i].painter);
        clear_column(&e->column[i], e->items.count);
    }
    clear_column(&e->real, e->items.count);
    eval_reference_clear(&e->reference);
    eval_items_clear(&e->items);
    dr_parser_unload(&e->parser);
    mini_wardrobe_clear(&e->wardrobe);
}

/* --- options ----------------------------------------------------------------------------------------- */

static dr_status add_columns(evaluation *e, const eval_painter *like, const char *model, const dr_opt_list *against,
                             bool controls)
{
    dr_status st = add_column(e, EVAL_MODEL, short_name(model), like, model);
    for (int i = 0; !st && i < against->count; i++)
        st = add_column(e, EVAL_MODEL, short_name(against->item[i]), like, against->item[i]);
    if (!st && controls)
        st = add_column(e, EVAL_PHOTO, "photos", like, model);
    if (!st && controls)
        st = add_column(e, EVAL_RECOLOURED, "recoloured", like, model);
    return !st && controls ? add_column(e, EVAL_VAE, "VAE alone", like, model) : st;
}

int main(int argc, char **argv)
{
    const dr_command cmd = {.name = "mini_eval",
                            .summary = "how the small model's pictures look, next to real cloth",
                            .usage = "--photos DATA --model DIR [--against DIR ...] [options]",
                            .example =
                                "  mini_eval --photos photos --model new --against models/mini --sheet look.png\n"
                                "  mini_eval --photos photos --model new --fewshot garments --work taught\n"};
    evaluation e = {.count = 100, .sheet_count = 40, .real_photos = 150, .parser_dir = "models/mini/parser"};
    eval_painter painter = {.guidance_scale = -1};
    eval_fewshot few = {.steps = 150, .batch = 4, .photos = 4, .learning_rate = 2e-4};
    dr_opt_list against = {0};
    bool controls = false;
    int threads = 0;
    const dr_opt opts[] = {
        {"photos", DR_OPT_STRING, &e.photos, "DATA", "photos, tags and labels, see wardrobe.h", .required = true},
        {"model", DR_OPT_STRING, &few.model, "DIR", "pipeline folder", .required = true},
        {"against", DR_OPT_LIST, &against, "DIR", "another model, judged in the same run"},
        {"count", DR_OPT_INT, &e.count, "N", "garments, at most", 1, 10000},
        {"parser", DR_OPT_STRING, &e.parser_dir, "DIR", "clothes parser"},
        {"real-photos", DR_OPT_INT, &e.real_photos, "N", "whose cloth is compared with", 2, 100000},
        {"controls", DR_OPT_FLAG, &controls, NULL,
         "judge the photos themselves as well: as they are, recoloured, and through the model's VAE alone"},
        {"sheet", DR_OPT_STRING, &e.sheet, "FILE", "close-ups: photos, and what was painted"},
        {"sheet-count", DR_OPT_INT, &e.sheet_count, "N", "garments on the sheet", 1, 200},
        {"json", DR_OPT_FLAG, &e.json, NULL, "figures as JSON"},
        {"steps", DR_OPT_INT, &painter.steps, "N", "denoising steps", 1, 1000, .shown_default = "as suits the model"},
        {"guidance-scale", DR_OPT_DOUBLE, &painter.guidance_scale, "X", "how closely to follow the prompt", 0, 100,
         .shown_default = "as suits the model"},
        {"seed", DR_OPT_U64, &painter.seed, "N", "of the noise"},
        {"threads", DR_OPT_INT, &threads, "N", "0: as many as cores", 0, 1024},
        {"Taught garments", DR_OPT_HEADING, NULL, NULL, NULL},
        {"fewshot", DR_OPT_STRING, &few.sets, "DIR", "folders with images/ and masks/: teach each, judge that alone"},
        {"work", DR_OPT_STRING, &few.work, "DIR", "where taught models and their pictures go"},
        {"train-steps", DR_OPT_INT, &few.steps, "N", "of teaching", 1, 100000},
        {"train-batch-size", DR_OPT_INT, &few.batch, "N", "photos a step", 1, 64},
        {"learning-rate", DR_OPT_DOUBLE, &few.learning_rate, "X", "of teaching", 0, 1},
        {"fewshot-photos", DR_OPT_INT, &few.photos, "N", "dressed, of the garment's own and of the others each", 1,
         100},
    };
    int rc = dr_opt_parse(&cmd, opts, sizeof opts / sizeof *opts, argc, argv, NULL);
    if (rc)
        return rc < 0 ? 0 : rc;
    if (!few.sets != !few.work)
        return dr_usage_error(&cmd, "--fewshot and --work belong together");
    few.seed = painter.seed;
    few.json = e.json;
    drape_set_threads(threads);
    dr_status st = add_columns(&e, &painter, few.model, &against, controls);
    if (!st)
        st = mini_wardrobe_open(&e.wardrobe, e.photos, NULL, true, 0);
    if (!st)
        st = few.sets ? eval_fewshot_run(&few, &e.wardrobe) : evaluate(&e);
    clear(&e);
    dr_opt_list_free(&against);
    return st ? dr_cli_fail(&cmd, st) : 0;
}
