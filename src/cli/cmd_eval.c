/* drape eval: on the public API alone, like any other program. */
#include "base/file.h"
#include "base/json.h"
#include "base/path.h"
#include "base/progress.h"
#include "base/threads.h"
#include "cli/commands.h"
#include "cli/eval_grid.h"
#include "cli/eval_page.h"
#include "cli/opt_table.h"
#include "drape.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct eval_cli {
    drape_eval_options o;
    const char *html, *sort;
    bool json, quiet;
    int threads;
    dr_grid grid;
    dr_progress bar;
    bool started;
} eval_cli;

/* --- while it works ------------------------------------------------------------------------------------ */

static void progress(void *user, const char *name, int done, int total)
{
    eval_cli *c = user;
    if (!c->started)
        dr_progress_start(&c->bar, "judging", total, c->quiet);
    c->started = true;
    dr_progress_set(&c->bar, done, name);
}

static void note(void *user, const char *text)
{
    (void)user;
    fprintf(stderr, "drape eval: warning: %s\n", text);
}

/* --- what came of it ----------------------------------------------------------------------------------- */

static void print_number(const json_t *v)
{
    if (json_is_number(v))
        printf(" %10.5g", json_number_value(v));
    else
        printf(" %10s", "-");
}

static void print_summary(const json_t *report)
{
    static const char *const key[] = {"mean", "median", "deviation", "least", "most"};
    const char *name;
    json_t *s;
    printf("%-30s %10s %10s %10s %10s %10s %5s\n", "", key[0], key[1], key[2], key[3], key[4], "of");
    json_object_foreach(json_object_get(report, "summary"), name, s)
    {
        const drape_eval_metric *m = drape_eval_metric_at(drape_eval_metric_index(name));
        char title[64];
        snprintf(title, sizeof title, "%s%s%s%s", name, m->unit[0] ? " (" : "", m->unit, m->unit[0] ? ")" : "");
        printf("%-30s", title);
        for (int k = 0; k < 5; k++)
            print_number(json_object_get(s, key[k]));
        printf(" %5lld\n", (long long)dr_json_whole(s, "count"));
    }
}

static void tell_odd(const eval_cli *c, const json_t *report)
{
    enum { MOST = 20 };
    size_t i;
    const json_t *item, *missing = json_object_get(report, "missing");
    json_array_foreach(json_object_get(report, "failed"), i, item)
        fprintf(stderr, "drape eval: %s: %s\n", dr_json_text(item, "name"), dr_json_text(item, "error"));
    json_array_foreach(missing, i, item) if (i < MOST)
        fprintf(stderr, "drape eval: warning: '%s' of %s is without: %s\n", dr_json_text(item, "file"),
                dr_json_text(item, "in"), dr_json_text(item, "missing"));
    if (json_array_size(missing) > MOST)
        fprintf(stderr, "drape eval: warning: and %zu more without a partner: --json has them all\n",
                json_array_size(missing) - MOST);
    if (!c->quiet && dr_json_whole(report, "reused"))
        fprintf(stderr, "%lld of %zu were found by an earlier run\n", (long long)dr_json_whole(report, "reused"),
                json_array_size(json_object_get(report, "pairs")));
}

static int tell(const eval_cli *c, json_t *report)
{
    const char *key = c->sort ? c->sort : dr_eval_sort_key(report);
    tell_odd(c, report);
    if (c->json) {
        json_dumpf(report, stdout, JSON_INDENT(1) | JSON_REAL_PRECISION(10));
        putchar('\n');
    } else {
        print_summary(report);
    }
    dr_eval_sort(report, key);
    dr_status st = c->html ? dr_eval_write_page(report, key, c->html) : DR_OK;
    if (st)
        return dr_cli_fail(&dr_cmd_eval, (int)st);
    return json_array_size(json_object_get(report, "failed")) ? DR_EXIT_FAILED : 0;
}

static int judge(eval_cli *c)
{
    char *text = NULL;
    json_t *report = NULL;
    drape_status st = drape_eval(&c->o, &text);
    if (c->started)
        dr_progress_end(&c->bar);
    if (st == DRAPE_ECANCELLED && !c->quiet)
        fprintf(stderr, "drape eval: %s\n", drape_error());
    if (!st)
        st = (drape_status)dr_json_parse(text, strlen(text), "the report", &report);
    int rc = st ? dr_cli_fail(&dr_cmd_eval, (int)st) : tell(c, report);
    json_decref(report);
    free(text);
    return rc;
}

static int list_metrics(void)
{
    const drape_eval_metric *m;
    for (int i = 0; (m = drape_eval_metric_at(i)); i++)
        printf("%-30s %-11s %-5s %s%s%s%s\n", m->name, m->group,
               m->better > 0   ? "more"
               : m->better < 0 ? "less"
                               : "one",
               m->help, m->unit[0] ? " (" : "", m->unit, m->unit[0] ? ")" : "");
    return 0;
}

/* --- options ------------------------------------------------------------------------------------------- */

