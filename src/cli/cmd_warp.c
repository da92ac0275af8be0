/* drape warp: on the public API alone, like any other program. */
#define _GNU_SOURCE /* asprintf */
#include "base/file.h"
#include "base/path.h"
#include "base/progress.h"
#include "base/threads.h"
#include "cli/commands.h"
#include "cli/files.h"
#include "cli/opt_table.h"
#include "drape.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct warp_cli {
    const char *condition, *generator, *data, *list, *output, *parser_dir;
    drape_warp_files single;
    bool keep_warped, keep_all, overwrite, quiet, json;
    int threads;
    drape_warp_options o;
    /* while running */
    drape_warper *warper;
    drape_parser *parser;
    drape_warp_pairs *pairs; /* NULL: one picture */
    dr_progress bar;
    bool bar_open;
    int done, skipped, failed, total;
    bool at_fault; /* no other pair would do better */
    json_t *report;
} warp_cli;

/* --- what is told ----------------------------------------------------------------------------------- */

enum { PARTS = 100 }; /* of a picture, on the bar */

static void close_bar(warp_cli *c)
{
    if (c->bar_open)
        dr_progress_end(&c->bar);
    c->bar_open = false;
}

static void on_note(void *user, const char *text)
{
    (void)user;
    fprintf(stderr, "drape warp: %s\n", text);
}

static void show(warp_cli *c, double part)
{
    char extra[64];
    int at = c->done + c->failed + c->skipped;
    if (!c->bar_open) {
        dr_progress_start(&c->bar, "warping", (long)c->total * PARTS, c->quiet);
        c->bar.first = (long)c->skipped * PARTS;
        c->bar_open = true;
    }
    snprintf(extra, sizeof extra, "picture %d of %d", at < c->total ? at + 1 : at, c->total);
    dr_progress_set(&c->bar, (long)(PARTS * (at + part)), c->total > 1 ? extra : NULL);
}

static void on_progress(void *user, double part)
{
    show(user, part);
}

static void report(warp_cli *c, const drape_warp_files *f, const char *path, const drape_image *out, double seconds)
{
    if (c->json)
        json_array_append_new(c->report, json_pack("{s:s, s:s, s:s, s:I, s:i, s:i, s:f, s:f}", "image", f->image,
                                                   "cloth", f->cloth, "output", path, "seed", (json_int_t)c->o.seed,
                                                   "width", out->width, "height", out->height, "seconds", seconds,
                                                   "peak_gib", (double)dr_rss_peak() / (1024.0 * 1024 * 1024)));
    else
        printf("%s\n", path);
}

/* --- results ---------------------------------------------------------------------------------------- */

/* OUT/FOLDER/NAME.png, its folder made. malloc'ed; NULL with the message set. */
static char *kept_path(const char *dir, const char *folder, const char *name)
{
    char *file = NULL, *path = NULL, *parent = dr_path_new(dir, folder);
    if (parent && dr_mkdirs(parent) == DR_OK && asprintf(&file, "%s.png", name) >= 0)
        path = dr_path_new(parent, file);
    else if (!parent)
        dr_fail(DR_ENOMEM, "out of memory");
    free(file);
    free(parent);
    return path;
}

static drape_status keep(const char *dir, const char *folder, const char *name, const drape_image *im, bool labels)
{
    char *path = kept_path(dir, folder, name);
    drape_status st = !path ? DRAPE_EIO : labels ? drape_labels_write(im, path) : drape_image_write(im, path, NULL);
    free(path);
    return st;
}

/* What came about on the way, in folders beside the result, which comes last: where it is, everything is. */
static drape_status keep_asked(const warp_cli *c, const drape_warp_result *r, const char *dir, const char *name)
{
    const struct {
        const char *folder;
        const drape_image *im;
        bool labels, asked;
    } all[] = {
        {"warped-cloth", &r->warped_cloth, false, c->keep_warped || c->keep_all},
        {"warped-mask", &r->warped_mask, false, c->keep_warped || c->keep_all},
        {"parse", &r->classes, true, c->keep_all},
        {"flow", &r->flow, false, c->keep_all},
        {"agnostic", &r->agnostic, false, c->keep_all},
        {"parse-agnostic", &r->parse_agnostic, true, c->keep_all},
        {"cloth-mask", &r->cloth_mask, false, c->keep_all},
    };
    drape_status st = DRAPE_OK;
    for (size_t i = 0; !st && i < sizeof all / sizeof *all; i++)
        if (all[i].asked)
            st = keep(dir, all[i].folder, name, all[i].im, all[i].labels);
    return st;
}

