/* drape compare: on the public API alone, like any other program. */
#include "base/choice.h"
#include "base/file.h"
#include "base/path.h"
#include "base/progress.h"
#include "base/threads.h"
#include "cli/commands.h"
#include "cli/compare/compare.h"
#include "cli/compare/inputs.h"
#include "cli/files.h"
#include "cli/mask_words.h"
#include "cli/opt_table.h"
#include "cli/preset.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#define PAGE "compare.html"

typedef struct compare_cli {
    dr_method common; /* the settings of all methods */
    const char *methods_file, *output, *sheet;
    dr_opt_list methods_given;
    int num_images, threads;
    bool fresh, quiet, json;
    dr_comparison_inputs inputs;
    dr_methods methods;
    dr_comparison c;
    /* while running */
    dr_progress bar;
    bool bar_open;
} compare_cli;

/* --- what is shown on the way ------------------------------------------------------------------------- */

static void end_bar(compare_cli *c)
{
    if (c->bar_open)
        dr_progress_end(&c->bar);
}

static void on_at(void *user, int index, int count, const char *method, uint64_t seed, const char *what, double part)
{
    enum { PARTS = 100 };
    compare_cli *c = user;
    char text[256];
    if (!c->bar_open)
        dr_progress_start(&c->bar, "comparing", (long)count * PARTS, c->quiet);
    c->bar_open = true;
    snprintf(text, sizeof text, "picture %d of %d: %.80s, seed %llu, %s", index + 1, count, method,
             (unsigned long long)seed, what);
    dr_progress_set(&c->bar, (long)(((double)index + part) * PARTS), text);
}

static void on_note(void *user, const char *method, const char *text)
{
    end_bar(user);
    fprintf(stderr, "drape compare: method '%s': note: %s\n", method, text);
}

static void on_failed(void *user, const char *method, const char *text)
{
    end_bar(user);
    fprintf(stderr, "drape compare: method '%s': %s\n", method, text);
}

static bool on_cancel(void *user)
{
    (void)user;
    return dr_cli_interrupted(NULL);
}

/* --- what comes out ---------------------------------------------------------------------------------------- */

static int count_done(const dr_comparison *c, int *reused, int *failed)
{
    int done = 0;
    *reused = *failed = 0;
    for (int i = 0; i < c->rows; i++) {
        *failed += c->row[i].error != NULL;
        for (int k = 0; k < c->seeds; k++) {
            done += c->row[i].cell[k].done;
            *reused += c->row[i].cell[k].reused;
        }
    }
    return done;
}

static void print_path(const dr_comparison *c, const char *file)
{
    char *path = dr_comparison_path(c, file);
    printf("%s\n", path ? path : file);
    free(path);
}

static int show(compare_cli *c, const char *sheet)
{
    dr_comparison *k = &c->c;
    int reused, failed, done = count_done(k, &reused, &failed);
    dr_status st = dr_comparison_measure(k);
    if (!st)
        st = dr_record_save(k);
    if (!st)
        st = dr_sheet_write(k, sheet);
    if (!st)
        st = dr_page_write(k, PAGE);
    if (st)
        return dr_cli_fail(&dr_cmd_compare, st);
    if (c->json) {
        json_t *record = dr_record_json(k);
        json_dumpf(record, stdout, JSON_INDENT(1));
        putchar('\n');
        json_decref(record);
    } else {
        print_path(k, PAGE);
        print_path(k, sheet);
        print_path(k, "compare.json");
    }
    if (!c->quiet)
        fprintf(stderr, "drape compare: %d pictures of %d methods%s%.0d%s\n", done, k->rows, reused ? ", " : "", reused,
                reused ? " of them from an earlier run" : "");
    return failed ? DR_EXIT_FAILED : 0;
}

static int interrupted(compare_cli *c)
{
    int reused, failed, done = count_done(&c->c, &reused, &failed), rc = dr_cli_fail(&dr_cmd_compare, DR_ECANCELLED);
    if (!c->quiet)
        fprintf(stderr, "drape compare: %d of %d pictures are in '%s'; the same command goes on from there\n", done,
                c->c.rows * c->c.seeds, c->c.dir);
    return rc;
}

static int compare(compare_cli *c)
{
    const dr_watcher watcher = {c, on_at, on_note, on_failed, on_cancel};
    char sheet[16];
    snprintf(sheet, sizeof sheet, "sheet.%s", c->sheet);
    dr_status st = dr_comparison_read(&c->c, &c->inputs);
    if (!st)
        st = dr_comparison_plan(&c->c, &c->methods);
    if (!st && !c->fresh)
        st = dr_record_reuse(&c->c);
    if (!st)
        st = dr_comparison_run(&c->c, &watcher);
    end_bar(c);
    if (st == DR_ECANCELLED)
        return interrupted(c);
    return st ? dr_cli_fail(&dr_cmd_compare, st) : show(c, sheet);
}

