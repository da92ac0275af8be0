#include "pipeline/models.h"

#include <limits.h>
#include <math.h>

/* --- rows --------------------------------------------------------------------------------------- */

static dr_status config_text(void *config, const json_t *j, const char *where)
{
    return dr_clip_config_parse(config, j, where);
}

static dr_status config_vae(void *config, const json_t *j, const char *where)
{
    return dr_vae_config_parse(config, j, where);
}

static dr_status config_unet(void *config, const json_t *j, const char *where)
{
    return dr_unet_config_parse(config, j, where);
}

static dr_status init_text(void *net, const void *config, dr_params *p)
{
    return dr_clip_init(net, config, p);
}

static dr_status init_vae(void *net, const void *config, dr_params *p)
{
    return dr_vae_init(net, config, p);
}

static dr_status init_unet(void *net, const void *config, dr_params *p)
{
    return dr_unet_init(net, config, p);
}

const dr_model_row dr_text_row = {"text_encoder", true, config_text, init_text};
const dr_model_row dr_vae_row = {"vae", true, config_vae, init_vae};
const dr_model_row dr_unet_row = {"unet", true, config_unet, init_unet};
const dr_model_row dr_textless_unet_row = {"unet", true, config_unet, init_unet, ".attn2.to_"};

typedef union any_config {
    dr_clip_config text;
    dr_vae_config vae;
    dr_unet_config unet;
} any_config;

static dr_status read_config(const dr_model_row *row, const dr_source *s, void *config)
{
    char where[PATH_MAX];
    json_t *j;
    dr_status st = dr_source_config(s, row->part, &j, where);
    if (st)
        return st;
    st = row->config(config, j, where);
    json_decref(j);
    return st;
}

dr_status dr_text_config(dr_clip_config *c, const dr_source *s)
{
    return read_config(&dr_text_row, s, c);
}

dr_status dr_vae_config_load(dr_vae_config *c, const dr_source *s)
{
    return read_config(&dr_vae_row, s, c);
}

dr_status dr_unet_config_load(dr_unet_config *c, const dr_source *s)
{
    return read_config(&dr_unet_row, s, c);
}

dr_status dr_tokenizer_open(dr_tokenizer **out, const dr_source *s, const dr_clip_config *text)
{
    dr_status st = dr_source_tokenizer(s, out);
    if (st || dr_tokenizer_vocab_size(*out) <= text->vocab)
        return st;
    st = dr_fail(DR_EINVAL, "cannot use '%s': its tokenizer has %d tokens, its text encoder %d%s", dr_source_path(s),
                 dr_tokenizer_vocab_size(*out), text->vocab, dr_source_tokenizer_hint(s));
    dr_tokenizer_free(*out);
    *out = NULL;
    return st;
}

/* --- loading and letting go --------------------------------------------------------------------- */

dr_status dr_model_open(const dr_model_row *row, const dr_source *s, const char *part, void *net, dr_params *p)
{
    char where[PATH_MAX];
    any_config config;
    json_t *j;
    dr_status st = dr_source_config(s, part, &j, where);
    if (st)
        return st;
    if (row->config)
        st = row->config(&config, j, where);
    if (!st)
        st = dr_params_init(p);
    if (!st)
        st = row->init(net, row->config ? (const void *)&config : &(dr_model_json){j, where}, p);
    json_decref(j);
    return st;
}

dr_status dr_model_bind(const dr_model_row *row, const dr_source *s, const char *part, dr_params *p, dr_weights *files)
{
    char where[PATH_MAX];
    dr_weights_rules rules = *dr_weights_rules_of(part);
    rules.trusted = row->trusted;
    rules.optional = row->optional;
    *files = (dr_weights){0};
    dr_status st = p->status ? p->status : dr_source_tensors(s, part, files);
    return st ? st : dr_weights_bind(files, p, dr_source_where(s, part, where, sizeof where), &rules);
}

static void unload(dr_params *p, dr_weights *files, bool *loaded)
{
    if (!*loaded)
        return;
    dr_params_clear(p); /* before the files: parameters point into them */
    dr_weights_close(files);
    *loaded = false;
}

static dr_status load(const dr_model_row *row, const dr_source *s, const char *part, void *net, dr_params *p,
                      dr_weights *files, bool *loaded)
{
    if (*loaded)
        return DR_OK;
    dr_status st = dr_model_open(row, s, part, net, p);
    if (!st)
        st = dr_model_bind(row, s, part, p, files);
    *loaded = true;
    if (st)
        unload(p, files, loaded);
    return st;
}

dr_status dr_text_load(dr_text_model *m, const dr_source *s)
{
    return load(&dr_text_row, s, dr_text_row.part, &m->net, &m->params, &m->files, &m->loaded);
}

dr_status dr_vae_load(dr_vae_model *m, const dr_source *s)
{
    return load(&dr_vae_row, s, dr_vae_row.part, &m->net, &m->params, &m->files, &m->loaded);
}

dr_status dr_unet_load_part(dr_unet_model *m, const dr_source *s, const char *part)
{
    return load(&dr_unet_row, s, part, &m->net, &m->params, &m->files, &m->loaded);
}

dr_status dr_unet_load(dr_unet_model *m, const dr_source *s)
{
    return dr_unet_load_part(m, s, dr_unet_row.part);
}

dr_status dr_unet_load_textless(dr_unet_model *m, const dr_source *s)
{
    return load(&dr_textless_unet_row, s, dr_unet_row.part, &m->net, &m->params, &m->files, &m->loaded);
}

void dr_text_unload(dr_text_model *m)
{
    unload(&m->params, &m->files, &m->loaded);
}

void dr_vae_unload(dr_vae_model *m)
{
    unload(&m->params, &m->files, &m->loaded);
}

void dr_unet_unload(dr_unet_model *m)
{
    unload(&m->params, &m->files, &m->loaded);
}

/* --- values ------------------------------------------------------------------------------------- */

dr_status dr_params_check(const dr_params *p, const char *path)
{
    dr_status st = DR_OK;
    for (const dr_param *q = p->first; !st && q; q = q->next) {
        if (!q->t.data || q->t.yielded) /* optional and not there; looked at when it was made */
            continue;
        st = dr_check_finite(q->t.data, q->t.dtype, (size_t)dr_numel(&q->t), q->t.name, path);
        if (q->t.mapped)
            dr_map_drop(q->t.data, dr_nbytes(&q->t));
    }
    return st;
}

dr_status dr_output_check(const float *out, size_t n, const dr_params *p, const char *what, const char *path)
{
    bool finite = true;
    for (size_t i = 0; i < n; i++)
        finite = finite && isfinite(out[i]);
    if (finite)
        return DR_OK;
    dr_status st = dr_params_check(p, path);
    return st ? st
              : dr_fail(DR_EINVAL,
                        "the %s's output is not a number, though all weights in '%s' are: they are too large "
                        "for f32 sums",
                        what, path);
}

dr_status dr_params_make_trainable(dr_params *p)
{
    for (dr_param *q = p->first; q; q = q->next) {
        dr_status st = dr_param_make_own_f32(q);
        if (st)
            return st;
        q->t.constant = false;
        q->t.needs_grad = true;
    }
    return DR_OK;
}