static drape_status write_all(warp_cli *c, const drape_warp_files *f, const drape_warp_result *r, const char *path)
{
    char dir[4096], *name = strdup(dr_path_name(path)), *text = drape_warp_parameters(c->warper, f, &c->o);
    drape_status st = name && text ? (drape_status)dr_path_folder(dir, sizeof dir, path)
                                   : (drape_status)dr_fail(DR_ENOMEM, "out of memory");
    if (!st) {
        name[dr_path_stem(name)] = 0;
        st = keep_asked(c, r, dir, name);
    }
    if (!st)
        st = drape_image_write(&r->picture, path, text);
    free(text);
    free(name);
    return st;
}

/* --- one picture ------------------------------------------------------------------------------------ */

/* Only when the first photo without a parse map comes. */
static drape_status need_parser(warp_cli *c, const drape_warp_files *f)
{
    if (f->parse || !f->keypoints || c->parser)
        return DRAPE_OK;
    drape_status st = drape_parser_load(&c->parser, c->parser_dir);
    c->at_fault = st != DRAPE_OK;
    if (st)
        return st;
    dr_warn_of_labels(&dr_cmd_warp, c->parser);
    c->o.parser = c->parser;
    return DRAPE_OK;
}

static drape_status warp_one(warp_cli *c, const drape_warp_files *f, const char *path)
{
    drape_warp_result r = {0};
    double t0 = dr_now();
    show(c, 0);
    drape_status st = need_parser(c, f);
    if (!st)
        st = drape_warp(c->warper, f, &c->o, &r);
    if (!st)
        st = write_all(c, f, &r, path);
    if (!st)
        report(c, f, path, &r.picture, dr_now() - t0);
    drape_warp_result_free(&r);
    return st;
}

/* --- a list ------------------------------------------------------------------------------------------- */

static char *result_path(const warp_cli *c, int i)
{
    char *file = NULL, *path = NULL;
    if (asprintf(&file, "%s.png", drape_warp_pairs_name(c->pairs, i)) >= 0)
        path = dr_path_new(c->output, file);
    free(file);
    if (!path)
        dr_fail(DR_ENOMEM, "out of memory");
    return path;
}

static drape_status warp_pair(warp_cli *c, int i)
{
    drape_warp_files f;
    char *path = result_path(c, i);
    drape_status st = path ? DRAPE_OK : DRAPE_ENOMEM;
    if (!st && !c->overwrite && dr_is_file(path)) {
        c->skipped++;
        free(path);
        return DRAPE_OK;
    }
    if (!st)
        st = drape_warp_pairs_files(c->pairs, i, &f);
    if (!st)
        st = warp_one(c, &f, path);
    free(path);
    if (!st)
        c->done++;
    return st;
}

/* A pair that fails is named and the next goes on. */
static int warp_list(warp_cli *c)
{
    c->total = drape_warp_pairs_count(c->pairs);
    for (int i = 0; i < c->total; i++) {
        drape_status st = warp_pair(c, i);
        if (st)
            close_bar(c);
        if (st == DRAPE_ECANCELLED || (st && c->at_fault))
            return dr_cli_fail(&dr_cmd_warp, (int)st);
        if (st) {
            dr_photo_failed(&dr_cmd_warp, drape_warp_pairs_name(c->pairs, i), drape_error());
            c->failed++;
        }
    }
    if (c->bar_open)
        show(c, 0);
    close_bar(c);
    if (!c->quiet || c->failed)
        fprintf(stderr, "drape warp: %d made, %d there already, %d failed; peak memory %.2f GiB\n", c->done, c->skipped,
                c->failed, (double)dr_rss_peak() / (1024.0 * 1024 * 1024));
    return c->failed ? DR_EXIT_FAILED : 0;
}

