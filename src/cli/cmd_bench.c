/* drape bench: how long each stage of a model takes here, after a first run that packs weights and measures. */
#include "base/progress.h"
#include "base/threads.h"
#include "cli/commands.h"
#include "ops/cpu/isa.h"
#include "pipeline/parser.h"
#include "tryon/engine.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_RUNS 100

typedef struct bench {
    dr_engine engine;
    dr_parser parser; /* in place of the engine when --model is a clothes parser */
    dr_image photo;
    int width, height, runs;
    bool json, quiet;
    float *rgb, *moments, *latents, *in, *out;
    json_t *report;
} bench;

static dr_status stage_text(bench *b, int i)
{
    char prompt[32]; /* another prompt each time: the engine remembers the last one */
    snprintf(prompt, sizeof prompt, "t-shirt %d", i);
    return dr_engine_text(&b->engine, prompt, "", false, 0);
}

static dr_status stage_encode(bench *b, int i)
{
    (void)i;
    return dr_engine_encode(&b->engine, b->rgb, b->height, b->width, b->moments);
}

static dr_status stage_decode(bench *b, int i)
{
    (void)i;
    return dr_engine_decode(&b->engine, b->latents, b->height, b->width, b->rgb);
}

static dr_status stage_unet(bench *b, int i)
{
    int f = dr_vae_factor(&b->engine.vae_config);
    dr_status st = b->engine.context ? DR_OK : stage_text(b, 0);
    if (!st && i < 0) /* the UNet alone, as in a try-on */
        dr_text_unload(&b->engine.text);
    return st ? st
              : dr_engine_predict(&b->engine, b->in, 500, b->engine.context, 2, b->height / f, b->width / f, b->out);
}

static dr_status stage_parser(bench *b, int i)
{
    (void)i;
    dr_image labels = {0};
    if (!b->parser.loaded)
        return dr_fail(DR_EINVAL, "a pipeline has no stage 'parser': give --model the folder of a clothes parser");
    dr_status st = dr_parser_run(&b->parser, &b->photo, dr_cli_interrupted, NULL, &labels);
    dr_image_clear(&labels);
    return st;
}

