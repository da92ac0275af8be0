#include "verify/case.h"

#include "base/file.h"
#include "base/path.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- inputs ------------------------------------------------------------------------------------- */

static const dr_st_entry *find_input(dr_verifier *v, const char *name, int rank, int64_t *dim)
{
    char key[256];
    snprintf(key, sizeof key, "in/%s", name);
    const dr_st_entry *e = dr_st_find(&v->file, key);
    if (!e || e->rank != rank) {
        dr_fail(DR_EINVAL, "'%s': '%s' %s", v->path, key, e ? "has the wrong number of axes" : "is missing");
        return NULL;
    }
    for (int i = 0; i < rank; i++) {
        dim[i] = e->dim[i];
        if (dim[i] < 1) {
            dr_fail(DR_EINVAL, "'%s': '%s' is empty", v->path, key);
            return NULL;
        }
    }
    return e;
}

int64_t dr_entry_numel(const dr_st_entry *e)
{
    int64_t n = 1;
    for (int i = 0; i < e->rank; i++)
        n *= e->dim[i];
    return n;
}

/* The file's bytes may lie anywhere: a copy puts them on a boundary. */
static float *entry_floats(dr_arena *a, const dr_st_entry *e)
{
    int64_t n = dr_entry_numel(e);
    void *raw = dr_arena_alloc(a, e->size);
    float *data = raw ? dr_arena_alloc(a, (size_t)n * sizeof *data) : NULL;
    if (data)
        dr_to_f32(memcpy(raw, e->data, e->size), e->dtype, data, (size_t)n);
    return data;
}

float *dr_case_input(dr_verifier *v, const char *name, int rank, int64_t *dim)
{
    const dr_st_entry *e = find_input(v, name, rank, dim);
    return e ? entry_floats(&v->tape.arena, e) : NULL;
}

int32_t *dr_case_ints(dr_verifier *v, const char *name, int rank, int64_t *dim)
{
    const dr_st_entry *e = find_input(v, name, rank, dim);
    if (e && e->dtype != DR_I32) {
        dr_fail(DR_EINVAL, "'%s': 'in/%s' is %s, expected I32", v->path, name, dr_dtype_name(e->dtype));
        return NULL;
    }
    int32_t *data = e ? dr_arena_alloc(&v->tape.arena, e->size) : NULL;
    return data ? memcpy(data, e->data, e->size) : NULL;
}

dr_tensor *dr_case_image(dr_verifier *v, const char *name)
{
    int64_t d[4];
    float *x = dr_case_input(v, name, 4, d);
    if (!x)
        return NULL;
    const int64_t dim[] = {d[0], d[2], d[3], d[1]};
    float *nhwc = dr_arena_alloc(&v->tape.arena, (size_t)(d[0] * d[1] * d[2] * d[3]) * sizeof *nhwc);
    if (!nhwc)
        return NULL;
    dr_nchw_to_nhwc(x, nhwc, d[0], d[1], d[2], d[3]);
    dr_tensor *t = dr_input(&v->tape, nhwc, 4, dim);
    return v->tape.status ? NULL : t;
}

dr_tensor *dr_case_tensor(dr_verifier *v, const char *name, int rank)
{
    int64_t dim[4];
    float *x = dr_case_input(v, name, rank, dim);
    dr_tensor *t = x ? dr_input(&v->tape, x, rank, dim) : NULL;
    return v->tape.status ? NULL : t;
}

/* --- outputs ------------------------------------------------------------------------------------ */

typedef struct deviation {
    double abs, norm, err_norm, std;
    double sum;   /* of errors */
    double other; /* how many values differ by more than one half */
    double far;   /* which part is farther off than 1e-3 of the deviation */
} deviation;

static deviation compare(const float *got, const float *want, int64_t n)
{
    deviation d = {0};
    double sum = 0, err = 0;
    for (int64_t i = 0; i < n; i++) {
        double e = fabs((double)got[i] - (double)want[i]);
        d.abs = e > d.abs || isnan(e) ? (isnan(e) ? INFINITY : e) : d.abs;
        err += e * e;
        d.sum += e;
        d.other += !(e <= 0.5);
        sum += want[i];
        d.norm += (double)want[i] * (double)want[i];
    }
    double mean = sum / (double)n;
    d.std = sqrt(fmax(d.norm / (double)n - mean * mean, 0));
    d.norm = sqrt(d.norm);
    d.err_norm = isnan(err) ? INFINITY : sqrt(err);
    for (int64_t i = 0; i < n; i++)
        d.far += !(fabs((double)got[i] - (double)want[i]) <= 1e-3 * d.std);
    d.far /= (double)n;
    return d;
}

/* Error as a multiple of what is allowed: at most 1 is right. *rel is the error on its own scale. */
static double judge(const deviation *d, dr_tolerance tol, double *rel)
{
    switch (tol) {
    case DR_TOL_FORWARD:
        *rel = d->abs / fmax(d->std, 1e-30);
        return *rel / 1e-4;
    case DR_TOL_RUN:
        *rel = d->abs / fmax(d->std, 1e-30);
        return *rel / 1e-3;
    case DR_TOL_GRADIENT:
        *rel = d->err_norm / fmax(d->norm, 1e-30);
        return fmin(*rel / 1e-3, d->abs / 1e-6);
    case DR_TOL_NUMBER:
        *rel = d->err_norm / fmax(d->norm, 1e-30);
        return *rel / 1e-4;
    case DR_TOL_RANDOM:
        *rel = d->abs;
        return d->abs / 1e-6;
    case DR_TOL_RELATIVE:
        *rel = d->err_norm / fmax(d->norm, 1e-30);
        return *rel / 1e-5;
    case DR_TOL_CHAIN:
        *rel = d->abs / fmax(d->std, 1e-30);
        return *rel / 5e-4;
    case DR_TOL_MOST:
        *rel = d->abs / fmax(d->std, 1e-30);
        return d->far / 1e-3;
    case DR_TOL_MEAN:
        *rel = d->abs;
        return d->abs / 1e-5;
    case DR_TOL_LABELS:
        *rel = d->other;
        return d->other / 20;
    case DR_TOL_COUNTS:
        *rel = d->sum / 2;
        return isnan(d->sum) ? INFINITY : d->sum / 40;
    default:
        *rel = d->abs;
        return d->abs > 0 ? INFINITY : 0;
    }
}

