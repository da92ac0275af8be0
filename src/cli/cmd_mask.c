/* drape mask: on the public API alone, like any other program. */
#include "base/choice.h"
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

#define MAX_PERSONS 64

enum { MASK, LABELS, OVERLAY, KINDS };

typedef struct mask_cli {
    const char *parser_dir;
    const char *output[KINDS]; /* as given */
    dr_opt_list photos, rough;
    int threads;
    bool refine, quiet, json;
    bool said; /* something about the mask to be made */
    drape_mask_options o;
    /* while running */
    drape_parser *parser;
    bool at_fault; /* the parser failed, which it would do for every photo */
    json_t *report;
} mask_cli;

/* What becomes of one photo. */
typedef struct sheet {
    const char *name;
    char *path[KINDS]; /* NULL: not asked for */
    drape_image photo, labels, mask;
} sheet;

static dr_results results(const mask_cli *c, int kind)
{
    static const char *const option[] = {"--output", "--labels", "--overlay"};
    return (dr_results){option[kind], c->output[kind], 1};
}

/* --- one photo ---------------------------------------------------------------------------------- */

static drape_status name_results(const mask_cli *c, sheet *s)
{
    for (int k = 0; k < KINDS; k++) {
        dr_results r = results(c, k);
        if (r.output && !(s->path[k] = dr_output_name(&r, s->name, c->photos.count, 0)))
            return DRAPE_EIO;
    }
    return DRAPE_OK;
}

static drape_status snap(const mask_cli *c, int i, sheet *s)
{
    char warnings[1024], *path = dr_mask_for(&c->rough, s->name, i);
    drape_image rough = {0};
    drape_status st =
        path ? drape_mask_read_for(&rough, path, &s->photo, s->name, warnings, sizeof warnings) : DRAPE_ENOENT;
    if (!st && warnings[0])
        fprintf(stderr, "drape mask: warning: %s\n", warnings);
    if (!st)
        st = drape_mask_refine(&rough, &s->photo, &s->labels, &c->o, &s->mask);
    drape_image_free(&rough);
    free(path);
    return st;
}

static drape_status write_colours(const sheet *s)
{
    drape_image picture = {0};
    drape_status st = drape_mask_colours(&s->labels, &picture);
    if (!st)
        st = drape_image_write(&picture, s->path[LABELS], NULL);
    drape_image_free(&picture);
    return st;
}

static drape_status write_overlay(const sheet *s)
{
    drape_image picture = {0};
    drape_status st = drape_mask_overlay(&s->photo, &s->mask, &picture);
    if (!st)
        st = drape_image_write(&picture, s->path[OVERLAY], NULL);
    drape_image_free(&picture);
    return st;
}

/* The mask last: where it is, everything is. */
static drape_status write_all(const sheet *s)
{
    drape_status st = s->path[LABELS] ? write_colours(s) : DRAPE_OK;
    if (!st && s->path[OVERLAY])
        st = write_overlay(s);
    return st ? st : drape_image_write(&s->mask, s->path[MASK], NULL);
}

/* --- what is said about it ------------------------------------------------------------------------ */

static double masked_part(const drape_image *mask)
{
    size_t n = (size_t)mask->width * (size_t)mask->height, white = 0;
    for (size_t i = 0; i < n; i++)
        white += mask->data[i] >= 128;
    return (double)white / (double)n;
}

static json_t *labels_json(const drape_image *labels)
{
    json_int_t count[DRAPE_LABELS] = {0};
    json_t *j = json_object();
    for (size_t i = 0; i < (size_t)labels->width * (size_t)labels->height; i++)
        count[labels->data[i]]++;
    for (int k = 0; k < DRAPE_LABELS; k++)
        if (count[k])
            json_object_set_new(j, drape_label_name(k), json_integer(count[k]));
    return j;
}

static json_t *persons_json(const drape_person *person, int n)
{
    json_t *j = json_array();
    for (int i = 0; i < n; i++)
        json_array_append_new(j, json_pack("{s:i, s:i, s:i, s:i, s:I}", "x", person[i].x, "y", person[i].y, "width",
                                           person[i].width, "height", person[i].height, "area",
                                           (json_int_t)person[i].area));
    return j;
}

