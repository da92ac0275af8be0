#include "train/adapters.h"

#include "base/json.h"
#include "pipeline/wardrobe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- which layers --------------------------------------------------------------------------------- */

typedef struct visitor {
    void (*fn)(void *user, dr_lin *l);
    void *user;
} visitor;

static void visit_self(void *user, dr_attn *a)
{
    const visitor *v = user;
    dr_lin *const all[] = {&a->q, &a->k, &a->v, &a->out};
    for (int i = 0; i < 4; i++)
        v->fn(v->user, all[i]);
}

void dr_adapters_each(const dr_adapter_layers *to, void (*unet)(void *user, dr_lin *l),
                      void (*text)(void *user, dr_lin *l), void *user)
{
    if (to->self_alone)
        dr_unet_each_self_attention(to->unet, visit_self, &(visitor){unet, user});
    else
        dr_unet_each_attention(to->unet, unet, user);
    if (to->text)
        dr_clip_each_attention(to->text, text, user);
}

/* --- made ------------------------------------------------------------------------------------------ */

typedef struct maker {
    dr_params *params;
    int rank;
    double scale;
} maker;

static void add_adapter(const maker *m, const char *prefix, dr_lin *l)
{
    char name[DR_NAME_MAX], layer[DR_NAME_MAX];
    int n = (int)(strlen(l->w->name) - strlen(".weight"));
    int64_t out = l->w->dim[0], in = dr_numel(l->w) / out;
    snprintf(name, sizeof name, "%s.%.*s", prefix, n, l->w->name);
    dr_params *p = m->params;
    l->down = dr_param_add(p, dr_join(layer, name, "lora_A"), "weight", DR_INIT_KAIMING, in, 2, m->rank, in, 1, 1);
    l->up = dr_param_add(p, dr_join(layer, name, "lora_B"), "weight", DR_INIT_ZEROS, 0, 2, out, m->rank, 1, 1);
    l->lora_scale = (float)m->scale;
}

static void add_to_unet(void *user, dr_lin *l)
{
    add_adapter(user, "unet", l);
}

static void add_to_text(void *user, dr_lin *l)
{
    add_adapter(user, "text_encoder.text_model", l);
}

static void detach(void *user, dr_lin *l)
{
    (void)user;
    l->down = l->up = NULL;
}

dr_status dr_adapters_declare(dr_params *p, const dr_adapter_layers *to, int rank, double alpha)
{
    dr_status st = dr_params_init(p);
    if (st)
        return st;
    dr_adapters_each(to, add_to_unet, add_to_text, &(maker){p, rank, alpha / rank});
    return p->status;
}

void dr_adapters_detach(const dr_adapter_layers *to)
{
    dr_adapters_each(to, detach, detach, NULL);
}

dr_status dr_adapters_make(dr_adapters *a, const dr_adapter_layers *to, int rank, double alpha, uint64_t seed)
{
    *a = (dr_adapters){
        .rank = rank, .alpha = alpha > 0 ? alpha : rank, .text = to->text != NULL, .self_alone = to->self_alone};
    dr_status st = dr_adapters_declare(&a->params, to, rank, a->alpha);
    if (!st)
        st = dr_weights_random(&a->params, DR_F32, seed);
    for (dr_param *q = a->params.first; !st && q; q = q->next) {
        q->t.constant = false;
        q->t.needs_grad = true;
    }
    return st;
}

void dr_adapters_clear(dr_adapters *a)
{
    dr_params_clear(&a->params);
    free(a->wardrobe);
    *a = (dr_adapters){0};
}

/* --- files ----------------------------------------------------------------------------------------- */

/* What diffusers (from 0.35 on) reads rank and alpha from. */
static char *metadata(const dr_adapters *a)
{
    json_t *j = json_object();
    const char *const parts[] = {"unet", "text_encoder"};
    const char *const targets[] = {a->self_alone
                                       ? "[\"attn1.to_q\", \"attn1.to_k\", \"attn1.to_v\", \"attn1.to_out.0\"]"
                                       : "[\"to_q\", \"to_k\", \"to_v\", \"to_out.0\"]",
                                   "[\"q_proj\", \"k_proj\", \"v_proj\", \"out_proj\"]"};
    for (int i = 0; i < (a->text ? 2 : 1); i++) {
        char key[64];
        snprintf(key, sizeof key, "%s.r", parts[i]);
        json_object_set_new(j, key, json_integer(a->rank));
        snprintf(key, sizeof key, "%s.lora_alpha", parts[i]);
        json_object_set_new(j, key, json_real(a->alpha));
        snprintf(key, sizeof key, "%s.target_modules", parts[i]);
        json_object_set_new(j, key, json_loads(targets[i], 0, NULL));
    }
    char *text = json_dumps(j, JSON_SORT_KEYS);
    json_decref(j);
    return text;
}

static dr_status put_values(dr_st_writer *w, const dr_param *q)
{
    size_t n = (size_t)dr_numel(&q->t);
    float *host = malloc(n * sizeof *host);
    if (!host)
        return dr_fail(DR_ENOMEM, "out of memory writing '%s'", q->t.name);
    dr_param_get(q, 0, n, host);
    dr_status st = dr_st_put(w, host, n * sizeof *host);
    free(host);
    return st;
}

dr_status dr_adapters_save(const dr_adapters *a, const char *path)
{
    char *meta = metadata(a);
    dr_st_entry *e = calloc(a->params.count, sizeof *e);
    dr_st_writer w;
    size_t n = 0;
    dr_status st = meta && e ? DR_OK : dr_fail(DR_ENOMEM, "out of memory writing '%s'", path);
    for (const dr_param *q = a->params.first; !st && q; q = q->next) {
        e[n] = (dr_st_entry){.name = q->t.name, .dtype = DR_F32, .rank = 2, .size = dr_nbytes(&q->t)};
        e[n].dim[0] = q->t.dim[0];
        e[n++].dim[1] = q->t.dim[1];
    }
    dr_st_meta m[] = {{"format", "pt"}, {"lora_adapter_metadata", meta}, {DR_WARDROBE_KEY, a->wardrobe}};
    if (!st)
        st = dr_st_create(&w, path, e, n, m, a->wardrobe ? 3 : 2);
    bool open = !st;
    for (const dr_param *q = a->params.first; !st && q; q = q->next)
        st = put_values(&w, q);
    if (!st)
        st = dr_st_commit(&w);
    else if (open)
        dr_st_abort(&w);
    free(meta);
    free(e);
    return st;
}

dr_status dr_adapters_write(const void *adapters, const char *path)
{
    return dr_adapters_save(adapters, path);
}

dr_status dr_adapters_load(dr_adapters *a, const char *path)
{
    dr_safetensors f;
    dr_status st = dr_st_open(&f, path);
    if (st)
        return st;
    for (dr_param *q = a->params.first; !st && q; q = q->next) {
        const dr_st_entry *e = dr_st_find(&f, q->t.name);
        if (!e || e->dtype != DR_F32 || e->size != dr_nbytes(&q->t))
            st = dr_fail(DR_EINVAL, "cannot load '%s': '%s' %s", path, q->t.name,
                         e ? "has another shape; was it trained with another --lora_rank?" : "is missing");
        else
            dr_param_set(q, 0, (size_t)dr_numel(&q->t), e->data);
    }
    dr_st_close(&f);
    return st;
}
