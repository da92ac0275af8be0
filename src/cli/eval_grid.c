#include "cli/eval_grid.h"

#include "base/choice.h"
#include "base/file.h"
#include "base/path.h"
#include "base/progress.h"
#include "cli/commands.h"
#include "cli/files.h"
#include "cli/mask_words.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SHEET "grid.jpg"

/* --- checkpoints ---------------------------------------------------------------------------------------- */

/* A folder that a training of all weights left on the way: what is trained, and nothing else of a model. */
static bool is_part_of_model(const char *path)
{
    char inner[PATH_MAX], index[PATH_MAX];
    return !dr_path(inner, sizeof inner, path, "unet") && dr_is_dir(inner) &&
           !dr_path(index, sizeof index, path, "model_index.json") && !dr_exists(index);
}

/* A link to `part` of one folder in another; nothing where it is not there. */
static dr_status link_part(const char *from, const char *to, const char *part)
{
    char target[PATH_MAX], real[PATH_MAX], link[PATH_MAX];
    if (dr_path(target, sizeof target, from, part) || !realpath(target, real))
        return DR_OK;
    dr_status st = dr_path(link, sizeof link, to, part);
    if (!st && symlink(real, link) != 0 && errno != EEXIST)
        st = dr_fail(DR_EIO, "cannot link '%s' as '%s': %s", real, link, strerror(errno));
    return st;
}

/* Such a folder with the rest of a model around it, in links: GRID/models/N. */
static dr_status complete_model(const dr_grid *g, int number, char *out, size_t n)
{
    const char *checkpoint = g->checkpoints.item[number];
    static const char *const parts[] = {"unet", "text_encoder", "vae", "tokenizer", "scheduler", "model_index.json"};
    char base[PATH_MAX];
    dr_status st = g->model ? dr_path(base, sizeof base, g->model) : dr_path_folder(base, sizeof base, checkpoint);
    if (!st)
        st = dr_path_format(out, n, g->dir, "models/%d", number + 1);
    if (!st)
        st = dr_remove_tree(out); /* of another run, with another base */
    if (!st)
        st = dr_mkdirs(out);
    for (size_t i = 0; !st && i < sizeof parts / sizeof *parts; i++) {
        st = link_part(checkpoint, out, parts[i]);
        if (!st)
            st = link_part(base, out, parts[i]);
    }
    return st;
}

/* Which kind of method a checkpoint is: a model that loads, or else an adapter. */
static bool is_model(const char *path)
{
    drape_pipeline *p = NULL;
    bool loads = drape_pipeline_load(&p, path, NULL) == DRAPE_OK;
    drape_pipeline_free(p);
    return loads;
}

/* The last `parts` names of a path: "out/checkpoint-5" of "runs/out/checkpoint-5/". */
static void tail_of(char *out, size_t n, const char *path, int parts)
{
    size_t end = dr_path_trimmed(path), from = end;
    while (from > 0 && (path[from - 1] != '/' || --parts > 0))
        from--;
    snprintf(out, n, "%.*s", (int)(end - from < n ? end - from : n - 1), path + from);
    for (char *c = out; *c; c++)
        if (*c == '=') /* which begins a method's kind */
            *c = '-';
}

/* Its name, with as much of the folders above as tells it from the others. */
static void name_of(char *out, size_t n, const dr_grid *g, int i)
{
    char other[128];
    for (int parts = 1; parts <= 3; parts++) {
        bool alone = true;
        tail_of(out, n, g->checkpoints.item[i], parts);
        for (int k = 0; k < g->checkpoints.count; k++) {
            tail_of(other, sizeof other, g->checkpoints.item[k], parts);
            alone = alone && (k == i || strcmp(out, other) != 0);
        }
        if (alone)
            return;
    }
    snprintf(out, n, "checkpoint %d", i + 1);
}

