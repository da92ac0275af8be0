/* drape tryon: on the public API alone, like any other program. */
#include "base/choice.h"
#include "base/progress.h"
#include "base/threads.h"
#include "cli/commands.h"
#include "cli/embeddings.h"
#include "cli/files.h"
#include "cli/loras.h"
#include "cli/mask_words.h"
#include "cli/opt_table.h"
#include "drape.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

typedef struct tryon_cli {
    const char *model, *vae, *tokenizer, *output, *save_mask, *region, *precision, *weights, *parser_dir;
    dr_opt_list images, masks, loras, embeddings;
    int num_images, threads, size[2];
    bool ema, quiet, json;
    drape_tryon_options o;
    drape_mask_options mask;
    /* while running */
    dr_progress bar;
    bool bar_open;
    const char *preview_path;
    bool begun;           /* the models are at work on a picture */
    bool at_fault;        /* a model failed, which it would do for every photo */
    bool warned;          /* of this photo */
    drape_parser *parser; /* for automatic masks */
    json_t *report;
} tryon_cli;

/* --- callbacks ---------------------------------------------------------------------------------- */

static void on_progress(void *user, drape_stage stage, int done, int total)
{
    static const char *const labels[] = {"reading prompt", "encoding", "denoising", "decoding"};
    tryon_cli *c = user;
    c->begun = true;
    if (done == 0) {
        if (c->bar_open)
            dr_progress_end(&c->bar);
        dr_progress_start(&c->bar, labels[stage], total, c->quiet);
        c->bar_open = true;
    }
    dr_progress_set(&c->bar, done, NULL);
}

static void on_note(void *user, const char *text)
{
    tryon_cli *c = user;
    if (c->bar_open)
        dr_progress_end(&c->bar);
    c->bar_open = false;
    fprintf(stderr, "drape tryon: note: %s\n", text);
}

static void on_preview(void *user, int step, const drape_image *picture)
{
    const tryon_cli *c = user;
    (void)step;
    if (drape_image_write(picture, c->preview_path, NULL))
        fprintf(stderr, "drape tryon: %s\n", drape_error()); /* the picture itself goes on */
}

static void on_warning(void *user, const char *message)
{
    tryon_cli *c = user;
    if (!c->warned)
        fprintf(stderr, "drape tryon: warning: %s\n", message);
    c->warned = true;
}

/* --- masks --------------------------------------------------------------------------------------- */

static const char *given_mask(const tryon_cli *c, int i)
{
    return c->masks.item[c->masks.count == 1 ? 0 : i];
}

static drape_status make_mask(tryon_cli *c, const char *image, const char *category, const drape_image *photo,
                              drape_image *mask)
{
    drape_mask_options o = c->mask;
    o.category = (drape_category)dr_choice_index(dr_mask_categories(), category);
    o.name = image;
    drape_image labels = {0};
    drape_status st = drape_mask_labels(c->parser, photo, &o, &labels);
    c->at_fault = st && st != DRAPE_ENOMEM;
    if (!st)
        st = drape_mask_from_labels(&labels, &o, mask);
    drape_image_free(&labels);
    if (c->images.count == 1) { /* room for the large models */
        drape_parser_free(c->parser);
        c->parser = NULL;
    }
    return st;
}

static drape_status read_mask(const tryon_cli *c, int i, const drape_image *photo, drape_image *mask)
{
    char warnings[1024], *path = dr_mask_for(&c->masks, c->images.item[i], i);
    drape_status st =
        path ? drape_mask_read_for(mask, path, photo, c->images.item[i], warnings, sizeof warnings) : DRAPE_ENOENT;
    if (!st && warnings[0])
        fprintf(stderr, "drape tryon: warning: %s\n", warnings);
    free(path);
    return st;
}

