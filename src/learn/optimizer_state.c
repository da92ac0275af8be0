#include "learn/optimizer.h"
#include "learn/state_file.h"

/* Moment i: the share of parameter i. */
static void add_moments(dr_state_file *s, const dr_moments *m, size_t i, const char *prefix)
{
    const dr_tensor *p = m->param;
    const dr_state_share values = {p, i, m->own, 1}, scales = {p, i, m->own, DR_QUANT8_BLOCK};
    if (m->m) {
        dr_state_file_add_share(s, m->m, DR_F32, p->rank, p->dim, "exp_avg", prefix, &values);
        dr_state_file_add_share(s, m->v, DR_F32, p->rank, p->dim, "exp_avg_sq", prefix, &values);
        return;
    }
    int64_t blocks = dr_quant8_blocks(dr_numel(p));
    dr_state_file_add_share(s, m->m8, DR_U8, p->rank, p->dim, "exp_avg", prefix, &values);
    dr_state_file_add_share(s, m->v8, DR_U8, p->rank, p->dim, "exp_avg_sq", prefix, &values);
    dr_state_file_add_share(s, m->m_scale, DR_F32, 1, &blocks, "exp_avg_scale", prefix, &scales);
    dr_state_file_add_share(s, m->v_scale, DR_F32, 1, &blocks, "exp_avg_sq_scale", prefix, &scales);
}

static dr_status list(dr_state_file *s, const dr_adamw *a, const char *const *prefix)
{
    dr_status st = dr_state_file_init(s, 4 * a->count);
    for (size_t i = 0; !st && i < a->count; i++)
        add_moments(s, &a->moments[i], i, prefix[i]);
    return st;
}

dr_status dr_adamw_save(const dr_adamw *a, const char *const *prefix, const char *path)
{
    return dr_adamw_save_shares(a, prefix, path, NULL);
}

dr_status dr_adamw_save_shares(const dr_adamw *a, const char *const *prefix, const char *path, const dr_exchange *x)
{
    dr_state_file s;
    dr_status st = list(&s, a, prefix);
    if (st)
        return st;
    st = dr_state_file_save_shares(&s, path, x);
    dr_state_file_clear(&s);
    return st;
}

/* Square roots are taken of them: one below zero in a damaged file would become NaN at the next step. */
static dr_status check_sign(const dr_moments *m, const char *path)
{
    int64_t n = m->own.n, count = m->v ? n : dr_quant8_blocks(n);
    float part[1024];
    bool bad = false;
    for (int64_t at = 0; at < count; at += 1024) {
        int64_t here = count - at < 1024 ? count - at : 1024;
        dr_ops_get()->get(part, (m->v ? m->v : m->v_scale) + at, (size_t)here * sizeof *part);
        for (int64_t i = 0; i < here; i++)
            bad |= part[i] < 0;
    }
    if (!bad)
        return DR_OK;
    return dr_fail(DR_EINVAL, "'%s' is damaged: the mean square of '%s' goes below zero", path, m->param->name);
}

dr_status dr_adamw_load(dr_adamw *a, const char *const *prefix, const char *path)
{
    dr_state_file s;
    dr_status st = list(&s, a, prefix);
    if (st)
        return st;
    st = dr_state_file_load(&s, path);
    for (size_t i = 0; !st && i < a->count; i++)
        st = check_sign(&a->moments[i], path);
    dr_state_file_clear(&s);
    return st;
}