static int warp_single(warp_cli *c)
{
    c->total = 1;
    drape_status st = warp_one(c, &c->single, c->output);
    if (!st)
        c->done++;
    if (!st && c->bar_open)
        show(c, 0);
    close_bar(c);
    return st ? dr_cli_fail(&dr_cmd_warp, (int)st) : 0;
}

/* --- options ------------------------------------------------------------------------------------------ */

static bool any_single(const drape_warp_files *f)
{
    return f->image || f->cloth || f->densepose || f->keypoints || f->parse || f->parse_agnostic || f->agnostic ||
           f->cloth_mask;
}

/* Of one picture all that cannot be made. */
static int check_single(const drape_warp_files *f)
{
    const struct {
        const char *value, *what;
    } needed[] = {
        {f->image, "--image is missing: the person's photo"},
        {f->cloth, "--cloth is missing: a photo of the garment alone"},
        {f->densepose,
         "--densepose is missing: DensePose of the photo, rendered as a picture on black; it cannot be made "
         "here"},
        {f->keypoints, "--keypoints is missing: OpenPose's key points of the photo, its JSON file; they cannot be made "
                       "here"},
    };
    for (size_t i = 0; i < sizeof needed / sizeof *needed; i++)
        if (!needed[i].value)
            return dr_usage_error(&dr_cmd_warp, "%s", needed[i].what);
    return 0;
}

static int check(const warp_cli *c)
{
    const dr_command *cmd = &dr_cmd_warp;
    if (!c->data && !any_single(&c->single))
        return dr_usage_error(cmd, "give a folder with --data, or pictures with --image, --cloth, --densepose and "
                                   "--keypoints");
    if (c->data && any_single(&c->single))
        return dr_usage_error(cmd, "--data has all pictures: --image, --cloth and the like have no meaning with it");
    if (!c->data && c->list)
        return dr_usage_error(cmd, "--pairs is a list of pictures in a folder: add --data DIR");
    if (c->data)
        return 0;
    const dr_results r = {"--output", c->output, 1};
    int bad = check_single(&c->single);
    if (bad)
        return bad;
    if (dr_is_folder_name(c->output))
        return dr_usage_error(cmd, "--output '%s' is a folder; of one picture it is the result, OUT.png", c->output);
    return dr_check_result_names(cmd, &r, 1);
}

#define AT(field) offsetof(warp_cli, field)
#define FIRST(field, ...)                                                                                              \
    {                                                                                                                  \
        NULL, NULL, AT(field),                                                                                         \
        {                                                                                                              \
            __VA_ARGS__                                                                                                \
        }                                                                                                              \
    }
