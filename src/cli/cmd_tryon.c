/* drape tryon: on the public API alone, like any other program. */
#include "base/choice.h"
#include "base/threads.h"
#include "cli/commands.h"
#include "cli/embeddings.h"
#include "cli/files.h"
#include "cli/loras.h"
#include "cli/mask_words.h"
#include "cli/model_rows.h"
#include "cli/opt_table.h"
#include "cli/preset.h"
#include "cli/tryon_cli.h"
#include "drape.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

/* --- options ------------------------------------------------------------------------------------ */

/* Whether masks are made; with `open` whether one is of the garment's category. */
static bool makes_masks(const dr_tryon_cli *c, bool open)
{
    const char *category;
    for (int i = 0; i < c->masks.count; i++)
        if (dr_mask_is_auto(c->masks.item[i], &category) && !(open && category))
            return true;
    return false;
}

static bool needs_parser(const dr_tryon_cli *c)
{
    return makes_masks(c, false) || dr_cli_garments_need_parser(&c->garments, makes_masks(c, true));
}

static drape_status warn_of_cut(const dr_tryon_cli *c, const drape_pipeline *p)
{
    char text[2048], *rest = NULL;
    drape_status st = drape_tryon_doubts(p, &c->o, text, sizeof text);
    for (char *line = st ? NULL : strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
        fprintf(stderr, "drape tryon: warning: %s; shorten it, or add --long-prompt\n", line);
    return st;
}

/* A model made for few steps: it has learnt nothing for other ones. */
static void warn_of_other_pace(const dr_tryon_cli *c, const drape_pipeline *p)
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

static void tell_unused_preset(const dr_tryon_cli *c, const drape_pipeline *p)
{
    char text[640];
    if (dr_preset_doubt(p, c->o.preset, text, sizeof text))
        fprintf(stderr, "drape tryon: %s\n", text);
}

static int load(dr_tryon_cli *c, drape_pipeline **p)
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
                            .precision = dr_cli_precision(c->precision, c->o.preset),
                            .weights = strcmp(c->weights, "q8") == 0 ? DRAPE_WEIGHTS_Q8 : DRAPE_WEIGHTS_FILE,
                            .keep_models = c->images.count * dr_tryon_pictures_per_photo(c) > 1,
                            .attention = c->garments.attention,
                            .garment = c->garments.paths.count > 0,
                            .tokenizer = c->tokenizer,
                            .vae = c->vae,
                            .ema = c->ema,
                            .note = dr_tryon_on_note,
                            .user = c};
    if (!st)
        st = drape_pipeline_load(p, c->model, &o);
    if (!st) {
        warn_of_other_pace(c, *p);
        tell_unused_preset(c, *p);
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
    if (!st)
        st = dr_cli_garments_read(&dr_cmd_tryon, &c->garments, c->parser, c->o.fit != DRAPE_FIT_REGION,
                                  makes_masks(c, true));
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

static int check_masks(const dr_tryon_cli *c)
{
    const char *category;
    for (int i = 0; i < c->masks.count; i++)
        if (dr_mask_is_auto(c->masks.item[i], &category) && category &&
            dr_choice_index(dr_mask_categories(), category) < 0)
            return dr_usage_error(&dr_cmd_tryon, "--mask %s: '%s' is not one of %s", c->masks.item[i], category,
                                  dr_mask_categories());
    return dr_check_masks(&dr_cmd_tryon, &c->images, &c->masks);
}

static int check(const dr_tryon_cli *c)
{
    const dr_results results[] = {{"--output", c->output, dr_tryon_pictures_per_photo(c)},
                                  {"--save-mask", c->save_mask, dr_tryon_masks_per_photo(c)}};
    if (c->images.count == 0)
        return dr_usage_error(&dr_cmd_tryon, "--image is missing");
    if (c->masks.count == 0)
        return dr_usage_error(&dr_cmd_tryon, "--mask is missing");
    if (c->garments.paths.count == 0 && (c->garments.attention || c->garments.o.category || c->garments.o.cut))
        return dr_usage_error(&dr_cmd_tryon, "--attention, --category and --cut are about the photo of a garment: "
                                             "--garment is missing");
    int bad = check_masks(c);
    for (int i = 0; !bad && i < 2; i++)
        bad = dr_check_result_names(&dr_cmd_tryon, &results[i], c->images.count);
    if (bad)
        return bad;
    dr_status st = dr_check_outputs(&c->images, &c->masks, results, 2);
    return st ? dr_cli_fail(&dr_cmd_tryon, st) : 0;
}

#define AT(field) offsetof(dr_tryon_cli, field)
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
    DR_MODEL_ROWS(dr_tryon_cli),
    {NULL,
     "whole",
     AT(region),
     {"region", DR_OPT_CHOICE, NULL, "mask|whole", "work on the part around the mask, or on the whole photo"}},
    {"padding",
     NULL,
     AT(mask),
     {"sleeve",
      .help = "automatic masks: cover the arm as the old sleeve does, down to the wrist, or for a short sleeve",
      .shown_default = "keep; with --garment long"},
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
    {"repaint",
     NULL,
     AT(garments.paths),
     {"garment", DR_OPT_LIST, NULL, "PHOTO",
      "photo of the garment that is put on, in place of a prompt; lying, or worn by somebody; may be given again for "
      "another picture. --mask is auto without it",
      .shown_default = ""}},
    {"repaint",
     NULL,
     AT(garments.attention),
     {"attention", DR_OPT_STRING, NULL, "DIR|FILE", "attention weights that do that, of one version",
      .shown_default = "the model's, see 'drape pull catvton'"}},
    {"repaint",
     NULL,
     AT(garments.o),
     {"category", .help = "what the garment covers, for --mask auto; auto: what its photo shows"},
     drape_garment_option,
     "category"},
    {"repaint",
     NULL,
     AT(garments.o),
     {"cut", .help = "cut the garment out of its photo: auto where somebody wears it, keep never, out always"},
     drape_garment_option,
     "cut"},
    {"preview_every",
     NULL,
     AT(precision),
     {"precision", DR_OPT_CHOICE, NULL, DR_CLI_PRECISIONS, DR_CLI_PRECISION_HELP,
      .shown_default = "exact, or the preset's"}},
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

static int parse(dr_tryon_cli *c, int argc, char **argv)
{
    drape_tryon_options *o = &c->o;
    dr_opt_set s;
    dr_opt_table(&s, drape_tryon_option, o, own, sizeof own / sizeof *own, c);
    o->seed = random_seed();
    int bad = dr_opt_parse(&dr_cmd_tryon, s.opt, s.count, argc, argv, &c->images);
    if (!bad && c->garments.paths.count && c->masks.count == 0)
        bad = dr_opt_list_add(&c->masks, "auto");
    if (o->fit != DRAPE_FIT_REGION && c->garments.paths.count) /* the published programs take it as it is */
        c->garments.o.cut = DRAPE_CUT_KEEP;
    if ((int)c->mask.sleeve < 0) /* not said: the new garment's sleeves may be longer than the old one's */
        c->mask.sleeve = c->garments.paths.count ? DRAPE_SLEEVE_LONG : DRAPE_SLEEVE_KEEP;
    if (!bad)
        dr_pass_over_folders(&dr_cmd_tryon, &c->images, &c->masks);
    if (!bad)
        bad = check(c);
    o->width = c->size[0];
    o->height = c->size[1];
    o->whole = strcmp(c->region, "whole") == 0;
    dr_tryon_set_callbacks(c);
    return bad;
}

static int run(int argc, char **argv)
{
    dr_tryon_cli c = {.cmd = &dr_cmd_tryon,
                      .region = "mask",
                      .weights = "file",
                      .num_images = 1,
                      .o = DRAPE_TRYON_DEFAULTS,
                      .mask = DRAPE_MASK_DEFAULTS};
    drape_tryon_leave_open(&c.o);
    c.mask.sleeve = (drape_sleeve)-1; /* not said */
    int rc = parse(&c, argc, argv);
    if (rc == 0) {
        drape_pipeline *p = NULL;
        dr_set_threads(c.threads);
        c.report = json_array();
        rc = load(&c, &p);
        if (rc == 0)
            rc = dr_tryon_dress_all(&c, p);
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
    dr_cli_garments_free(&c.garments);
    return rc < 0 ? 0 : rc;
}

const dr_command dr_cmd_tryon = {
    "tryon", "dress a person: replace what the mask covers by what the prompt says",
    "[--model DIR|FILE] --image PHOTO (--mask MASK|auto[:CATEGORY] --prompt TEXT | --garment PHOTO) -o OUT.png",
    "  drape tryon --model sd2-inpainting --image person.jpg --mask auto:upper --prompt \"red t-shirt\" -o out.png\n"
    "  drape tryon --model catvton --image person.jpg --garment shirt.jpg -o out.png\n",
    run};
