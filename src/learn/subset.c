#include "learn/subset.h"

#include <stdlib.h>

static void append(dr_params *p, dr_param *q)
{
    q->next = NULL;
    if (p->last)
        p->last->next = q;
    else
        p->first = q;
    p->last = q;
    p->count++;
}

/* Every parameter into the table that it belongs to. */
static void distribute(dr_subset *s, bool apart)
{
    dr_params *tables[] = {s->model, &s->learns};
    s->joined = !apart;
    for (int i = 0; i < 2; i++) {
        tables[i]->first = tables[i]->last = NULL;
        tables[i]->count = 0;
    }
    for (size_t i = 0; i < s->count; i++)
        append(tables[apart && s->picked[i]], s->all[i]);
}

dr_status dr_subset_take(dr_subset *s, dr_params *model, bool (*picks)(void *user, const dr_param *q), void *user)
{
    *s = (dr_subset){.model = model, .count = model->count};
    s->all = malloc((s->count + 1) * sizeof(dr_param *));
    s->picked = malloc((s->count + 1) * sizeof *s->picked);
    if (!s->all || !s->picked) {
        free(s->all);
        free(s->picked);
        *s = (dr_subset){0};
        return dr_fail(DR_ENOMEM, "out of memory");
    }
    size_t i = 0;
    for (dr_param *q = model->first; q; q = q->next, i++) {
        s->all[i] = q;
        s->picked[i] = picks(user, q);
    }
    distribute(s, true);
    return DR_OK;
}

void dr_subset_join(dr_subset *s)
{
    if (s->model)
        distribute(s, false);
}

void dr_subset_part(dr_subset *s)
{
    if (s->model)
        distribute(s, true);
}

void dr_subset_clear(dr_subset *s)
{
    dr_subset_join(s);
    free(s->all);
    free(s->picked);
    *s = (dr_subset){0};
}
