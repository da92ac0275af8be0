#include "learn/optimizer.h"
#include "learn/state_file.h"

static void add_moments(dr_state_file *s, const dr_moments *m, const char *prefix)
{
    const dr_tensor *p = m->param;
    if (m->m) {
        dr_state_file_add(s, m->m, DR_F32, p->rank, p->dim, "exp_avg", prefix, p->name);
        dr_state_file_add(s, m->v, DR_F32, p->rank, p->dim, "exp_avg_sq", prefix, p->name);
        return;
    }
    int64_t blocks = dr_quant8_blocks(dr_numel(p));
    dr_state_file_add(s, m->m8, DR_U8, p->rank, p->dim, "exp_avg", prefix, p->name);
    dr_state_file_add(s, m->v8, DR_U8, p->rank, p->dim, "exp_avg_sq", prefix, p->name);
    dr_state_file_add(s, m->m_scale, DR_F32, 1, &blocks, "exp_avg_scale", prefix, p->name);
    dr_state_file_add(s, m->v_scale, DR_F32, 1, &blocks, "exp_avg_sq_scale", prefix, p->name);
}

static dr_status list(dr_state_file *s, const dr_adamw *a, const char *const *prefix)
{
    dr_status st = dr_state_file_init(s, 4 * a->count);
    for (size_t i = 0; !st && i < a->count; i++)
        add_moments(s, &a->moments[i], prefix[i]);
    return st;
}

dr_status dr_adamw_save(const dr_adamw *a, const char *const *prefix, const char *path)
{
    dr_state_file s;
    dr_status st = list(&s, a, prefix);
    if (st)
        return st;
    st = dr_state_file_save(&s, path);
    dr_state_file_clear(&s);
    return st;
}

/* Square roots are taken of them: one below zero in a damaged file would become NaN at the next step. */
static dr_status check_sign(const dr_moments *m, const char *path)
{
    int64_t n = dr_numel(m->param), count = m->v ? n : dr_quant8_blocks(n);
    const float *v = m->v ? m->v : m->v_scale;
    bool bad = false;
    for (int64_t i = 0; i < count; i++)
        bad |= v[i] < 0;
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