static drape_status get_mask(tryon_cli *c, int i, const drape_image *photo, drape_image *mask)
{
    const char *category, *image = c->images.item[i];
    dr_results kept = {"--save-mask", c->save_mask, 1};
    drape_status st = dr_mask_is_auto(given_mask(c, i), &category) ? make_mask(c, image, category, photo, mask)
                                                                   : read_mask(c, i, photo, mask);
    if (st || !c->save_mask)
        return st;
    char *path = dr_output_name(&kept, image, c->images.count, 0);
    st = path ? drape_image_write(mask, path, NULL) : DRAPE_EIO;
    free(path);
    return st;
}

/* --- one picture -------------------------------------------------------------------------------- */

static drape_status write_result(const tryon_cli *c, const drape_pipeline *p, const drape_image *out, const char *path)
{
    char *text = drape_tryon_parameters(p, &c->o, out->width, out->height);
    drape_status st = drape_image_write(out, path, text);
    free(text);
    return st;
}

static void report(tryon_cli *c, const char *image, const char *path, const drape_image *out, double seconds)
{
    double peak = (double)dr_rss_peak() / (1024.0 * 1024 * 1024);
    if (c->json)
        json_array_append_new(c->report, json_pack("{s:s, s:s, s:I, s:i, s:i, s:f, s:f}", "image", image, "output",
                                                   path, "seed", (json_int_t)c->o.seed, "width", out->width, "height",
                                                   out->height, "seconds", seconds, "peak_gib", peak));
    else
        printf("%s\n", path);
    if (!c->quiet)
        fprintf(stderr, "%s: %dx%d, seed %llu, %.1f s, peak memory %.2f GiB\n", path, out->width, out->height,
                (unsigned long long)c->o.seed, seconds, peak);
}

static drape_status dress(tryon_cli *c, drape_pipeline *p, const char *image, const drape_image *photo,
                          const drape_image *mask, const char *path)
{
    drape_image out = {0};
    char *preview = dr_preview_name(path);
    double t0 = dr_now();
    c->preview_path = preview;
    c->begun = false;
    drape_status st = drape_tryon(p, photo, mask, &c->o, &out);
    c->at_fault = st && c->begun;
    if (c->bar_open)
        dr_progress_end(&c->bar);
    c->bar_open = false;
    if (!st)
        st = write_result(c, p, &out, path);
    if (!st)
        report(c, image, path, &out, dr_now() - t0);
    drape_image_free(&out);
    free(preview);
    return st;
}

/* All pictures of one photo; after a failure no other, which another seed would not help. */
static drape_status dress_photo(tryon_cli *c, drape_pipeline *p, int i)
{
    const char *image = c->images.item[i];
    dr_results results = {"--output", c->output, c->num_images};
    uint64_t first_seed = c->o.seed;
    drape_image photo = {0}, mask = {0};
    c->warned = false;
    drape_status st = drape_image_read(&photo, image);
    if (!st)
        st = get_mask(c, i, &photo, &mask);
    for (int k = 0; !st && k < c->num_images; k++) {
        char *path = dr_output_name(&results, image, c->images.count, k);
        c->o.seed = first_seed + (uint64_t)k;
        st = path ? dress(c, p, image, &photo, &mask, path) : DRAPE_EIO;
        free(path);
    }
    c->o.seed = first_seed;
    drape_image_free(&photo);
    drape_image_free(&mask);
    return st;
}

/* A photo that fails is named and the next goes on; a model that fails ends it all. Returns 0, 1, or 130. */
static int dress_all(tryon_cli *c, drape_pipeline *p)
{
    int failed = 0;
    for (int i = 0; i < c->images.count; i++) {
        drape_status st = dress_photo(c, p, i);
        if (st == DRAPE_ECANCELLED || c->at_fault)
            return dr_cli_fail(&dr_cmd_tryon, (int)st);
        if (st)
            dr_photo_failed(&dr_cmd_tryon, c->images.item[i], drape_error());
        failed += st != DRAPE_OK;
    }
    return failed ? DR_EXIT_FAILED : 0;
}