/* One more output; the worst one is told. */
static void count(dr_verifier *v, const char *name, double error, double rel, double over)
{
    v->result->outputs++;
    if (v->result->outputs > 1 && over <= v->worst)
        return;
    v->worst = over;
    v->result->abs = error;
    v->result->rel = rel;
    snprintf(v->result->worst, sizeof v->result->worst, "%s", name);
}

dr_status dr_case_output(dr_verifier *v, const char *name, const float *data, int64_t n, dr_tolerance tol)
{
    char key[512];
    snprintf(key, sizeof key, "want/%s", name);
    const dr_st_entry *e = dr_st_find(&v->file, key);
    if (!e || dr_entry_numel(e) != n)
        return dr_fail(DR_EINVAL, "'%s': '%s' %s", v->path, key,
                       e ? "has another number of values than this model gives" : "is missing");
    size_t mark = dr_arena_mark(&v->results);
    float *got = dr_arena_alloc(&v->results, (size_t)n * sizeof *got);
    float *want = got ? entry_floats(&v->tape.arena, e) : NULL;
    if (!want) {
        dr_arena_rewind(&v->results, mark);
        return DR_ENOMEM;
    }
    memcpy(got, data, (size_t)n * sizeof *got);
    if (v->got_count < v->file.count)
        v->got[v->got_count++] = (dr_got){e, got};

    double rel;
    deviation d = compare(got, want, n);
    double over = judge(&d, tol, &rel);
    count(v, name, d.abs, rel, over);
    return DR_OK;
}

dr_status dr_case_picture(dr_verifier *v, const char *ending, const dr_image *im)
{
    char path[PATH_MAX];
    dr_image want = {0};
    int worst = 0;
    if (snprintf(path, sizeof path, "%.*s%s", (int)dr_path_stem(v->path), v->path, ending) >= (int)sizeof path ||
        !dr_exists(path))
        return DR_OK;
    dr_status st = dr_image_read(&want, path, 3);
    if (!st && (want.width != im->width || want.height != im->height))
        st = dr_fail(DR_EINVAL, "'%s' is %dx%d, the picture %dx%d", path, want.width, want.height, im->width,
                     im->height);
    for (size_t i = 0; !st && i < (size_t)im->width * (size_t)im->height * 3; i++) {
        int off = abs(im->data[i] - want.data[i]);
        worst = off > worst ? off : worst;
    }
    if (!st)
        count(v, dr_path_name(path), worst, worst / 255.0, worst / 2.0);
    dr_image_clear(&want);
    return st;
}

/* `n` values on the host. */
static float *host_copy(dr_verifier *v, const float *values, int64_t n)
{
    float *host = dr_arena_alloc(&v->tape.arena, (size_t)n * sizeof *host);
    if (host)
        v->tape.ops->get(host, values, (size_t)n * sizeof *host);
    return host;
}

dr_status dr_case_output_values(dr_verifier *v, const char *name, const float *values, int64_t n, dr_tolerance tol)
{
    size_t mark = dr_arena_mark(&v->tape.arena);
    float *host = host_copy(v, values, n);
    dr_status st = host ? dr_case_output(v, name, host, n, tol) : DR_ENOMEM;
    dr_arena_rewind(&v->tape.arena, mark);
    return st;
}

dr_status dr_case_output_image(dr_verifier *v, const char *name, const dr_tensor *t, dr_tolerance tol)
{
    float *nhwc = host_copy(v, dr_f32(t), dr_numel(t)), *nchw = dr_arena_alloc(&v->tape.arena, dr_nbytes(t));
    if (!nhwc || !nchw)
        return DR_ENOMEM;
    dr_nhwc_to_nchw(nhwc, nchw, t->dim[0], t->dim[3], t->dim[1], t->dim[2]);
    return dr_case_output(v, name, nchw, dr_numel(t), tol);
}

/* --- blocks ------------------------------------------------------------------------------------- */

#define BLOCK "want/block/"

static void judge_block(void *user, const char *name, const dr_tensor *y)
{
    dr_verifier *v = user;
    char key[DR_NAME_MAX + sizeof BLOCK];
    snprintf(key, sizeof key, BLOCK "%s", name);
    if (v->watched || !dr_st_find(&v->file, key))
        return;
    v->blocks++;
    v->watched = dr_case_output_image(v, key + strlen("want/"), y, DR_TOL_FORWARD);
}

void dr_case_watch(dr_verifier *v)
{
    v->blocks = 0;
    v->watched = DR_OK;
    v->tape.watch = judge_block;
    v->tape.watcher = v;
}

dr_status dr_case_watched(dr_verifier *v)
{
    size_t expected = 0;
    v->tape.watch = NULL;
    for (size_t i = 0; i < v->file.count; i++)
        expected += strncmp(v->file.entry[i].name, BLOCK, strlen(BLOCK)) == 0;
    if (!v->watched && v->blocks != expected)
        return dr_fail(DR_EINVAL, "'%s' has %zu blocks, of which this model gives %zu", v->path, expected, v->blocks);
    return v->watched;
}