/* --- options ------------------------------------------------------------------------------------------------ */

#define AT(field) offsetof(compare_cli, field)
static const dr_own own[] = {
    {NULL, NULL, AT(c.image), {"image", DR_OPT_STRING, NULL, "PHOTO", "photo of a person", .required = true}},
    {NULL,
     NULL,
     AT(inputs.mask),
     {"mask", DR_OPT_STRING, NULL, "MASK",
      "white where the garment goes; auto, auto:lower, auto:dress or auto:outer "
      "makes one (auto is auto:upper)"}},
    {NULL,
     NULL,
     AT(methods_given),
     {"method", DR_OPT_LIST, NULL, "[NAME=]KIND[:VALUE][,KEY=VALUE]",
      "a method; may be given again. Kinds: prompt, taught (VALUE is its model), adapter (VALUE is its file), garment "
      "(VALUE is its attention weights), warp (a GAN; VALUE is its condition generator). KEY is any option below that "
      "a "
      "picture depends on, or one of docs/compare.md",
      .shown_default = ""}},
    {NULL,
     NULL,
     AT(methods_file),
     {"methods", DR_OPT_STRING, NULL, "FILE", "methods from a JSON file, {\"methods\": [{\"name\", \"kind\", KEY}]}",
      .shown_default = ""}},
    {NULL,
     NULL,
     AT(c.garment_paths),
     {"garment", DR_OPT_LIST, NULL, "PHOTO",
      "photo of the garment: the first is worn and measured against; may be given again", .shown_default = ""}},
    {NULL,
     NULL,
     AT(c.reference_path),
     {"reference", DR_OPT_STRING, NULL, "PHOTO", "the same person in the garment, to measure against",
      .shown_default = ""}},
    {"prompt",
     NULL,
     AT(output),
     {"output|o", DR_OPT_STRING, NULL, "DIR", "folder of the page, the sheet, the record and all pictures",
      .required = true}},
    {"prompt",
     NULL,
     AT(c.title),
     {"title", DR_OPT_STRING, NULL, "TEXT", "of page and sheet", .shown_default = "the photo's name"}},
    {"prompt", NULL, AT(sheet), {"sheet", DR_OPT_CHOICE, NULL, "jpg|png", "kind of the contact sheet"}},
    {"seed",
     NULL,
     AT(num_images),
     {"num-images", DR_OPT_INT, NULL, "N", "pictures per method, with seeds N, N+1, ...", 1, 100}},
    {"padding",
     NULL,
     AT(inputs.mask_options),
     {"sleeve",
      .help = "automatic masks: cover the arm as the old sleeve does, down to the wrist, or for a short sleeve"},
     drape_mask_option,
     "sleeve"},
    {"padding",
     NULL,
     AT(inputs.mask_options),
     {"person", .help = "automatic masks: which person, from 1, the largest first; 0 is the largest"},
     drape_mask_option,
     "person"},
    {"padding",
     NULL,
     AT(inputs.parser_dir),
     {"parser", DR_OPT_STRING, NULL, "DIR", "automatic masks: folder of another clothes parser",
      .shown_default = "DRAPE_PARSER, or the one that comes with drape"}},
    {NULL,
     "fit",
     AT(inputs.garment_options),
     {"category", .help = "what the garment covers, for --mask auto; auto: what its photo shows"},
     drape_garment_option,
     "category"},
    {NULL,
     "repaint",
     AT(inputs.garment_options),
     {"cut", .help = "cut the garment out of its photo: auto where somebody wears it, keep never, out always"},
     drape_garment_option,
     "cut"},
    {"preview_every", NULL, AT(fresh), {"fresh", DR_OPT_FLAG, NULL, NULL, "make pictures anew that are there"}},
    {"preview_every",
     NULL,
     AT(threads),
     {"threads", DR_OPT_INT, NULL, "N", "threads to use", 0, 1024, .shown_default = DR_DEFAULT_THREADS}},
    {"preview_every", NULL, AT(quiet), {"quiet|q", DR_OPT_FLAG, NULL, NULL, "no progress"}},
    {"preview_every", NULL, AT(json), {"json", DR_OPT_FLAG, NULL, NULL, "the record as JSON on standard output"}},
};
enum { OWN = sizeof own / sizeof *own };

