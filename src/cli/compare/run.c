/* One method after another, seed by seed. */
#include "cli/compare/compare.h"

#include "base/file.h"
#include "base/path.h"
#include "base/progress.h"
#include "cli/compare/text_json.h"

#include <glib.h>
#include <stdlib.h>
#include <string.h>

typedef struct run {
    dr_comparison *c;
    const dr_watcher *watch;
    dr_row *row;
    int index, count; /* of the picture among those to be made */
    uint64_t seed;
    const char *stage;
} run;

/* --- what is heard on the way --------------------------------------------------------------------------- */

static void tell(const run *r, double part)
{
    r->watch->at(r->watch->user, r->index, r->count, r->row->method->name, r->seed, r->stage, part);
}

static void on_part(void *user, const char *what, double behind)
{
    run *r = user;
    r->stage = what;
    tell(r, behind);
}

/* Each once, however many pictures say it. */
static void on_note(void *user, const char *text)
{
    run *r = user;
    json_t *note = dr_text_json(text);
    const json_t *old;
    size_t i;
    json_array_foreach(r->row->notes, i, old) if (json_equal(old, note))
    {
        json_decref(note);
        return;
    }
    json_array_append_new(r->row->notes, note);
    r->watch->note(r->watch->user, r->row->method->name, text);
}

static bool on_cancel(void *user)
{
    const run *r = user;
    return r->watch->cancel(r->watch->user);
}

/* --- one picture -------------------------------------------------------------------------------------------- */

static dr_status keep(const dr_comparison *c, dr_cell *cell, const drape_image *picture, const char *text)
{
    char *path = dr_comparison_path(c, cell->file);
    dr_status st = path ? (dr_status)drape_image_write(picture, path, text) : DR_ENOMEM;
    if (!st)
        st = dr_hash_file(cell->content, path);
    free(path);
    if (st)
        return st;
    cell->width = picture->width;
    cell->height = picture->height;
    cell->done = true;
    return dr_record_save(c);
}

/* *fatal: the folder cannot be written, which no other method would change. */
static dr_status paint(run *r, const dr_painter *painter, void *self, dr_cell *cell, bool *fatal)
{
    drape_image picture = {0};
    double t0 = dr_now();
    r->seed = cell->seed;
    dr_status st = (dr_status)painter->paint(self, cell->seed, &picture);
    cell->seconds = dr_now() - t0;
    if (!st) {
        char *text = painter->text(self, &picture);
        r->row->peak = dr_rss_peak();
        st = keep(r->c, cell, &picture, text);
        *fatal = st != DR_OK;
        free(text);
    }
    drape_image_free(&picture);
    tell(r, 1);
    return st;
}

/* --- one method ---------------------------------------------------------------------------------------------- */

static int missing(const dr_comparison *c, const dr_row *row)
{
    int n = 0;
    for (int k = 0; k < c->seeds; k++)
        n += !row->cell[k].done;
    return n;
}

/* A failure is the whole method's: what a seed meets, another would. */
static dr_status run_row(run *r, bool *fatal)
{
    const dr_method *m = r->row->method;
    const dr_painter *painter = m->kind->painter;
    const dr_listener listener = {r, on_part, on_note, on_cancel};
    void *self = NULL;
    bool first = true, known = dr_rss_peak_restart();
    r->stage = "loading";
    json_array_clear(r->row->notes);
    dr_status st = (dr_status)painter->open(&self, m, &r->c->scene, &listener);
    if (!st) {
        json_decref(r->row->settings);
        r->row->settings = painter->settings(self);
    }
    for (int k = 0; !st && k < r->c->seeds; k++) {
        dr_cell *cell = &r->row->cell[k];
        if (cell->done)
            continue;
        cell->first = first;
        first = false;
        st = paint(r, painter, self, cell, fatal);
        r->index += !st;
    }
    if (!known)
        r->row->peak = 0;
    if (self)
        painter->close(self);
    return st;
}

dr_status dr_comparison_run(dr_comparison *c, const dr_watcher *w)
{
    run r = {.c = c, .watch = w};
    bool fatal = false;
    dr_status st = DR_OK;
    for (int i = 0; i < c->rows; i++)
        r.count += missing(c, &c->row[i]);
    char *folder = dr_comparison_path(c, "pictures");
    st = folder ? dr_mkdirs(folder) : DR_ENOMEM;
    free(folder);
    for (int i = 0; !st && i < c->rows; i++) {
        int before = r.index, wanted = missing(c, &c->row[i]);
        r.row = &c->row[i];
        if (!wanted)
            continue;
        st = run_row(&r, &fatal);
        if (!st || st == DR_ECANCELLED || fatal)
            continue;
        r.row->error = g_strdup(dr_error());
        w->failed(w->user, r.row->method->name, r.row->error);
        r.index = before + wanted;
        st = DR_OK;
    }
    return st;
}
