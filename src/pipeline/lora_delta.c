#include "pipeline/lora_delta.h"

#include "pipeline/host_matrix.h"
#include "pipeline/lora_pair.h"
#include "pipeline/weights.h"

#include <stdlib.h>
#include <string.h>

dr_status dr_lora_values(const dr_lora *l, const dr_st_entry *e, float **out)
{
    size_t size = dr_dtype_size(e->dtype), n = e->size / size;
    void *aligned = malloc(e->size ? e->size : 1); /* the file's data may lie anywhere */
    *out = malloc(n * sizeof **out + 1);
    dr_status st = DR_OK;
    if (!aligned || !*out) {
        st = dr_fail(DR_ENOMEM, "out of memory loading '%s'", l->file.path);
    } else {
        memcpy(aligned, e->data, e->size);
        dr_to_f32(aligned, e->dtype, *out, n);
        st = dr_check_finite(*out, DR_F32, n, e->name, l->file.path);
    }
    free(aligned);
    if (st) {
        free(*out);
        *out = NULL;
    }
    return st;
}

/* --- sizes -------------------------------------------------------------------------------------------- */

typedef struct sizes {
    int64_t out, in, kernel; /* of the weight; `out` of all three for OpenCLIP's in_proj */
} sizes;

static sizes sizes_of(const dr_lora_module *m, const dr_tensor *w)
{
    sizes s = {w->dim[0] * (m->third >= 0 ? 3 : 1), w->dim[1], 1};
    for (int i = 2; i < w->rank; i++)
        s.kernel *= w->dim[i];
    return s;
}

/* The tensor's axes from `first` on are those of w; axes of 1 at the end may be left out. */
static bool axes_equal(const dr_st_entry *e, const dr_tensor *w, int first)
{
    for (int i = first; i < 4; i++)
        if ((i < e->rank ? e->dim[i] : 1) != w->dim[i])
            return false;
    return e->rank <= 4;
}

static bool lora_fits(const dr_lora_module *m, const dr_tensor *w, const sizes *s)
{
    const dr_st_entry *down = m->part[DR_LORA_DOWN], *up = m->part[DR_LORA_UP], *mid = m->part[DR_LORA_MID];
    if (up->dim[0] != s->out)
        return false;
    for (int i = 2; i < up->rank; i++)
        if (up->dim[i] != 1)
            return false;
    return mid ? dr_lora_columns(down) == s->in && axes_equal(mid, w, 2) : axes_equal(down, w, 1);
}

/* a and b, around a core or not, make [out,in,kernel]. */
static bool product_fits(const dr_st_entry *a, const dr_st_entry *b, const dr_st_entry *t, const dr_tensor *w,
                         const sizes *s)
{
    if (t)
        return dr_lora_columns(a) == s->out && dr_lora_columns(b) == s->in && axes_equal(t, w, 2);
    return a->dim[0] == s->out && dr_lora_columns(b) == s->in * s->kernel;
}

/* Rows and columns of LoKr's factors: w is [a*b, c*d, kernel]. */
typedef struct factors {
    int64_t a, b, c, d;
} factors;

static bool lokr_factors(const dr_lora_module *m, const dr_tensor *w, const sizes *s, factors *f)
{
    const dr_st_entry *const *p = m->part;
    const dr_st_entry *w1 = p[DR_LOKR_W1], *w2 = p[DR_LOKR_W2], *t = p[DR_LOKR_T2];
    f->a = (w1 ? w1 : p[DR_LOKR_W1_A])->dim[0];
    f->c = dr_lora_columns(w1 ? w1 : p[DR_LOKR_W1_B]);
    f->b = t ? dr_lora_columns(p[DR_LOKR_W2_A]) : (w2 ? w2 : p[DR_LOKR_W2_A])->dim[0];
    int64_t columns = dr_lora_columns(w2 ? w2 : p[DR_LOKR_W2_B]);
    if ((w1 && w1->rank < 2) || (w2 && w2->rank < 2) || f->a < 1 || f->b < 1 || f->c < 1 || columns < 1)
        return false;
    if (t ? !axes_equal(t, w, 2) : columns % s->kernel != 0)
        return false;
    f->d = t ? columns : columns / s->kernel;
    return s->out % f->a == 0 && s->out / f->a == f->b && s->in % f->c == 0 && s->in / f->c == f->d;
}