/* The methods' settings are the command's as well: there they are every method's. */
static void make_table(dr_opt_set *s, compare_cli *c)
{
    dr_own all[OWN + 16];
    DR_ASSERT(dr_method_own_count <= 16, "%zu settings", dr_method_own_count);
    memcpy(all, own, sizeof own);
    memcpy(all + OWN, dr_method_own, dr_method_own_count * sizeof *all);
    for (size_t i = OWN; i < OWN + dr_method_own_count; i++)
        all[i].at += AT(common);
    dr_opt_table(s, drape_tryon_option, &c->common.o, all, OWN + dr_method_own_count, c);
}

static uint64_t random_seed(void)
{
    uint32_t seed;
    if (getrandom(&seed, sizeof seed, 0) != sizeof seed)
        seed = (uint32_t)time(NULL);
    return seed;
}

static int check(const compare_cli *c)
{
    const char *category;
    if (!c->methods_file && c->methods_given.count == 0)
        return dr_usage_error(&dr_cmd_compare, "--method is missing: what is to be compared");
    if (dr_mask_is_auto(c->inputs.mask, &category) && category && dr_choice_index(dr_mask_categories(), category) < 0)
        return dr_usage_error(&dr_cmd_compare, "--mask %s: '%s' is not one of %s", c->inputs.mask, category,
                              dr_mask_categories());
    if (dr_exists(c->output) && !dr_is_dir(c->output))
        return dr_usage_error(&dr_cmd_compare, "--output '%s' is a file; it must be a folder", c->output);
    return 0;
}

static int read_methods(compare_cli *c)
{
    int bad = c->methods_file ? dr_methods_add_file(&c->methods, &dr_cmd_compare, &c->common, c->methods_file) : 0;
    for (int i = 0; !bad && i < c->methods_given.count; i++)
        bad = dr_methods_add(&c->methods, &dr_cmd_compare, &c->common, c->methods_given.item[i]);
    if (!bad && dr_methods_wear_photo(&c->methods) && c->c.garment_paths.count == 0)
        bad =
            dr_usage_error(&dr_cmd_compare, "--garment is missing: a method of kind garment wears what a photo shows");
    return bad;
}

static int parse(compare_cli *c, int argc, char **argv)
{
    dr_opt_set s;
    make_table(&s, c);
    c->common.o.seed = random_seed();
    int bad = dr_opt_parse(&dr_cmd_compare, s.opt, s.count, argc, argv, NULL);
    if (!bad)
        bad = check(c);
    if (!bad)
        bad = read_methods(c);
    c->c.seed = c->common.o.seed;
    c->c.seeds = c->num_images;
    c->c.scene.one = c->num_images == 1;
    c->c.scene.image = c->c.image;
    c->c.scene.garment_path = c->c.garment_paths.count ? c->c.garment_paths.item[0] : NULL;
    c->c.scene.parser_dir = c->inputs.parser_dir;
    c->c.dir = c->output;
    c->inputs.worn = dr_methods_wear_photo(&c->methods);
    return bad;
}

static int run(int argc, char **argv)
{
    compare_cli c = {.common = {.region = "mask", .o = DRAPE_TRYON_DEFAULTS, .warp = DRAPE_WARP_DEFAULTS},
                     .inputs = {.cmd = &dr_cmd_compare, .mask = "auto", .mask_options = DRAPE_MASK_DEFAULTS},
                     .sheet = "jpg",
                     .num_images = 1};
    drape_tryon_leave_open(&c.common.o);
    c.common.warp.composite = true; /* as the others paste */
    int rc = parse(&c, argc, argv);
    if (rc == 0) {
        dr_set_threads(c.threads);
        rc = compare(&c);
    }
    dr_comparison_free(&c.c);
    dr_methods_free(&c.methods);
    dr_opt_list_free(&c.methods_given);
    dr_opt_list_free(&c.common.loras);
    dr_opt_list_free(&c.common.embeddings);
    return rc < 0 ? 0 : rc;
}

const dr_command dr_cmd_compare = {
    "compare",
    "lay several ways to dress one person side by side: a contact sheet and a page",
    "--image PHOTO [--mask MASK|auto[:CATEGORY]] --prompt TEXT --method [NAME=]KIND[:VALUE] ... -o DIR/",
    "  drape compare --image person.jpg --mask auto:upper --prompt \"a blue linen jacket\" --seed 1 --num-images 3 \\\n"
    "      --method prompt --method taught:models/jacket --method \"Small adapter=adapter:jacket-lora,steps=30\" -o "
    "jacket/\n",
    run,
    NULL};
