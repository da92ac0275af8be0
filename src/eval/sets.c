#include "eval/sets.h"

#include "eval/fid.h"
#include "eval/kid.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The features of both sets on one way to Inception's pixels. */
typedef struct work {
    const dr_sets *s;
    dr_fid *fid;
    char what[DR_FID_WHAT];
    dr_fid_stats stats[2];
    float *all[2]; /* for KID alone: [count][size] */
    int done;
} work;

/* Features of up to DR_FID_BATCH files; those that are not kept are computed together. */
static dr_status batch_of(work *w, const char *const *path, int n, float *out)
{
    char key[DR_FID_BATCH][DR_KEEP_KEY];
    dr_image picture[DR_FID_BATCH] = {{0}};
    int place[DR_FID_BATCH], missing = 0;
    size_t size = (size_t)dr_fid_size(w->fid), bytes = size * sizeof *out;
    float *found = malloc(DR_FID_BATCH * bytes);
    dr_status st = found ? DR_OK : dr_fail(DR_ENOMEM, "out of memory");
    for (int i = 0; !st && i < n; i++) {
        st = dr_keep_key(key[i], w->what, &path[i], 1);
        const void *kept = st ? NULL : dr_keep_find(w->s->keep, key[i], bytes);
        if (kept)
            memcpy(out + (size_t)i * size, kept, bytes);
        else if (!st && !(st = dr_image_read(&picture[missing], path[i], 3)))
            place[missing++] = i;
    }
    if (!st && missing)
        st = dr_fid_features(w->fid, picture, missing, found);
    for (int i = 0; !st && i < missing; i++) {
        memcpy(out + (size_t)place[i] * size, found + (size_t)i * size, bytes);
        st = dr_keep_add(w->s->keep, key[place[i]], found + (size_t)i * size, bytes);
    }
    for (int i = 0; i < missing; i++)
        dr_image_clear(&picture[i]);
    free(found);
    return st;
}

static bool cancelled(const dr_sets *s)
{
    return s->callbacks->cancel && s->callbacks->cancel(s->callbacks->user);
}

static dr_status set(work *w, int k)
{
    const dr_sets *s = w->s;
    size_t size = (size_t)dr_fid_size(w->fid);
    float *x = malloc(DR_FID_BATCH * size * sizeof *x);
    dr_status st = x ? dr_fid_stats_init(&w->stats[k], (int)size) : dr_fail(DR_ENOMEM, "out of memory");
    for (int at = 0; !st && at < s->count; at += DR_FID_BATCH) {
        int n = s->count - at < DR_FID_BATCH ? s->count - at : DR_FID_BATCH;
        if (cancelled(s))
            st = dr_fail(DR_ECANCELLED, "interrupted; what was found is kept: the same command goes on");
        if (!st)
            st = batch_of(w, s->path[k] + at, n, x);
        for (int i = 0; !st && i < n; i++) /* in the order of the files: sums do not depend on what was kept */
            dr_fid_stats_add(&w->stats[k], x + (size_t)i * size);
        if (!st && w->all[k])
            memcpy(w->all[k] + (size_t)at * size, x, (size_t)n * size * sizeof *x);
        w->done += n;
        if (!st && s->callbacks->progress)
            s->callbacks->progress(s->callbacks->user, "Inception", w->done, 2 * s->count);
    }
    free(x);
    return st;
}

static void note(const dr_sets *s, const char *text)
{
    if (s->callbacks->note)
        s->callbacks->note(s->callbacks->user, text);
}

/* DR_EINVAL is a matter of the sets: that number is missing, and why is told. */
static dr_status told(const dr_sets *s, dr_status st)
{
    if (st != DR_EINVAL)
        return st;
    note(s, dr_error());
    dr_error_clear();
    return DR_OK;
}

static dr_status distances(work *w, const bool *wanted, int fid, int kid, dr_set_number *out)
{
    const dr_sets *s = w->s;
    dr_status st = DR_OK;
    if (wanted[fid]) {
        st = told(s, dr_fid_distance(&w->stats[0], &w->stats[1], s->name[0], s->name[1], &out[fid].value));
        if (!st && dr_fid_stats_equal(&w->stats[0], &w->stats[1]))
            note(s, "results and references are the same pictures to Inception: their FID is 0");
        else if (!st && s->count < 2048)
            note(s,
                 "FID of fewer than 2048 pictures is too large, by more the fewer they are; compare only sets of one "
                 "size, or use KID");
    }
    if (!st && wanted[kid]) {
        dr_kid_options o = DR_KID_DEFAULTS;
        dr_kid_result r = {NAN, NAN, 0};
        st = told(
            s, dr_kid(w->all[0], s->count, s->name[0], w->all[1], s->count, s->name[1], dr_fid_size(w->fid), &o, &r));
        if (r.subset_size && !isnan(r.mean))
            out[kid] = (dr_set_number){r.mean, r.deviation};
    }
    return st;
}

static dr_status measure(const dr_sets *s, const bool *wanted, dr_fid_resize how, dr_set_number *out)
{
    int fid = DR_FID + 2 * (int)how, kid = fid + 1;
    work w = {.s = s};
    if (!wanted[fid] && !wanted[kid])
        return DR_OK;
    dr_status st = dr_fid_open_in(&w.fid, s->networks, how);
    for (int k = 0; !st && k < 2; k++) {
        dr_fid_what(w.fid, w.what);
        size_t n = (size_t)s->count * (size_t)dr_fid_size(w.fid);
        w.all[k] = wanted[kid] ? malloc(n * sizeof *w.all[k]) : NULL;
        st = wanted[kid] && !w.all[k] ? dr_fail(DR_ENOMEM, "out of memory for KID of %d pictures", s->count)
                                      : set(&w, k);
    }
    if (!st)
        st = distances(&w, wanted, fid, kid, out);
    for (int k = 0; k < 2; k++) {
        dr_fid_stats_clear(&w.stats[k]);
        free(w.all[k]);
    }
    dr_fid_close(w.fid);
    return st;
}

dr_status dr_sets_measure(const dr_sets *s, const bool *wanted, dr_set_number out[DRAPE_EVAL_METRICS])
{
    for (int i = 0; i < DRAPE_EVAL_METRICS; i++)
        out[i] = (dr_set_number){NAN, NAN};
    dr_status st = measure(s, wanted, DR_FID_PYTORCH, out);
    return st ? st : measure(s, wanted, DR_FID_CLEAN, out);
}
