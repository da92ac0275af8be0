#include "pipeline/lora_pair.h"

#include <stdlib.h>
#include <string.h>

static int compare(const void *a, const void *b)
{
    const dr_lora_module *x = a, *y = b;
    if (x->text != y->text)
        return x->text ? 1 : -1;
    if (x->kohya != y->kohya)
        return x->kohya ? 1 : -1;
    if (x->third != y->third)
        return x->third < y->third ? -1 : 1;
    return strcmp(x->layer, y->layer);
}

static dr_status merge_into(const dr_lora *l, dr_lora_module *m, const dr_lora_module *other)
{
    for (int i = 0; i < DR_LORA_ROLES; i++) {
        if (m->part[i] && other->part[i])
            return dr_fail(DR_EINVAL, "cannot load '%s': '%s' and '%s' are of the same layer", l->file.path,
                           m->part[i]->name, other->part[i]->name);
        if (other->part[i])
            m->part[i] = other->part[i];
    }
    return DR_OK;
}

int64_t dr_lora_columns(const dr_st_entry *e)
{
    int64_t n = 1;
    for (int i = 1; i < e->rank; i++)
        n *= e->dim[i];
    return e->rank < 1 || e->dim[0] < 1 ? 0 : n;
}

/* --- what is there ----------------------------------------------------------------------------------- */

static bool has(const dr_lora_module *m, dr_lora_role first, dr_lora_role last)
{
    for (int i = (int)first; i <= (int)last; i++)
        if (m->part[i])
            return true;
    return false;
}

/* A factor as it is, or as a product of two; not both. */
static bool whole_or_product(const dr_lora_module *m, dr_lora_role whole, dr_lora_role a, dr_lora_role b)
{
    return m->part[whole] ? !m->part[a] && !m->part[b] : m->part[a] && m->part[b];
}

static bool is_complete(const dr_lora_module *m)
{
    switch (m->method) {
    case DR_METHOD_LORA:
        return m->part[DR_LORA_DOWN] && m->part[DR_LORA_UP];
    case DR_METHOD_LOHA:
        return m->part[DR_LOHA_W1_A] && m->part[DR_LOHA_W1_B] && m->part[DR_LOHA_W2_A] && m->part[DR_LOHA_W2_B] &&
               !m->part[DR_LOHA_T1] == !m->part[DR_LOHA_T2];
    case DR_METHOD_LOKR:
        return whole_or_product(m, DR_LOKR_W1, DR_LOKR_W1_A, DR_LOKR_W1_B) &&
               whole_or_product(m, DR_LOKR_W2, DR_LOKR_W2_A, DR_LOKR_W2_B) &&
               (!m->part[DR_LOKR_T2] || m->part[DR_LOKR_W2_A]);
    default:
        return has(m, DR_FULL_DIFF, DR_FULL_BIAS);
    }
}

static dr_status find_method(const dr_lora *l, dr_lora_module *m)
{
    static const dr_lora_role first[] = {DR_LORA_DOWN, DR_LOHA_W1_A, DR_LOKR_W1, DR_FULL_DIFF, DR_LORA_ALPHA};
    int methods = 0;
    for (int i = 0; i < 4; i++)
        if (has(m, first[i], first[i + 1] - 1)) {
            m->method = (dr_lora_method)i;
            methods++;
        }
    if (methods > 1 || (m->part[DR_LORA_DORA] && m->part[DR_LORA_MAGNITUDE]))
        return dr_fail(DR_EINVAL, "cannot load '%s': the tensors of '%s' are of more than one kind of adapter",
                       l->file.path, m->module);
    if (!methods || !is_complete(m))
        return dr_fail(DR_EINVAL, "cannot load '%s': '%s' is without its counterpart", l->file.path, m->key);
    if (has(m, DR_LORA_DORA, DR_LORA_MAGNITUDE) && (m->method == DR_METHOD_FULL || m->third >= 0))
        return dr_fail(DR_EUNSUPPORTED, "cannot load '%s': '%s' is a DoRA on %s, which drape does not read",
                       l->file.path, m->module,
                       m->third >= 0 ? "three projections at once" : "a whole weight difference");
    return DR_OK;
}

/* --- ranks ------------------------------------------------------------------------------------------- */

static dr_status no_shared_rank(const dr_lora *l, const dr_st_entry *a, const dr_st_entry *b)
{
    return dr_fail(DR_EINVAL, "cannot load '%s': '%s' and '%s' do not share a rank", l->file.path, a->name, b->name);
}

