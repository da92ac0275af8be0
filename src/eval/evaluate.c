#include "eval/evaluate.h"

#include "base/path.h"
#include "base/progress.h"
#include "eval/evaluator.h"
#include "eval/keep.h"
#include "eval/pairs.h"
#include "eval/sets.h"
#include "eval/summary.h"
#include "io/image.h"
#include "io/mask.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Raise it when a number comes out otherwise than before. */
#define VERSION 1

typedef struct run {
    const drape_eval_options *o;
    dr_evaluator evaluator;
    dr_pairs pairs;
    dr_keep keep;
    char settings[PATH_MAX + 1024]; /* all that numbers depend on beside the files */
    bool shown[DRAPE_EVAL_METRICS]; /* what was asked for; PSNR is always found, since it tells equal pictures */
    drape_eval_numbers *found;      /* of each pair */
    bool *judged;                   /* false: it failed */
    dr_set_number set[DRAPE_EVAL_METRICS];
    bool full; /* nothing more can be kept */
    int reused;
    json_t *rows, *failed, *notes;
} run;

/* A pair's pictures. */
typedef struct sheet {
    dr_image result, reference, mask, garment;
    char size[64]; /* "512x768", the result's before it was resized */
} sheet;

static void sheet_clear(sheet *s)
{
    dr_image_clear(&s->result);
    dr_image_clear(&s->reference);
    dr_image_clear(&s->mask);
    dr_image_clear(&s->garment);
}

static void note(run *r, const char *text)
{
    json_array_append_new(r->notes, json_string(text));
    if (r->o->callbacks.note)
        r->o->callbacks.note(r->o->callbacks.user, text);
}

/* --- pictures ------------------------------------------------------------------------------------------ */

static bool same_size(const dr_image *a, const dr_image *b)
{
    return a->width == b->width && a->height == b->height;
}

static dr_status resize_to(dr_image *im, const dr_image *like)
{
    dr_image out = {0};
    dr_status st = dr_image_resize(&out, im, like->width, like->height, DR_LANCZOS);
    if (st)
        return st;
    dr_image_clear(im);
    *im = out;
    return DR_OK;
}

static dr_status match_sizes(const run *r, const dr_pair *p, sheet *s)
{
    if (same_size(&s->result, &s->reference))
        return DR_OK;
    if (strcmp(r->o->resize, "result") == 0)
        return resize_to(&s->result, &s->reference);
    if (strcmp(r->o->resize, "reference") == 0)
        return resize_to(&s->reference, &s->result);
    return dr_fail(
        DR_EINVAL,
        "'%s' is %dx%d, its reference '%s' %dx%d: resize says which of the two is brought to the other's size",
        p->result, s->result.width, s->result.height, p->reference, s->reference.width, s->reference.height);
}

static dr_status read_sheet(const run *r, const dr_pair *p, sheet *s)
{
    dr_status st = dr_image_read(&s->result, p->result, 3);
    if (!st)
        st = dr_image_read(&s->reference, p->reference, 3);
    if (!st)
        snprintf(s->size, sizeof s->size, "%dx%d", s->result.width, s->result.height);
    if (!st)
        st = match_sizes(r, p, s);
    if (!st && p->mask)
        st = dr_mask_load(&s->mask, p->mask, s->result.width, s->result.height, p->result,
                          &(dr_mask_options){.whole = true});
    if (!st && p->garment)
        st = dr_image_read(&s->garment, p->garment, 3);
    return st;
}

/* --- one pair ------------------------------------------------------------------------------------------ */

static const drape_image *given(const dr_image *im)
{
    return im->data ? (const drape_image *)im : NULL;
}

static dr_status judge(run *r, int i)
{
    const dr_pair *p = &r->pairs.item[i];
    const char *const path[] = {p->result, p->reference, p->mask, p->garment};
    char key[DR_KEEP_KEY];
    sheet s = {0};
    dr_status st = dr_keep_key(key, r->settings, path, 4);
    const void *kept = st ? NULL : dr_keep_find(&r->keep, key, sizeof r->found[i]);
    if (kept) {
        memcpy(&r->found[i], kept, sizeof r->found[i]);
        r->reused++;
        return DR_OK;
    }
    if (!st)
        st = read_sheet(r, p, &s);
    drape_eval_input in = {given(&s.result), given(&s.reference), given(&s.mask), given(&s.garment)};
    if (!st)
        st = dr_evaluator_pair(&r->evaluator, &in, &r->found[i]);
    sheet_clear(&s);
    if (st)
        return st;
    st = dr_keep_add(&r->keep, key, &r->found[i], sizeof r->found[i]);
    r->full = st != DR_OK;
    return st;
}