bool dr_lora_fits(const dr_lora_module *m, const dr_tensor *w)
{
    const dr_st_entry *const *p = m->part;
    if (m->method == DR_METHOD_FULL)
        return !p[DR_FULL_DIFF] || (p[DR_FULL_DIFF]->rank >= 1 && p[DR_FULL_DIFF]->dim[0] == w->dim[0] &&
                                    axes_equal(p[DR_FULL_DIFF], w, 1));
    if (w->rank < 2)
        return false;
    sizes s = sizes_of(m, w);
    if (m->method == DR_METHOD_LORA)
        return lora_fits(m, w, &s);
    if (m->method == DR_METHOD_LOHA)
        return product_fits(p[DR_LOHA_W1_A], p[DR_LOHA_W1_B], p[DR_LOHA_T1], w, &s) &&
               product_fits(p[DR_LOHA_W2_A], p[DR_LOHA_W2_B], p[DR_LOHA_T2], w, &s);
    return lokr_factors(m, w, &s, &(factors){0});
}

/* --- products ----------------------------------------------------------------------------------------- */

/* Tucker: core t [p,q,kernel] and b [q,in] -> [p,in,kernel]. */
static void widen_core(const float *t, const float *b, int64_t p, int64_t q, int64_t in, int64_t kernel, float *out)
{
    memset(out, 0, (size_t)(p * in * kernel) * sizeof *out);
    for (int64_t i = 0; i < p; i++)
        for (int64_t j = 0; j < q; j++)
            for (int64_t c = 0; c < in; c++)
                for (int64_t k = 0; k < kernel; k++)
                    out[(i * in + c) * kernel + k] += t[(i * q + j) * kernel + k] * b[j * in + c];
}

/* The product of a and b, around a core or not, as [rows, columns]. `a_rows_first`: a is [rows,rank] beside a core,
 * too. */
static dr_status product(const dr_lora *l, const dr_st_entry *a, const dr_st_entry *b, const dr_st_entry *t,
                         bool a_rows_first, int64_t rows, float *out)
{
    float *va = NULL, *vb = NULL, *vt = NULL, *turned = NULL, *wide = NULL;
    dr_status st = dr_lora_values(l, a, &va);
    if (!st)
        st = dr_lora_values(l, b, &vb);
    if (!st && t)
        st = dr_lora_values(l, t, &vt);
    if (!st && !t) {
        st = dr_host_product(rows, b->dim[0], dr_lora_columns(b), va, vb, out);
    } else if (!st) {
        int64_t p = t->dim[0], q = t->dim[1], in = dr_lora_columns(b), kernel = dr_lora_columns(t) / q;
        wide = malloc((size_t)(p * in * kernel) * sizeof *wide);
        turned = malloc((size_t)(rows * p) * sizeof *turned);
        if (!wide || !turned) {
            st = dr_fail(DR_ENOMEM, "out of memory merging '%s'", l->file.path);
        } else {
            widen_core(vt, vb, p, q, in, kernel, wide);
            if (!a_rows_first)
                dr_host_transpose(va, p, rows, turned);
            st = dr_host_product(rows, p, in * kernel, a_rows_first ? va : turned, wide, out);
        }
    }
    free(va);
    free(vb);
    free(vt);
    free(turned);
    free(wide);
    return st;
}

/* --- methods ------------------------------------------------------------------------------------------ */