#define AT(field) offsetof(eval_cli, field)
static const dr_own own[] = {
    {"cache", NULL, 0, {"", DR_OPT_HEADING, NULL, NULL, "report:"}},
    {"cache", NULL, AT(json), {"json", DR_OPT_FLAG, NULL, NULL, "all numbers as JSON on standard output"}},
    {"cache",
     NULL,
     AT(html),
     {"html", DR_OPT_STRING, NULL, "FILE", "a page with the pictures in it, the worst first", .shown_default = ""}},
    {"cache",
     NULL,
     AT(sort),
     {"sort", DR_OPT_STRING, NULL, "METRIC", "what the page is sorted by",
      .shown_default = "LPIPS, SSIM or PSNR, whichever there is"}},
    {"cache", NULL, 0, {"", DR_OPT_HEADING, NULL, NULL, "or a grid, to choose by eye and by numbers:"}},
    {"cache",
     NULL,
     AT(grid.dir),
     {"grid", DR_OPT_STRING, NULL, "DIR",
      "paint one photo with all checkpoints, scales and seeds: a sheet and the pictures; what is there is not made "
      "anew",
      .shown_default = ""}},
    {"cache",
     NULL,
     AT(grid.checkpoints),
     {"checkpoint", DR_OPT_LIST, NULL, "DIR|FILE",
      "a model, an adapter, or what a training left on the way; may be given again", .shown_default = ""}},
    {"cache",
     NULL,
     AT(grid.model),
     {"model", DR_OPT_STRING, NULL, "DIR|FILE", "what adapters and parts of models belong to",
      .shown_default = "the small one; of a part the folder around it"}},
    {"cache", NULL, AT(grid.image), {"image", DR_OPT_STRING, NULL, "PHOTO", "of a person", .shown_default = ""}},
    {"cache",
     NULL,
     AT(grid.mask),
     {"mask", DR_OPT_STRING, NULL, "MASK", "white where the garment goes; auto, auto:lower and so on make one"}},
    {"cache", NULL, AT(grid.prompt), {"prompt", DR_OPT_STRING, NULL, "TEXT", "the garment", .shown_default = ""}},
    {"cache",
     NULL,
     AT(grid.garments),
     {"garment", DR_OPT_LIST, NULL, "PHOTO", "its photo: colour and pattern are measured", .shown_default = ""}},
    {"cache",
     NULL,
     AT(grid.reference_photo),
     {"reference-photo", DR_OPT_STRING, NULL, "PHOTO", "how the person should look, to measure against",
      .shown_default = ""}},
    {"cache",
     NULL,
     AT(grid.guidance),
     {"guidance-scale", DR_OPT_STRING, NULL, "X,Y", "one or several, with commas between"}},
    {"cache", NULL, AT(grid.seed), {"seed", DR_OPT_U64, NULL, "N", "of the first picture"}},
    {"cache",
     NULL,
     AT(grid.num_images),
     {"num-images", DR_OPT_INT, NULL, "N", "pictures of each, with seeds N, N+1, ...", 1, 100}},
    {"cache",
     NULL,
     AT(grid.steps),
     {"steps", DR_OPT_INT, NULL, "N", "denoising steps", 1, 1000, .shown_default = "as suits the model"}},
    {"cache", NULL, 0, {"", DR_OPT_HEADING, NULL, NULL, "running:"}},
    {"cache",
     NULL,
     AT(threads),
     {"threads", DR_OPT_INT, NULL, "N", "threads to use", 0, 1024, .shown_default = DR_DEFAULT_THREADS}},
    {"cache", NULL, AT(quiet), {"quiet|q", DR_OPT_FLAG, NULL, NULL, "no progress"}},
};

static int check(const eval_cli *c)
{
    char folder[PATH_MAX];
    if (!c->o.results || !c->o.reference)
        return dr_usage_error(&dr_cmd_eval, "%s is missing: a folder of pictures",
                              c->o.results ? "--reference" : "--results");
    if (c->sort && drape_eval_metric_index(c->sort) < 0)
        return dr_usage_error(&dr_cmd_eval, "--sort is '%.60s', which is no metric: '--metrics help' lists them",
                              c->sort);
    if (c->html && !dr_path_folder(folder, sizeof folder, c->html) && !dr_is_dir(folder)) /* before the long work */
        return dr_cli_fail(&dr_cmd_eval, dr_fail(DR_ENOENT, "--html '%s': there is no folder '%s'", c->html, folder));
    return 0;
}

static int work(eval_cli *c)
{
    if (c->o.metrics && strcmp(c->o.metrics, "help") == 0)
        return list_metrics();
    c->o.callbacks = (drape_eval_callbacks){c, progress, note, dr_cli_interrupted};
    dr_set_threads(c->threads);
    if (c->grid.dir) {
        c->grid.json = c->json;
        c->grid.quiet = c->quiet;
        c->grid.parser = c->o.parser;
        return dr_grid_run(&c->grid, &dr_cmd_eval);
    }
    int bad = check(c);
    return bad ? bad : judge(c);
}

static int run(int argc, char **argv)
{
    eval_cli c = {.grid = {.mask = "auto", .guidance = "7.5", .num_images = 1}};
    dr_opt_set s;
    dr_opt_list rest = {0};
    drape_eval_defaults(&c.o);
    dr_opt_table(&s, drape_eval_option, &c.o, own, sizeof own / sizeof *own, &c);
    int rc = dr_opt_parse(&dr_cmd_eval, s.opt, s.count, argc, argv, &rest);
    if (rc == 0 && rest.count)
        rc = dr_usage_error(&dr_cmd_eval, "'%.100s' is no option", rest.item[0]);
    if (rc == 0)
        rc = work(&c);
    dr_opt_list_free(&rest);
    dr_grid_free(&c.grid);
    return rc < 0 ? 0 : rc;
}

const dr_command dr_cmd_eval = {
    "eval", "judge results by numbers: how like a reference, how well the garment is worn",
    "--results DIR --reference DIR [--masks DIR] [--garments DIR] [options]",
    "  drape eval --results out/ --reference photos/ --masks masks/ --html judged.html\n"
    "  drape eval --results out/ --reference photos/ --metrics psnr,ssim --json\n"
    "  drape eval --grid grid/ --checkpoint out/checkpoint-200 --checkpoint out \\\n"
    "      --image person.jpg --prompt \"blue jacket\" --guidance-scale 3,7.5 --num-images 3\n",
    run};