static void report(mask_cli *c, const sheet *s, double seconds)
{
    static const char *const key[] = {"output", "labels_output", "overlay"};
    drape_person person[MAX_PERSONS];
    int n = drape_mask_persons(&s->labels, person, MAX_PERSONS);
    double masked = masked_part(&s->mask);
    if (!c->quiet)
        fprintf(stderr, "%s: %dx%d, %d person%s, %.1f %% masked, %.1f s\n", s->path[MASK], s->mask.width,
                s->mask.height, n > 0 ? n : 0, n == 1 ? "" : "s", 100 * masked, seconds);
    if (!c->json) {
        printf("%s\n", s->path[MASK]);
        return;
    }
    json_t *j =
        json_pack("{s:s, s:s, s:i, s:i, s:o, s:o, s:f, s:f}", "image", s->name, "parser", drape_parser_dir(c->parser),
                  "width", s->mask.width, "height", s->mask.height, "persons", persons_json(person, n), "labels",
                  labels_json(&s->labels), "masked", masked, "seconds", seconds);
    for (int k = 0; k < KINDS; k++)
        if (s->path[k])
            json_object_set_new(j, key[k], json_string(s->path[k]));
    json_array_append_new(c->report, j);
}

/* --- all photos --------------------------------------------------------------------------------- */

static drape_status mask_photo(mask_cli *c, int i)
{
    sheet s = {.name = c->photos.item[i]};
    double t0 = dr_now();
    c->o.name = s.name;
    drape_status st = drape_image_read(&s.photo, s.name);
    if (!st) {
        st = drape_mask_labels(c->parser, &s.photo, &c->o, &s.labels);
        c->at_fault = st && st != DRAPE_ENOMEM;
    }
    if (!st)
        st = c->refine ? snap(c, i, &s) : drape_mask_from_labels(&s.labels, &c->o, &s.mask);
    if (!st && dr_cli_interrupted(NULL))
        st = DRAPE_ECANCELLED;
    if (!st)
        st = name_results(c, &s);
    if (!st)
        st = write_all(&s);
    if (!st)
        report(c, &s, dr_now() - t0);
    drape_image_free(&s.photo);
    drape_image_free(&s.labels);
    drape_image_free(&s.mask);
    for (int k = 0; k < KINDS; k++)
        free(s.path[k]);
    return st;
}

/* A photo that fails is named and the next goes on; a parser that fails ends it all. Returns 0, 1, or 130. */
static int mask_all(mask_cli *c)
{
    int failed = 0;
    for (int i = 0; i < c->photos.count; i++) {
        drape_status st = mask_photo(c, i);
        if (st == DRAPE_ECANCELLED || c->at_fault)
            return dr_cli_fail(&dr_cmd_mask, (int)st);
        if (st)
            dr_photo_failed(&dr_cmd_mask, c->photos.item[i], drape_error());
        failed += st != DRAPE_OK;
    }
    return failed ? DR_EXIT_FAILED : 0;
}

/* --- options ------------------------------------------------------------------------------------ */

static int check_refine(const mask_cli *c)
{
    if (!c->refine && c->rough.count)
        return dr_usage_error(&dr_cmd_mask, "--mask is a painted mask to improve: add --refine");
    if (!c->refine)
        return 0;
    if (c->rough.count == 0)
        return dr_usage_error(&dr_cmd_mask, "--refine needs the painted mask: --mask FILE");
    if (c->said)
        return dr_usage_error(&dr_cmd_mask,
                              "--refine keeps to the painted mask: --what, --category, --sleeve, --person and --grow "
                              "have no meaning with it");
    return dr_check_masks(&dr_cmd_mask, &c->photos, &c->rough);
}

static int check(const mask_cli *c)
{
    dr_results r[KINDS];
    if (c->photos.count == 0)
        return dr_usage_error(&dr_cmd_mask, "no photo given");
    int bad = check_refine(c);
    for (int k = 0; k < KINDS; k++) {
        r[k] = results(c, k);
        if (!bad)
            bad = dr_check_result_names(&dr_cmd_mask, &r[k], c->photos.count);
    }
    if (bad)
        return bad;
    dr_status st = dr_check_outputs(&c->photos, &c->rough, r, KINDS);
    return st ? dr_cli_fail(&dr_cmd_mask, st) : 0;
}