static const dr_own own[] = {
    FIRST(condition, "condition", DR_OPT_STRING, NULL, "FILE", "weights of the condition generator, mtviton.pth",
          .required = true),
    FIRST(generator, "generator", DR_OPT_STRING, NULL, "FILE", "weights of the image generator, gen.pth",
          .required = true),
    FIRST(output, "output|o", DR_OPT_STRING, NULL, "OUT",
          "folder of the results, PERSON_CLOTH.png; of one picture its file", .required = true),
    FIRST(o, "", DR_OPT_HEADING, NULL, NULL, "a folder:"),
    FIRST(data, "data", DR_OPT_STRING, NULL, "DIR",
          "laid out as VITON-HD: image, cloth, image-densepose, openpose_json, ...", .shown_default = ""),
    FIRST(list, "pairs", DR_OPT_STRING, NULL, "FILE", "a person's file name and a cloth's on each line",
          .shown_default = "DIR/test_pairs.txt"),
    FIRST(overwrite, "overwrite", DR_OPT_FLAG, NULL, NULL, "make results that are there already once more"),
    FIRST(o, "", DR_OPT_HEADING, NULL, NULL, "one picture:"),
    FIRST(single.image, "image", DR_OPT_STRING, NULL, "PHOTO", "photo of a person", .shown_default = ""),
    FIRST(single.cloth, "cloth", DR_OPT_STRING, NULL, "PHOTO", "photo of the garment alone", .shown_default = ""),
    FIRST(single.densepose, "densepose", DR_OPT_STRING, NULL, "FILE", "DensePose of the photo, as a picture on black",
          .shown_default = ""),
    FIRST(single.keypoints, "keypoints", DR_OPT_STRING, NULL, "FILE", "OpenPose's JSON of the photo (BODY_25)",
          .shown_default = ""),
    FIRST(single.parse, "parse", DR_OPT_STRING, NULL, "FILE", "label map of the photo, a PNG",
          .shown_default = "is made"),
    FIRST(single.parse_agnostic, "parse-agnostic", DR_OPT_STRING, NULL, "FILE", "the same without the garment",
          .shown_default = "is made"),
    FIRST(single.cloth_mask, "cloth-mask", DR_OPT_STRING, NULL, "MASK", "white on the garment",
          .shown_default = "is made, on plain ground"),
    {"labels",
     NULL,
     AT(parser_dir),
     {"parser", DR_OPT_STRING, NULL, "DIR", "folder of a clothes parser, for photos without a label map",
      .shown_default = "DRAPE_PARSER, or the one that comes with drape"}},
    {"labels", NULL, 0, {"", DR_OPT_HEADING, NULL, NULL, "more pictures, in folders beside the result:"}},
    {"labels", NULL, AT(keep_warped), {"keep-warped", DR_OPT_FLAG, NULL, NULL, "the warped cloth and its mask"}},
    {"labels",
     NULL,
     AT(keep_all),
     {"keep-all", DR_OPT_FLAG, NULL, NULL,
      "these, the flow, the map of what will be where, and what the networks were given"}},
    {"labels", NULL, 0, {"", DR_OPT_HEADING, NULL, NULL, "running:"}},
    {"labels",
     NULL,
     AT(threads),
     {"threads", DR_OPT_INT, NULL, "N", "threads to use", 0, 1024, .shown_default = DR_DEFAULT_THREADS}},
    {"labels", NULL, AT(quiet), {"quiet|q", DR_OPT_FLAG, NULL, NULL, "no progress"}},
    {"labels", NULL, AT(json), {"json", DR_OPT_FLAG, NULL, NULL, "results as JSON on standard output"}},
};

static int parse(warp_cli *c, int argc, char **argv)
{
    dr_opt_set s;
    dr_opt_table(&s, drape_warp_option, &c->o, own, sizeof own / sizeof *own, c);
    int bad = dr_opt_parse(&dr_cmd_warp, s.opt, s.count, argc, argv, NULL);
    c->o.callbacks = (drape_warp_callbacks){c, on_progress, dr_cli_interrupted};
    return bad ? bad : check(c);
}

/* What can be wrong is found before the networks are read. */
static drape_status prepare(warp_cli *c)
{
    drape_load_options o = {.note = on_note};
    drape_status st = DRAPE_OK;
    if (c->data)
        st = drape_warp_pairs_read(&c->pairs, c->data, c->list);
    if (!st && c->data)
        st = (drape_status)dr_mkdirs(c->output);
    if (!st)
        st = drape_warper_load(&c->warper, c->condition, c->generator, &o);
    return st ? st : drape_warp_check(c->warper, &c->o);
}

static int run(int argc, char **argv)
{
    warp_cli c = {.o = DRAPE_WARP_DEFAULTS};
    int rc = parse(&c, argc, argv);
    if (rc)
        return rc < 0 ? 0 : rc;
    dr_set_threads(c.threads);
    c.report = json_array();
    drape_status st = prepare(&c);
    rc = st ? dr_cli_fail(&dr_cmd_warp, (int)st) : c.pairs ? warp_list(&c) : warp_single(&c);
    drape_warper_free(c.warper);
    drape_parser_free(c.parser);
    drape_warp_pairs_free(c.pairs);
    if (c.json) {
        json_dumpf(c.report, stdout, JSON_INDENT(1));
        putchar('\n');
    }
    json_decref(c.report);
    return rc;
}

const dr_command dr_cmd_warp = {
    "warp", "dress a person in the garment of a photo with HR-VITON, a GAN, for comparison",
    "--condition FILE --generator FILE -o OUT (--data DIR [--pairs FILE] | --image PHOTO --cloth PHOTO ...)",
    "  drape warp --condition mtviton.pth --generator gen.pth --data zalando-hd/test --pairs test_pairs.txt \\\n"
    "    --occlusion -o results/\n",
    run};
