/* drape bench: how long each stage of a model takes here, after a first run that packs weights and measures. */
#include "base/progress.h"
#include "cli/commands.h"
#include "cli/preset.h"
#include "drape.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_RUNS 100

typedef struct bench {
    drape_stages *stages;
    int width, height, runs;
    bool json;
    json_t *report;
} bench;

static const struct {
    const char *name, *what;
} stages[] = {
    {"text", "text encoder, batch 2"}, {"vae-encode", "VAE encode"},  {"unet", "guided UNet step"},
    {"vae-decode", "VAE decode"},      {"parser", "photo to labels"},
};

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static drape_status run_stage(bench *b, size_t s)
{
    double t[MAX_RUNS], t0 = dr_now();
    drape_status st = drape_stages_run(b->stages, stages[s].name);
    double first = dr_now() - t0;
    for (int i = 0; !st && i < b->runs; i++) {
        t0 = dr_now();
        st = drape_stages_run(b->stages, stages[s].name);
        t[i] = dr_now() - t0;
    }
    if (st)
        return st;
    qsort(t, (size_t)b->runs, sizeof *t, compare_doubles);
    double median = b->runs % 2 ? t[b->runs / 2] : (t[b->runs / 2 - 1] + t[b->runs / 2]) / 2;
    double peak = (double)dr_rss_peak() / (1 << 30), now = (double)dr_rss_now() / (1 << 30);
    if (b->json)
        json_array_append_new(b->report, json_pack("{s:s, s:f, s:f, s:f, s:i, s:f, s:f}", "stage", stages[s].name,
                                                   "median_s", median, "min_s", t[0], "first_s", first, "runs", b->runs,
                                                   "rss_gib", now, "peak_gib", peak));
    else
        printf("%-28s median %8.3f s  min %8.3f s  first %8.3f s  resident %5.2f GiB  peak %5.2f GiB\n", stages[s].what,
               median, t[0], first, now, peak);
    fflush(stdout);
    drape_stages_release(b->stages);
    return DRAPE_OK;
}

static bool wanted(const char *list, const char *name)
{
    size_t n = strlen(name);
    for (const char *p = list; *p; p += strcspn(p, ","), p += *p == ',')
        if (strcspn(p, ",") == n && strncmp(p, name, n) == 0)
            return true;
    return false;
}

static int bench_all(bench *b, const char *list)
{
    drape_machine machine;
    drape_status st = DRAPE_OK;
    drape_machine_info(&machine);
    b->report = json_array();
    if (!b->json)
        printf("%s, %d threads, %dx%d\n", machine.cpu, machine.threads, b->width, b->height);
    for (size_t s = 0; !st && s < sizeof stages / sizeof *stages; s++)
        if (wanted(list, stages[s].name))
            st = run_stage(b, s);
    if (b->json && !st) {
        json_t *j = json_pack("{s:s, s:i, s:i, s:i, s:O}", "cpu", machine.cpu, "threads", machine.threads, "width",
                              b->width, "height", b->height, "stages", b->report);
        json_dumpf(j, stdout, JSON_INDENT(1));
        putchar('\n');
        json_decref(j);
    }
    json_decref(b->report);
    return st ? dr_cli_fail(&dr_cmd_bench, (int)st) : 0;
}

static int run(int argc, char **argv)
{
    bench b = {.runs = 3};
    drape_load_options o = {0};
    const char *model = NULL, *list = "text,vae-encode,unet,vae-decode", *how = "exact", *weights = "file";
    int size[2] = {512, 512}, threads = 0;
    const dr_opt opts[] = {
        {"model", DR_OPT_STRING, &model, "DIR|FILE", "pipeline folder or single file, or a clothes parser's folder",
         .required = true},
        {"tokenizer", DR_OPT_STRING, &o.tokenizer, "DIR", "folder of another vocabulary",
         .shown_default = "the model's; for a file CLIP's"},
        {"size", DR_OPT_SIZE, size, NULL, "size of the picture", .shown_default = "512x512"},
        {"stages", DR_OPT_STRING, &list, "LIST", "any of text,vae-encode,unet,vae-decode"},
        {"runs", DR_OPT_INT, &b.runs, "N", "counted runs of each, after one that is not", 1, MAX_RUNS},
        {"precision", DR_OPT_CHOICE, &how, DR_CLI_PRECISIONS, DR_CLI_PRECISION_HELP},
        {"weights", DR_OPT_CHOICE, &weights, "file|q8", "in memory as in the files, or in 8 bits"},
        {"threads", DR_OPT_INT, &threads, "N", "threads to use", 0, 1024, .shown_default = DR_DEFAULT_THREADS},
        {"json", DR_OPT_FLAG, &b.json, NULL, "results as JSON"},
    };
    int bad = dr_opt_parse(&dr_cmd_bench, opts, sizeof opts / sizeof *opts, argc, argv, NULL);
    if (bad)
        return bad < 0 ? 0 : bad;
    drape_set_threads(threads);
    b.width = size[0];
    b.height = size[1];
    o.precision = dr_cli_precision(how, DRAPE_PRESET_EXACT);
    o.weights = strcmp(weights, "q8") == 0 ? DRAPE_WEIGHTS_Q8 : DRAPE_WEIGHTS_FILE;
    drape_status st = drape_stages_open(&b.stages, model, b.width, b.height, &o, dr_cli_interrupted, NULL);
    if (st)
        return dr_cli_fail(&dr_cmd_bench, (int)st);
    const char *all = drape_stages_names(b.stages);
    bad = bench_all(&b, strcmp(all, "parser") == 0 ? all : list); /* a parser has one stage, a whole photo */
    drape_stages_free(b.stages);
    return bad;
}

const dr_command dr_cmd_bench = {"bench", "time each stage of a model on this machine",
                                 "--model DIR|FILE [--size 512x512] [--stages text,vae-encode,unet,vae-decode]",
                                 "  drape bench --model sd2-inpainting --stages unet --runs 5\n", run};