/* --- options ------------------------------------------------------------------------------------ */

static bool needs_parser(const tryon_cli *c)
{
    const char *category;
    for (int i = 0; i < c->masks.count; i++)
        if (dr_mask_is_auto(c->masks.item[i], &category))
            return true;
    return false;
}

static drape_status warn_of_cut(const tryon_cli *c, const drape_pipeline *p)
{
    char text[2048], *rest = NULL;
    drape_status st = drape_tryon_doubts(p, &c->o, text, sizeof text);
    for (char *line = st ? NULL : strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
        fprintf(stderr, "drape tryon: warning: %s; shorten it, or add --long-prompt\n", line);
    return st;
}

/* A model made for few steps: it has learnt nothing for other ones. */
static void warn_of_other_pace(const tryon_cli *c, const drape_pipeline *p)
{
    drape_model_info info;
    if (drape_pipeline_info(p, &info) || !info.few_steps)
        return;
    bool steps = c->o.steps != 0 && c->o.steps != info.steps,
         scheduler = c->o.scheduler && *c->o.scheduler && strcmp(c->o.scheduler, info.scheduler) != 0;
    if (steps || scheduler)
        fprintf(stderr,
                "drape tryon: warning: the model in '%s' is made for %d steps of %s; pictures with other settings look "
                "worse; leave out --steps and --scheduler\n",
                c->model ? c->model : info.dir, info.steps, info.scheduler);
}

static int load(tryon_cli *c, drape_pipeline **p)
{
    drape_lora *loras = NULL;
    drape_embedding *embeddings = NULL;
    drape_status st = dr_cli_loras(&c->loras, &loras);
    if (!st)
        st = dr_cli_embeddings(&c->embeddings, &embeddings);
    drape_load_options o = {.loras = loras,
                            .lora_count = c->loras.count,
                            .embeddings = embeddings,
                            .embedding_count = c->embeddings.count,
                            .precision = strcmp(c->precision, "auto") == 0 ? DRAPE_AUTO : DRAPE_EXACT,
                            .weights = strcmp(c->weights, "q8") == 0 ? DRAPE_WEIGHTS_Q8 : DRAPE_WEIGHTS_FILE,
                            .keep_models = c->images.count * c->num_images > 1,
                            .tokenizer = c->tokenizer,
                            .vae = c->vae,
                            .ema = c->ema,
                            .note = on_note,
                            .user = c};
    if (!st)
        st = drape_pipeline_load(p, c->model, &o);
    if (!st) {
        warn_of_other_pace(c, *p);
        drape_pipeline_advise(*p, &c->o);
    }
    if (!st)
        st = drape_tryon_check(*p, &c->o);
    if (!st)
        st = warn_of_cut(c, *p);
    if (!st && needs_parser(c))
        st = drape_parser_load(&c->parser, c->parser_dir);
    if (!st && c->parser)
        dr_warn_of_labels(&dr_cmd_tryon, c->parser);
    free(loras);
    free(embeddings);
    return st ? dr_cli_fail(&dr_cmd_tryon, (int)st) : 0;
}

static uint64_t random_seed(void)
{
    uint32_t seed;
    if (getrandom(&seed, sizeof seed, 0) != sizeof seed)
        seed = (uint32_t)time(NULL);
    return seed;
}

static int check_masks(const tryon_cli *c)
{
    const char *category;
    for (int i = 0; i < c->masks.count; i++)
        if (dr_mask_is_auto(c->masks.item[i], &category) && dr_choice_index(dr_mask_categories(), category) < 0)
            return dr_usage_error(&dr_cmd_tryon, "--mask %s: '%s' is not one of %s", c->masks.item[i], category,
                                  dr_mask_categories());
    return dr_check_masks(&dr_cmd_tryon, &c->images, &c->masks);
}

static int check(const tryon_cli *c)
{
    const dr_results results[] = {{"--output", c->output, c->num_images}, {"--save-mask", c->save_mask, 1}};
    if (c->images.count == 0)
        return dr_usage_error(&dr_cmd_tryon, "--image is missing");
    if (c->masks.count == 0)
        return dr_usage_error(&dr_cmd_tryon, "--mask is missing");
    int bad = check_masks(c);
    for (int i = 0; !bad && i < 2; i++)
        bad = dr_check_result_names(&dr_cmd_tryon, &results[i], c->images.count);
    if (bad)
        return bad;
    dr_status st = dr_check_outputs(&c->images, &c->masks, results, 2);
    return st ? dr_cli_fail(&dr_cmd_tryon, st) : 0;
}

#define AT(field) offsetof(tryon_cli, field)
static const dr_own own[] = {
    {NULL,
     NULL,
     AT(model),
     {"model", DR_OPT_STRING, NULL, "DIR|FILE", "folder of a model (see 'drape pull'), or a single file",
      .shown_default = "the small one that comes with drape"}},
    {NULL,
     NULL,
     AT(images),
     {"image", DR_OPT_LIST, NULL, "PHOTO", "photo of a person; may be given again", .shown_default = ""}},
    {NULL,
     NULL,
     AT(masks),
     {"mask", DR_OPT_LIST, NULL, "MASK",
      "white where the garment goes; auto, auto:lower, auto:dress or auto:outer makes one (auto is auto:upper); one "
      "for all photos, one each, or a folder",
      .shown_default = ""}},
    {"prompt",
     NULL,
     AT(output),
     {"output|o", DR_OPT_STRING, NULL, "OUT", "result (.png .jpg .webp .tif), or a folder", .required = true}},
    {"steps",
     NULL,
     AT(o),
     {"num-inference-steps", .help = "the same", .shown_default = ""},
     drape_tryon_option,
     "steps"},
    {"seed",
     NULL,
     AT(num_images),
     {"num-images", DR_OPT_INT, NULL, "N", "pictures per photo, with seeds N, N+1, ...", 1, 1000}},
    {NULL,
     "width|height",
     AT(size),
     {"size", DR_OPT_SIZE, NULL, NULL, "working size", .shown_default = "the model's"},
     drape_tryon_option,
     "width"},
    {"height",
     NULL,
     AT(loras),
     {"lora", DR_OPT_LIST, NULL, "FILE[:SCALE]", "adapter to add to the model; may be given again",
      .shown_default = ""}},
    {"height",
     NULL,
     AT(embeddings),
     {"embedding", DR_OPT_LIST, NULL, "FILE[:WORD]", "learned word (textual inversion) for prompts; may be given again",
      .shown_default = ""}},
    {"height",
     NULL,
     AT(vae),
     {"vae", DR_OPT_STRING, NULL, "DIR|FILE", "another VAE: its folder or file", .shown_default = "the model's"}},
    {"height",
     NULL,
     AT(tokenizer),
     {"tokenizer", DR_OPT_STRING, NULL, "DIR", "folder of another vocabulary",
      .shown_default = "the model's; for a file CLIP's"}},
    {"height",
     NULL,
     AT(ema),
     {"ema", DR_OPT_FLAG, NULL, NULL, "of a single file: the UNet's moving average in place of its weights"}},
    {NULL,
     "whole",
     AT(region),
     {"region", DR_OPT_CHOICE, NULL, "mask|whole", "work on the part around the mask, or on the whole photo"}},
    {"padding",
     NULL,
     AT(mask),
     {"sleeve",
      .help = "automatic masks: cover the arm as the old sleeve does, down to the wrist, or for a short sleeve"},
     drape_mask_option,
     "sleeve"},
    {"padding",
     NULL,
     AT(mask),
     {"person", .help = "automatic masks: which person, from 1, the largest first; 0 is the largest"},
     drape_mask_option,
     "person"},
    {"padding",
     NULL,
     AT(parser_dir),
     {"parser", DR_OPT_STRING, NULL, "DIR", "automatic masks: folder of another clothes parser",
      .shown_default = "DRAPE_PARSER, or the one that comes with drape"}},
    {"padding",
     NULL,
     AT(save_mask),
     {"save-mask", DR_OPT_STRING, NULL, "FILE", "keep the mask that is used; a folder with several photos",
      .shown_default = ""}},
    {"preview_every",
     NULL,
     AT(precision),
     {"precision", DR_OPT_CHOICE, NULL, "exact|auto", "auto: bf16 products where this CPU gains by it"}},
    {"preview_every",
     NULL,
     AT(weights),
     {"weights", DR_OPT_CHOICE, NULL, "file|q8", "in memory as in the files, or in 8 bits: half of f16, and rounded"}},
    {"preview_every",
     NULL,
     AT(threads),
     {"threads", DR_OPT_INT, NULL, "N", "threads to use", 0, 1024, .shown_default = DR_DEFAULT_THREADS}},
    {"preview_every", NULL, AT(quiet), {"quiet|q", DR_OPT_FLAG, NULL, NULL, "no progress"}},
    {"preview_every", NULL, AT(json), {"json", DR_OPT_FLAG, NULL, NULL, "results as JSON on standard output"}},
};

static int parse(tryon_cli *c, int argc, char **argv)
{
    drape_tryon_options *o = &c->o;
    dr_opt_set s;
    dr_opt_table(&s, drape_tryon_option, o, own, sizeof own / sizeof *own, c);
    o->seed = random_seed();
    int bad = dr_opt_parse(&dr_cmd_tryon, s.opt, s.count, argc, argv, &c->images);
    if (!bad)
        dr_pass_over_folders(&dr_cmd_tryon, &c->images, &c->masks);
    if (!bad)
        bad = check(c);
    o->width = c->size[0];
    o->height = c->size[1];
    o->whole = strcmp(c->region, "whole") == 0;
    o->callbacks.warn = on_warning;
    o->callbacks.user = c;
    o->callbacks.progress = on_progress;
    o->callbacks.preview = o->callbacks.preview_every ? on_preview : NULL;
    o->callbacks.cancel = dr_cli_interrupted;
    c->mask.cancel = dr_cli_interrupted;
    return bad;
}

static int run(int argc, char **argv)
{
    tryon_cli c = {.region = "mask",
                   .precision = "exact",
                   .weights = "file",
                   .num_images = 1,
                   .o = DRAPE_TRYON_DEFAULTS,
                   .mask = DRAPE_MASK_DEFAULTS};
    c.o.steps = 0;           /* not said */
    c.o.guidance_scale = -1; /* not said */
    int rc = parse(&c, argc, argv);
    if (rc == 0) {
        drape_pipeline *p = NULL;
        dr_set_threads(c.threads);
        c.report = json_array();
        rc = load(&c, &p);
        if (rc == 0)
            rc = dress_all(&c, p);
        drape_pipeline_free(p);
        drape_parser_free(c.parser);
        if (c.json) {
            json_dumpf(c.report, stdout, JSON_INDENT(1));
            putchar('\n');
        }
        json_decref(c.report);
    }
    dr_opt_list_free(&c.images);
    dr_opt_list_free(&c.masks);
    dr_opt_list_free(&c.loras);
    dr_opt_list_free(&c.embeddings);
    return rc < 0 ? 0 : rc;
}

const dr_command dr_cmd_tryon = {
    "tryon", "dress a person: replace what the mask covers by what the prompt says",
    "[--model DIR|FILE] --image PHOTO --mask MASK|auto[:CATEGORY] --prompt TEXT -o OUT.png",
    "  drape tryon --model sd2-inpainting --image person.jpg --mask auto:upper --prompt \"red t-shirt\" -o out.png\n",
    run};