static const struct {
    const char *name, *what;
    dr_status (*run)(bench *b, int i);
} stages[] = {
    {"text", "text encoder, batch 2", stage_text}, {"vae-encode", "VAE encode", stage_encode},
    {"unet", "guided UNet step", stage_unet},      {"vae-decode", "VAE decode", stage_decode},
    {"parser", "photo to labels", stage_parser},
};

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static dr_status run_stage(bench *b, size_t s)
{
    double t[MAX_RUNS], t0 = dr_now();
    dr_status st = stages[s].run(b, -1);
    double first = dr_now() - t0;
    for (int i = 0; !st && i < b->runs; i++) {
        t0 = dr_now();
        st = dr_cli_interrupted(NULL) ? dr_fail(DR_ECANCELLED, "interrupted") : stages[s].run(b, i);
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
    if (!b->parser.loaded)
        dr_engine_release(&b->engine);
    return DR_OK;
}

static bool wanted(const char *list, const char *name)
{
    size_t n = strlen(name);
    for (const char *p = list; *p; p += strcspn(p, ","), p += *p == ',')
        if (strcspn(p, ",") == n && strncmp(p, name, n) == 0)
            return true;
    return false;
}

static dr_status prepare_photo(bench *b)
{
    dr_rng rng;
    dr_status st = dr_image_alloc(&b->photo, b->width, b->height, 3);
    dr_rng_seed(&rng, 0);
    for (size_t i = 0; !st && i < (size_t)b->width * (size_t)b->height * 3; i++)
        b->photo.data[i] = (uint8_t)dr_rng_u32(&rng);
    return st;
}

static dr_status prepare(bench *b)
{
    const dr_engine *e = &b->engine;
    if (b->parser.loaded)
        return prepare_photo(b);
    int f = dr_vae_factor(&e->vae_config);
    if (b->width % f || b->height % f)
        return dr_fail(DR_EINVAL, "the size %dx%d is not a multiple of %d, which this model needs", b->width, b->height,
                       f);
    size_t pixels = (size_t)b->width * (size_t)b->height, cells = pixels / (size_t)(f * f);
    size_t n = cells * (size_t)e->vae_config.latent, in = cells * (size_t)e->unet_config.in;
    dr_rng rng;
    b->rgb = malloc(3 * pixels * sizeof(float));
    b->moments = malloc(2 * n * sizeof(float));
    b->latents = malloc(n * sizeof(float));
    b->in = malloc(in * sizeof(float));
    b->out = malloc(2 * n * sizeof(float));
    if (!b->rgb || !b->moments || !b->latents || !b->in || !b->out)
        return dr_fail(DR_ENOMEM, "out of memory");
    dr_rng_seed(&rng, 0);
    dr_rng_normal(&rng, b->rgb, 3 * pixels);
    dr_rng_normal(&rng, b->latents, n);
    dr_rng_normal(&rng, b->in, in);
    return DR_OK;
}

static int bench_all(bench *b, const char *list)
{
    dr_status st = prepare(b);
    b->report = json_array();
    if (!b->json)
        printf("%s, %d threads, %dx%d\n", dr_cpu_name(), dr_threads(), b->width, b->height);
    for (size_t s = 0; !st && s < sizeof stages / sizeof *stages; s++)
        if (wanted(list, stages[s].name))
            st = run_stage(b, s);
    if (b->json && !st) {
        json_t *j = json_pack("{s:s, s:i, s:i, s:i, s:O}", "cpu", dr_cpu_name(), "threads", dr_threads(), "width",
                              b->width, "height", b->height, "stages", b->report);
        json_dumpf(j, stdout, JSON_INDENT(1));
        putchar('\n');
        json_decref(j);
    }
    json_decref(b->report);
    free(b->rgb);
    free(b->moments);
    free(b->latents);
    free(b->in);
    free(b->out);
    dr_image_clear(&b->photo);
    return st ? dr_cli_fail(&dr_cmd_bench, st) : 0;
}

/* A parser has one stage, a whole photo. */
static int bench_parser(bench *b, const char *model, dr_precision precision)
{
    dr_status st = dr_parser_load(&b->parser, model);
    if (st)
        return dr_cli_fail(&dr_cmd_bench, st);
    b->parser.precision = precision;
    int bad = bench_all(b, "parser");
    dr_parser_unload(&b->parser);
    return bad;
}

static int run(int argc, char **argv)
{
    static bench b; /* too large for the stack */
    b.runs = 3;
    dr_source_options other = {0};
    const char *model = NULL, *list = "text,vae-encode,unet,vae-decode", *how = "exact";
    int size[2] = {512, 512}, threads = 0;
    const dr_opt opts[] = {
        {"model", DR_OPT_STRING, &model, "DIR|FILE", "pipeline folder or single file, or a clothes parser's folder",
         .required = true},
        {"tokenizer", DR_OPT_STRING, &other.tokenizer, "DIR", "folder of another vocabulary",
         .shown_default = "the model's; for a file CLIP's"},
        {"size", DR_OPT_SIZE, size, NULL, "size of the picture", .shown_default = "512x512"},
        {"stages", DR_OPT_STRING, &list, "LIST", "any of text,vae-encode,unet,vae-decode"},
        {"runs", DR_OPT_INT, &b.runs, "N", "counted runs of each, after one that is not", 1, MAX_RUNS},
        {"precision", DR_OPT_CHOICE, &how, "exact|auto", "auto: bf16 products where this CPU gains by it"},
        {"threads", DR_OPT_INT, &threads, "N", "threads to use", 0, 1024, .shown_default = DR_DEFAULT_THREADS},
        {"json", DR_OPT_FLAG, &b.json, NULL, "results as JSON"},
    };
    int bad = dr_opt_parse(&dr_cmd_bench, opts, sizeof opts / sizeof *opts, argc, argv, NULL);
    if (bad)
        return bad < 0 ? 0 : bad;
    dr_set_threads(threads);
    dr_precision precision = strcmp(how, "auto") == 0 ? DR_PRECISION_AUTO : DR_PRECISION_EXACT;
    b.width = size[0];
    b.height = size[1];
    if (dr_is_parser_folder(model))
        return bench_parser(&b, model, precision);
    dr_source *source = NULL;
    dr_status st = dr_source_open(&source, model, &other);
    if (!st)
        st = dr_engine_open(&b.engine, source, NULL, precision, false, NULL);
    bad = st ? dr_cli_fail(&dr_cmd_bench, st) : bench_all(&b, list);
    if (!st)
        dr_engine_close(&b.engine);
    dr_source_close(source);
    return bad;
}

const dr_command dr_cmd_bench = {"bench", "time each stage of a model on this machine",
                                 "--model DIR|FILE [--size 512x512] [--stages text,vae-encode,unet,vae-decode]",
                                 "  drape bench --model sd2-inpainting --stages unet --runs 5\n", run};