static int add_checkpoint(dr_grid *g, const dr_command *cmd, int number)
{
    char whole[PATH_MAX], spec[2 * PATH_MAX], name[100];
    const char *path = g->checkpoints.item[number];
    dr_method common = {.model = g->model, .region = "mask", .precision = "exact", .o = DRAPE_TRYON_DEFAULTS};
    bool part = is_part_of_model(path);
    dr_status st = part ? complete_model(g, number, whole, sizeof whole) : DR_OK;
    if (st)
        return dr_cli_fail(cmd, st);
    if (part && !is_model(whole))
        return dr_usage_error(cmd,
                              "--checkpoint '%s' is a part of a model: name the model that it is of with --model (%s)",
                              path, drape_error());
    name_of(name, sizeof name, g, number);
    common.o.prompt = g->prompt;
    common.o.wardrobe = false; /* weights are compared; checkpoints have no photos */
    common.o.steps = g->steps;
    common.o.seed = g->seed;
    for (int i = 0; i < g->scales; i++) {
        common.o.guidance_scale = g->scale[i];
        if (part || is_model(path))
            snprintf(spec, sizeof spec, "%s, %g=taught:%s", name, g->scale[i], part ? whole : path);
        else
            snprintf(spec, sizeof spec, "%s, %g=adapter:%s", name, g->scale[i], path);
        int bad = dr_methods_add(&g->methods, cmd, &common, spec);
        if (bad)
            return bad;
    }
    return 0;
}

/* --- what is shown on the way ----------------------------------------------------------------------------- */

typedef struct shown {
    const dr_command *cmd;
    dr_progress bar;
    bool open, quiet;
} shown;

static void end_bar(shown *s)
{
    if (s->open)
        dr_progress_end(&s->bar);
    s->open = false;
}

static void on_at(void *user, int index, int count, const char *method, uint64_t seed, const char *what, double part)
{
    enum { PARTS = 100 };
    shown *s = user;
    char text[200];
    if (!s->open)
        dr_progress_start(&s->bar, "painting", (long)count * PARTS, s->quiet);
    s->open = true;
    snprintf(text, sizeof text, "%.80s, seed %llu, %s", method, (unsigned long long)seed, what);
    dr_progress_set(&s->bar, (long)((index + part) * PARTS), text);
}

static void on_note(void *user, const char *method, const char *text)
{
    shown *s = user;
    end_bar(s);
    fprintf(stderr, "drape %s: %s: %s\n", s->cmd->name, method, text);
}

static bool on_cancel(void *user)
{
    (void)user;
    return dr_cli_interrupted(NULL);
}

/* --- the job ------------------------------------------------------------------------------------------------- */

static int read_scales(dr_grid *g, const dr_command *cmd)
{
    for (const char *p = g->guidance; *p;) {
        char *end;
        double v = strtod(p, &end);
        if (end == p || (*end && *end != ',') || v < 0 || v > 100)
            return dr_usage_error(cmd, "--guidance-scale is '%.60s', must be numbers from 0 to 100 with commas between",
                                  g->guidance);
        if (g->scales == DR_GRID_MOST)
            return dr_usage_error(cmd, "--guidance-scale has more than %d values", DR_GRID_MOST);
        g->scale[g->scales++] = v;
        p = *end ? end + 1 : end;
    }
    return 0;
}

static int check(dr_grid *g, const dr_command *cmd)
{
    const char *category;
    if (!g->image || !g->prompt || g->checkpoints.count == 0)
        return dr_usage_error(cmd, "--grid needs --image, --prompt and at least one --checkpoint");
    if (dr_mask_is_auto(g->mask, &category) && category && dr_choice_index(dr_mask_categories(), category) < 0)
        return dr_usage_error(cmd, "--mask %s: '%s' is not one of %s", g->mask, category, dr_mask_categories());
    if (dr_exists(g->dir) && !dr_is_dir(g->dir))
        return dr_usage_error(cmd, "--grid '%s' is a file; it must be a folder", g->dir);
    for (int i = 0; i < g->checkpoints.count; i++)
        if (!dr_exists(g->checkpoints.item[i]))
            return dr_usage_error(cmd, "--checkpoint: there is no '%s'", g->checkpoints.item[i]);
    return read_scales(g, cmd);
}

static drape_status make_mask(dr_grid *g, const dr_command *cmd, const char *category)
{
    drape_mask_options o = DRAPE_MASK_DEFAULTS;
    drape_parser *parser = NULL;
    o.category = category ? (drape_category)dr_choice_index(dr_mask_categories(), category) : DRAPE_UPPER;
    o.name = g->image;
    o.cancel = dr_cli_interrupted;
    drape_status st = drape_parser_load(&parser, g->parser);
    if (!st)
        dr_warn_of_labels(cmd, parser);
    if (!st)
        st = drape_mask(parser, &g->c.scene.person, &o, &g->c.scene.mask);
    drape_parser_free(parser);
    return st;
}