static json_t *number(double v)
{
    return isfinite(v) ? json_real(v) : json_null();
}

static json_t *path_text(const char *path)
{
    json_t *j = path ? json_string(path) : json_null();
    return j ? j : json_null(); /* no UTF-8 */
}

static json_t *row_of(const run *r, int i)
{
    const dr_pair *p = &r->pairs.item[i];
    json_t *j = json_object(), *numbers = json_object();
    for (int k = 0; k < DR_COLUMNS; k++)
        if (r->shown[k] && !dr_column_at(k)->of_set)
            json_object_set_new(numbers, dr_column_at(k)->name, number(r->found[i].value[k]));
    json_object_set_new(j, "name", path_text(p->name));
    json_object_set_new(j, "result", path_text(p->result));
    json_object_set_new(j, "reference", path_text(p->reference));
    json_object_set_new(j, "mask", path_text(p->mask));
    json_object_set_new(j, "garment", path_text(p->garment));
    json_object_set_new(j, "equal", json_boolean(isinf(r->found[i].value[DR_PSNR])));
    json_object_set_new(j, "numbers", numbers);
    return j;
}

static void fail_pair(run *r, int i)
{
    json_t *j = json_object();
    json_object_set_new(j, "name", path_text(r->pairs.item[i].name));
    json_object_set_new(j, "error", json_string(dr_error()));
    json_array_append_new(r->failed, j);
}

static bool cancelled(const run *r)
{
    return r->o->callbacks.cancel && r->o->callbacks.cancel(r->o->callbacks.user);
}

/* A file that cannot be read is told and the next comes; what would fail for every one ends it. */
static bool ends_all(const run *r, dr_status st)
{
    return st == DR_ENOMEM || r->full || (st && r->evaluator.at_fault);
}

static dr_status judge_all(run *r)
{
    const drape_eval_callbacks *cb = &r->o->callbacks;
    dr_status st = DR_OK;
    for (int i = 0; i < r->pairs.count; i++) {
        if (cb->progress)
            cb->progress(cb->user, r->pairs.item[i].name, i, r->pairs.count);
        st = cancelled(r) ? DR_ECANCELLED : judge(r, i);
        if (st == DR_ECANCELLED)
            return dr_fail(st, "interrupted after %d of %d; what was found is kept: the same command goes on", i,
                           r->pairs.count);
        if (ends_all(r, st))
            return st;
        r->judged[i] = !st;
        if (st)
            fail_pair(r, i);
        else
            json_array_append_new(r->rows, row_of(r, i));
    }
    if (cb->progress)
        cb->progress(cb->user, "", r->pairs.count, r->pairs.count);
    return json_array_size(r->rows) ? DR_OK : st;
}

/* --- before ------------------------------------------------------------------------------------------- */

static bool header_of(dr_image_header *h, const char *path)
{
    dr_map m;
    if (dr_map_open(&m, path))
        return false;
    dr_status st = dr_image_read_header(h, m.data, m.size, path);
    dr_map_close(&m);
    return st == DR_OK;
}

/* Sizes are looked at before the long work, all of them. */
static dr_status check_sizes(run *r)
{
    int odd = 0, first = -1;
    dr_image_header h[2], a[2] = {{0}};
    if (strcmp(r->o->resize, "no") != 0)
        return DR_OK;
    for (int i = 0; i < r->pairs.count; i++) {
        const dr_pair *p = &r->pairs.item[i];
        bool read = header_of(&h[0], p->result) && header_of(&h[1], p->reference);
        if (!read || /* which is told in its turn */
            (h[0].width == h[1].width && h[0].height == h[1].height))
            continue;
        if (odd++ == 0) {
            first = i;
            memcpy(a, h, sizeof a);
        }
    }
    if (!odd)
        return DR_OK;
    const dr_pair *p = &r->pairs.item[first];
    char others[64] = "";
    if (odd > 1)
        snprintf(others, sizeof others, ", and %d other pair%s", odd - 1, odd > 2 ? "s differ" : " differs");
    return dr_fail(DR_EINVAL,
                   "'%s' is %dx%d, its reference '%s' %dx%d%s: with --resize result or --resize reference the one is "
                   "brought to the other's size",
                   p->result, a[0].width, a[0].height, p->reference, a[1].width, a[1].height, others);
}