/* a [rows,r] times b [r,...], or with a core t [p,q,...] between them a [p,rows] and b [q,...]; *rank is b's. */
static dr_status share_rank(const dr_lora *l, const dr_st_entry *a, const dr_st_entry *b, const dr_st_entry *t,
                            int64_t *rank)
{
    int64_t left = t ? a->dim[0] : dr_lora_columns(a);
    if (a->rank < 2 || b->rank < 2 || b->dim[0] < 1 || left < 1)
        return no_shared_rank(l, a, b);
    *rank = b->dim[0];
    if (!t)
        return left == *rank ? DR_OK : no_shared_rank(l, a, b);
    if (t->rank < 2 || t->dim[0] != left)
        return no_shared_rank(l, a, t);
    return t->dim[1] == *rank ? DR_OK : no_shared_rank(l, b, t);
}

static dr_status lora_rank(const dr_lora *l, dr_lora_module *m)
{
    const dr_st_entry *down = m->part[DR_LORA_DOWN], *up = m->part[DR_LORA_UP], *mid = m->part[DR_LORA_MID];
    if (!mid)
        return share_rank(l, up, down, NULL, &m->rank);
    if (down->rank < 2 || up->rank < 2 || down->dim[0] < 1) /* up is [out,rank] with a core, too */
        return no_shared_rank(l, up, down);
    m->rank = down->dim[0];
    if (mid->rank < 2 || mid->dim[0] != dr_lora_columns(up) || mid->dim[0] < 1)
        return no_shared_rank(l, up, mid);
    return mid->dim[1] == m->rank ? DR_OK : no_shared_rank(l, down, mid);
}

static dr_status loha_rank(const dr_lora *l, dr_lora_module *m)
{
    int64_t second = 0;
    const dr_st_entry *const *p = m->part;
    dr_status st = share_rank(l, p[DR_LOHA_W1_A], p[DR_LOHA_W1_B], p[DR_LOHA_T1], &m->rank);
    if (!st)
        st = share_rank(l, p[DR_LOHA_W2_A], p[DR_LOHA_W2_B], p[DR_LOHA_T2], &second);
    return st || second == m->rank ? st : no_shared_rank(l, p[DR_LOHA_W1_B], p[DR_LOHA_W2_B]);
}

static dr_status lokr_rank(const dr_lora *l, dr_lora_module *m)
{
    const dr_st_entry *const *p = m->part;
    int64_t first = 0;
    dr_status st = DR_OK;
    if (p[DR_LOKR_W1_A])
        st = share_rank(l, p[DR_LOKR_W1_A], p[DR_LOKR_W1_B], NULL, &first);
    if (!st && p[DR_LOKR_W2_A])
        st = share_rank(l, p[DR_LOKR_W2_A], p[DR_LOKR_W2_B], p[DR_LOKR_T2], &m->rank);
    if (!st && first && m->rank && first != m->rank)
        st = no_shared_rank(l, p[DR_LOKR_W1_B], p[DR_LOKR_W2_B]);
    m->rank = m->rank ? m->rank : first;
    return st;
}

static dr_status find_rank(const dr_lora *l, dr_lora_module *m)
{
    switch (m->method) {
    case DR_METHOD_LORA:
        return lora_rank(l, m);
    case DR_METHOD_LOHA:
        return loha_rank(l, m);
    case DR_METHOD_LOKR:
        return lokr_rank(l, m);
    default:
        return DR_OK;
    }
}

/* --- all ---------------------------------------------------------------------------------------------- */

dr_status dr_lora_pair(dr_lora *l)
{
    size_t n = 0;
    dr_status st = DR_OK;
    qsort(l->module, l->count, sizeof *l->module, compare);
    for (size_t i = 0; !st && i < l->count; i++) {
        if (n && compare(&l->module[n - 1], &l->module[i]) == 0)
            st = merge_into(l, &l->module[n - 1], &l->module[i]);
        else
            l->module[n++] = l->module[i];
    }
    l->count = n;
    for (size_t i = 0; !st && i < n; i++) {
        dr_lora_module *m = &l->module[i];
        st = find_method(l, m);
        if (!st)
            st = find_rank(l, m);
        l->unet_count += !m->text;
        l->text_count += m->text;
    }
    return st;
}