static drape_status read_mask(dr_grid *g, const dr_command *cmd)
{
    const char *category;
    char doubts[1024];
    if (dr_mask_is_auto(g->mask, &category))
        return make_mask(g, cmd, category);
    drape_status st =
        drape_mask_read_for(&g->c.scene.mask, g->mask, &g->c.scene.person, g->image, doubts, sizeof doubts);
    if (!st && doubts[0])
        fprintf(stderr, "drape %s: warning: %s\n", cmd->name, doubts);
    return st;
}

static dr_status read_pictures(dr_grid *g, const dr_command *cmd)
{
    dr_comparison *c = &g->c;
    dr_status st = (dr_status)drape_image_read(&c->scene.person, g->image);
    if (!st)
        st = (dr_status)read_mask(g, cmd);
    c->garment_paths = g->garments;
    g->garments = (dr_opt_list){0};
    c->garments = calloc((size_t)c->garment_paths.count + 1, sizeof *c->garments);
    if (!st && !c->garments)
        st = dr_fail(DR_ENOMEM, "out of memory");
    for (int i = 0; !st && i < c->garment_paths.count; i++)
        st = (dr_status)drape_image_read(&c->garments[i], c->garment_paths.item[i]);
    if (!st && g->reference_photo)
        st = (dr_status)drape_image_read(&c->reference, g->reference_photo);
    if (!st && g->reference_photo &&
        (c->reference.width != c->scene.person.width || c->reference.height != c->scene.person.height))
        st =
            dr_fail(DR_EINVAL, "reference '%s' is %dx%d, photo '%s' %dx%d: they must have one size", g->reference_photo,
                    c->reference.width, c->reference.height, g->image, c->scene.person.width, c->scene.person.height);
    return st;
}

static dr_status paint(dr_grid *g, shown *s)
{
    const dr_watcher watcher = {s, on_at, on_note, on_note, on_cancel};
    dr_status st = dr_comparison_plan(&g->c, &g->methods);
    if (!st)
        st = dr_record_reuse(&g->c);
    if (!st)
        st = dr_comparison_run(&g->c, &watcher);
    end_bar(s);
    if (!st)
        st = dr_comparison_measure(&g->c);
    if (!st)
        st = dr_record_save(&g->c);
    return st ? st : dr_grid_sheet(g, SHEET);
}

static int tell(const dr_grid *g)
{
    int failed = 0;
    for (int i = 0; i < g->c.rows; i++)
        failed += g->c.row[i].error != NULL;
    if (g->json) {
        json_t *record = dr_record_json(&g->c);
        json_dumpf(record, stdout, JSON_INDENT(1));
        putchar('\n');
        json_decref(record);
    } else {
        char *path = dr_comparison_path(&g->c, SHEET);
        printf("%s\n", path ? path : SHEET);
        free(path);
    }
    return failed ? DR_EXIT_FAILED : 0;
}

int dr_grid_run(dr_grid *g, const dr_command *cmd)
{
    shown s = {.cmd = cmd, .quiet = g->quiet};
    int bad = check(g, cmd);
    g->c.dir = g->dir;
    g->c.image = g->c.scene.image = g->image;
    g->c.title = g->prompt;
    g->c.reference_path = g->reference_photo;
    g->c.seed = g->seed;
    g->c.seeds = g->num_images;
    g->c.scene.one = g->num_images == 1;
    dr_status st = bad ? DR_OK : read_pictures(g, cmd);
    for (int i = 0; !bad && !st && i < g->checkpoints.count; i++)
        bad = add_checkpoint(g, cmd, i);
    if (bad)
        return bad;
    if (!st)
        st = dr_mkdirs(g->dir);
    if (!st)
        st = paint(g, &s);
    return st ? dr_cli_fail(cmd, st) : tell(g);
}

void dr_grid_free(dr_grid *g)
{
    dr_comparison_free(&g->c);
    dr_methods_free(&g->methods);
    dr_opt_list_free(&g->checkpoints);
    dr_opt_list_free(&g->garments);
}