static dr_status loha(const dr_lora *l, const dr_lora_module *m, const sizes *s, float *out)
{
    const dr_st_entry *const *p = m->part;
    size_t n = (size_t)(s->out * s->in * s->kernel);
    float *second = malloc(n * sizeof *second);
    dr_status st = second ? DR_OK : dr_fail(DR_ENOMEM, "out of memory merging '%s'", l->file.path);
    if (!st)
        st = product(l, p[DR_LOHA_W1_A], p[DR_LOHA_W1_B], p[DR_LOHA_T1], false, s->out, out);
    if (!st)
        st = product(l, p[DR_LOHA_W2_A], p[DR_LOHA_W2_B], p[DR_LOHA_T2], false, s->out, second);
    for (size_t i = 0; !st && i < n; i++)
        out[i] *= second[i];
    free(second);
    return st;
}

/* A factor of LoKr, malloc'ed: as it is, or the product of its two. */
static dr_status lokr_factor(const dr_lora *l, const dr_lora_module *m, dr_lora_role whole, dr_lora_role core,
                             int64_t rows, size_t n, float **out)
{
    const dr_st_entry *const *p = m->part;
    if (p[whole])
        return dr_lora_values(l, p[whole], out);
    *out = malloc(n * sizeof **out);
    if (!*out)
        return dr_fail(DR_ENOMEM, "out of memory merging '%s'", l->file.path);
    return product(l, p[whole + 1], p[whole + 2], core == DR_LORA_ROLES ? NULL : p[core], false, rows, *out);
}

static dr_status lokr(const dr_lora *l, const dr_lora_module *m, const dr_tensor *w, const sizes *s, float *out)
{
    factors f;
    float *w1 = NULL, *w2 = NULL;
    lokr_factors(m, w, s, &f);
    size_t n1 = (size_t)(f.a * f.c), n2 = (size_t)(f.b * f.d * s->kernel);
    dr_status st = lokr_factor(l, m, DR_LOKR_W1, DR_LORA_ROLES, f.a, n1, &w1);
    if (!st)
        st = lokr_factor(l, m, DR_LOKR_W2, DR_LOKR_T2, f.b, n2, &w2);
    int64_t row = f.d * s->kernel; /* of the second factor, contiguous in the weight's row, too */
    for (int64_t o = 0; !st && o < s->out; o++)
        for (int64_t c = 0; c < f.c; c++) {
            const float *from = w2 + (o % f.b) * row, by = w1[(o / f.b) * f.c + c];
            float *to = out + (o * f.c + c) * row;
            for (int64_t i = 0; i < row; i++)
                to[i] = by * from[i];
        }
    free(w1);
    free(w2);
    return st;
}

static dr_status full(const dr_lora *l, const dr_lora_module *m, const dr_tensor *w, float *out)
{
    float *values = NULL;
    dr_status st = dr_lora_values(l, m->part[DR_FULL_DIFF], &values);
    if (!st)
        memcpy(out, values, (size_t)dr_numel(w) * sizeof *out);
    free(values);
    return st;
}

static dr_status dense(const dr_lora *l, const dr_lora_module *m, const dr_tensor *w, const sizes *s, float *out)
{
    const dr_st_entry *const *p = m->part;
    if (m->method == DR_METHOD_LORA)
        return product(l, p[DR_LORA_UP], p[DR_LORA_DOWN], p[DR_LORA_MID], true, s->out, out);
    if (m->method == DR_METHOD_LOHA)
        return loha(l, m, s, out);
    return m->method == DR_METHOD_LOKR ? lokr(l, m, w, s, out) : full(l, m, w, out);
}

dr_status dr_lora_delta(const dr_lora *l, const dr_lora_module *m, const dr_tensor *w, float *out)
{
    size_t n = (size_t)dr_numel(w);
    if (m->third < 0 || m->method == DR_METHOD_FULL) {
        sizes s = m->method == DR_METHOD_FULL ? (sizes){0} : sizes_of(m, w);
        return dense(l, m, w, &s, out);
    }
    sizes s = sizes_of(m, w);
    float *three = malloc(3 * n * sizeof *three);
    dr_status st = three ? dense(l, m, w, &s, three) : dr_fail(DR_ENOMEM, "out of memory merging '%s'", l->file.path);
    if (!st)
        memcpy(out, three + (size_t)m->third * n, n * sizeof *out);
    free(three);
    return st;
}
