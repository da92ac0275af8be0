/* A net that starts from a smaller one: more transformers, the rest alike. */
#include "mini/unet_run.h"

#include "base/path.h"
#include "pipeline/weights.h"

#include <limits.h>
#include <string.h>

/* Values of a tensor of the same name and shape, if there is one. */
static bool take(dr_param *q, const dr_weights *w)
{
    for (size_t f = 0; f < w->count; f++)
        for (size_t i = 0; i < w->list[f].count; i++) {
            const dr_st_entry *e = &w->list[f].entry[i];
            if (strcmp(e->name, q->t.name) == 0 && e->rank == q->t.rank &&
                memcmp(e->dim, q->t.dim, (size_t)e->rank * sizeof *e->dim) == 0) {
                dr_to_f32(e->data, e->dtype, dr_f32(&q->t), (size_t)dr_numel(&q->t));
                return true;
            }
        }
    return false;
}

/* With zeros at its end a transformer gives back what it gets. */
static bool ends_transformer(const char *name)
{
    return strstr(name, ".attentions.") && strstr(name, ".proj_out.");
}

dr_status unet_grow(dr_params *p, const char *init, uint64_t seed)
{
    char dir[PATH_MAX];
    dr_weights w;
    int taken = 0, all = 0;
    dr_status st = init ? dr_path(dir, sizeof dir, init, "unet")
                        : dr_fail(DR_EINVAL, "--grow needs --init, a model with a smaller UNet");
    if (!st)
        st = dr_weights_random(p, DR_F32, seed);
    if (!st)
        st = dr_params_make_trainable(p);
    if (!st)
        st = dr_weights_open(&w, dir, &dr_weights_unet);
    if (st)
        return st;
    for (dr_param *q = p->first; q; q = q->next, all++) {
        bool found = take(q, &w);
        taken += found;
        if (!found && ends_transformer(q->t.name))
            memset(dr_f32(&q->t), 0, dr_nbytes(&q->t));
    }
    dr_weights_close(&w);
    return taken ? DR_OK : dr_fail(DR_EINVAL, "'%s': none of the %d tensors fits", dir, all);
}