static void describe_settings(run *r)
{
    size_t used = (size_t)snprintf(r->settings, sizeof r->settings, "%d;%s;%d;%s;%s;", VERSION, r->o->resize,
                                   r->o->mask_grow, r->o->category, r->evaluator.parser_dir);
    char networks[512];
    dr_networks_describe(&r->evaluator.networks, r->evaluator.wanted, networks, sizeof networks);
    used += (size_t)snprintf(r->settings + used, sizeof r->settings - used, "%s", networks);
    for (int i = 0; i < DR_COLUMNS && used < sizeof r->settings; i++)
        if (r->evaluator.wanted[i] && !dr_column_at(i)->of_set)
            used += (size_t)snprintf(r->settings + used, sizeof r->settings - used, "%d,", i);
}

/* A cache that cannot be had is a pity, unless it was asked for. */
static dr_status open_keep(run *r)
{
    char path[PATH_MAX], folder[PATH_MAX - 64], key[DR_KEEP_KEY];
    if (r->o->cache)
        return r->o->cache[0] ? dr_keep_open(&r->keep, r->o->cache) : DR_OK;
    const char *real = realpath(r->o->results, path) ? path : r->o->results;
    dr_status st = dr_keep_key(key, real, NULL, 0);
    if (st || !dr_cache_folder(folder, sizeof folder))
        return st;
    key[16] = 0;
    if (dr_path_format(path, sizeof path, folder, "eval/%s", key) || dr_keep_open(&r->keep, path))
        note(r, "numbers are not kept for the next run: the user's cache folder cannot be written");
    return DR_OK;
}

static dr_status prepare(run *r)
{
    dr_status st = dr_evaluator_open(&r->evaluator, r->o);
    if (!st)
        st = dr_pairs_open(&r->pairs, r->o);
    if (!st)
        st = check_sizes(r);
    if (st)
        return st;
    memcpy(r->shown, r->evaluator.wanted, sizeof r->shown);
    r->evaluator.wanted[DR_PSNR] = true;
    describe_settings(r);
    r->found = calloc((size_t)r->pairs.count, sizeof *r->found);
    r->judged = calloc((size_t)r->pairs.count, sizeof *r->judged);
    return r->found && r->judged ? open_keep(r) : dr_fail(DR_ENOMEM, "out of memory");
}

/* --- all of them together ------------------------------------------------------------------------------- */

static void note_of_sets(void *user, const char *text)
{
    note(user, text);
}

static void progress_of_sets(void *user, const char *name, int done, int total)
{
    const drape_eval_callbacks *cb = &((const run *)user)->o->callbacks;
    if (cb->progress)
        cb->progress(cb->user, name, done, total);
}

static bool cancel_of_sets(void *user)
{
    return cancelled(user);
}

/* Of the pairs that were judged. */
static dr_status judge_sets(run *r)
{
    const drape_eval_callbacks cb = {r, progress_of_sets, note_of_sets, cancel_of_sets};
    const char **path = calloc(2 * (size_t)r->pairs.count, sizeof *path);
    int n = 0;
    if (!path)
        return dr_fail(DR_ENOMEM, "out of memory");
    for (int i = 0; i < r->pairs.count; i++)
        if (r->judged[i]) {
            path[n] = r->pairs.item[i].result;
            path[r->pairs.count + n++] = r->pairs.item[i].reference;
        }
    const dr_sets s = {.path = {path, path + r->pairs.count},
                       .name = {r->o->results, r->o->reference},
                       .count = n,
                       .networks = r->evaluator.networks.dir,
                       .keep = &r->keep,
                       .callbacks = &cb};
    dr_status st = dr_sets_measure(&s, r->shown, r->set);
    free(path);
    return st;
}