#define AT(field) offsetof(mask_cli, field)
static const dr_own own[] = {
    {NULL,
     NULL,
     AT(output[MASK]),
     {"output|o", DR_OPT_STRING, NULL, "OUT", "the mask (.png .jpg .webp .tif), or a folder for STEM.png",
      .required = true}},
    {"grow", NULL, 0, {"", DR_OPT_HEADING, NULL, NULL, "more pictures:"}},
    {"grow",
     NULL,
     AT(output[LABELS]),
     {"labels", DR_OPT_STRING, NULL, "FILE", "which garment or body part each pixel shows, in colours; or a folder",
      .shown_default = ""}},
    {"grow",
     NULL,
     AT(output[OVERLAY]),
     {"overlay", DR_OPT_STRING, NULL, "FILE", "the photo with the mask tinted; or a folder", .shown_default = ""}},
    {"grow", NULL, 0, {"", DR_OPT_HEADING, NULL, NULL, "a painted mask:"}},
    {"grow",
     NULL,
     AT(refine),
     {"refine", DR_OPT_FLAG, NULL, NULL, "snap the rough mask --mask to the garment under it"}},
    {"grow",
     NULL,
     AT(rough),
     {"mask", DR_OPT_LIST, NULL, "MASK", "the rough mask; one for all photos, one each, or a folder",
      .shown_default = ""}},
    {"grow", NULL, 0, {"", DR_OPT_HEADING, NULL, NULL, "running:"}},
    {"grow",
     NULL,
     AT(parser_dir),
     {"parser", DR_OPT_STRING, NULL, "DIR", "folder of another clothes parser",
      .shown_default = "DRAPE_PARSER, or the one that comes with drape"}},
    {"grow",
     NULL,
     AT(threads),
     {"threads", DR_OPT_INT, NULL, "N", "threads to use", 0, 1024, .shown_default = DR_DEFAULT_THREADS}},
    {"grow", NULL, AT(quiet), {"quiet|q", DR_OPT_FLAG, NULL, NULL, "no figures on standard error"}},
    {"grow",
     NULL,
     AT(json),
     {"json", DR_OPT_FLAG, NULL, NULL,
      "results as JSON on standard output: persons, labels, the masked part of the photo"}},
};

static int parse(mask_cli *c, int argc, char **argv)
{
    dr_opt_set s;
    dr_opt_table(&s, drape_mask_option, &c->o, own, sizeof own / sizeof *own, c);
    int bad = dr_opt_parse(&dr_cmd_mask, s.opt, s.count, argc, argv, &c->photos);
    c->said = s.given;
    if (!bad)
        dr_pass_over_folders(&dr_cmd_mask, &c->photos, &c->rough);
    if (!bad)
        bad = check(c);
    c->o.cancel = dr_cli_interrupted;
    return bad;
}

static int run(int argc, char **argv)
{
    mask_cli c = {.o = DRAPE_MASK_DEFAULTS};
    int rc = parse(&c, argc, argv);
    if (rc == 0) {
        dr_set_threads(c.threads);
        c.report = json_array();
        drape_status st = drape_parser_load(&c.parser, c.parser_dir);
        if (!st)
            dr_warn_of_labels(&dr_cmd_mask, c.parser);
        rc = st ? dr_cli_fail(&dr_cmd_mask, (int)st) : mask_all(&c);
        drape_parser_free(c.parser);
        if (c.json) {
            json_dumpf(c.report, stdout, JSON_INDENT(1));
            putchar('\n');
        }
        json_decref(c.report);
    }
    dr_opt_list_free(&c.photos);
    dr_opt_list_free(&c.rough);
    return rc < 0 ? 0 : rc;
}

const dr_command dr_cmd_mask = {"mask",
                                "make the mask of a photo: where a new garment may go, or the garment that is worn",
                                "PHOTO... -o MASK.png [--category upper|lower|dress|outer] [--what agnostic|garment]",
                                "  drape mask person.jpg -o mask.png --overlay seen.jpg\n"
                                "  drape mask --what garment photos/*.jpg -o masks/\n",
                                run};