/* --- after -------------------------------------------------------------------------------------------- */

static json_t *summary_of(const run *r, int column, double *spare)
{
    int n = 0;
    for (int i = 0; i < r->pairs.count; i++)
        if (r->judged[i])
            spare[n++] = r->found[i].value[column];
    dr_summary s = dr_summary_of(spare, n);
    json_t *j = json_object();
    json_object_set_new(j, "mean", number(s.mean));
    json_object_set_new(j, "median", number(s.median));
    json_object_set_new(j, "deviation", number(s.deviation));
    json_object_set_new(j, "least", number(s.least));
    json_object_set_new(j, "most", number(s.most));
    json_object_set_new(j, "count", json_integer(s.count));
    return j;
}

/* The number stands where of the others the mean is. */
static json_t *summary_of_set(const run *r, int column)
{
    json_t *j = json_object();
    json_object_set_new(j, "mean", number(r->set[column].value));
    json_object_set_new(j, "median", json_null());
    json_object_set_new(j, "deviation", number(r->set[column].deviation));
    json_object_set_new(j, "least", json_null());
    json_object_set_new(j, "most", json_null());
    json_object_set_new(j, "count", json_integer((json_int_t)json_array_size(r->rows)));
    return j;
}

static dr_status summaries(const run *r, json_t **out)
{
    double *spare = malloc((size_t)r->pairs.count * sizeof *spare);
    if (!spare)
        return dr_fail(DR_ENOMEM, "out of memory");
    *out = json_object();
    for (int k = 0; k < DR_COLUMNS; k++)
        if (r->shown[k])
            json_object_set_new(*out, dr_column_at(k)->name,
                                dr_column_at(k)->of_set ? summary_of_set(r, k) : summary_of(r, k, spare));
    free(spare);
    return DR_OK;
}

static void doubts(run *r)
{
    size_t equal = 0, i, n = json_array_size(r->rows);
    const json_t *row;
    char text[256];
    json_array_foreach(r->rows, i, row) equal += json_is_true(json_object_get(row, "equal"));
    if (n && equal == n)
        note(r, "all results equal their references, pixel for pixel: are these the right folders?");
    else if (equal) {
        snprintf(text, sizeof text, "%zu of %zu results equal their references, pixel for pixel", equal, n);
        note(r, text);
    }
    if (n == 1)
        note(r, "a single pair says little, and has no deviation");
    if (!r->o->masks)
        note(r, "without masks nothing is told of inside and outside, colour, pattern, parser, seam and sharpness");
}

static dr_status report(run *r, json_t **out)
{
    json_t *summary = NULL;
    doubts(r);
    dr_status st = summaries(r, &summary);
    if (st)
        return st;
    json_t *j = json_object();
    json_object_set_new(j, "results", path_text(r->o->results));
    json_object_set_new(j, "references", path_text(r->o->reference));
    json_object_set_new(j, "masks", path_text(r->o->masks));
    json_object_set_new(j, "garments", path_text(r->o->garments));
    json_object_set_new(j, "resize", json_string(r->o->resize));
    json_object_set_new(j, "mask_grow", json_integer(r->o->mask_grow));
    json_object_set_new(j, "summary", summary);
    json_object_set(j, "pairs", r->rows);
    json_object_set(j, "failed", r->failed);
    json_object_set(j, "missing", r->pairs.missing);
    json_object_set(j, "notes", r->notes);
    json_object_set_new(j, "reused", json_integer(r->reused));
    *out = j;
    return DR_OK;
}

dr_status dr_evaluate(const drape_eval_options *o, json_t **out)
{
    run r = {.o = o, .rows = json_array(), .failed = json_array(), .notes = json_array()};
    *out = NULL;
    dr_status st = prepare(&r);
    if (!st)
        st = judge_all(&r);
    if (!st)
        st = judge_sets(&r);
    if (!st)
        st = report(&r, out);
    json_decref(r.rows);
    json_decref(r.failed);
    json_decref(r.notes);
    dr_keep_close(&r.keep);
    dr_pairs_close(&r.pairs);
    dr_evaluator_close(&r.evaluator);
    free(r.found);
    free(r.judged);
    return st;
}
