/* Cases that go forward through one model: tokenizer, text encoder, VAE, UNet. */
#include "verify/case.h"

#include "base/path.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static dr_status need_tokenizer(dr_verifier *v)
{
    return v->tokenizer ? DR_OK : dr_source_tokenizer(v->source, &v->tokenizer);
}

dr_status dr_verify_tokenize(dr_verifier *v)
{
    const json_t *prompts = json_object_get(v->args, "prompts");
    size_t n = json_array_size(prompts);
    float *all = dr_arena_alloc(&v->results, n * DR_TOKENS * sizeof *all);
    dr_status st = need_tokenizer(v);
    if (!st && (!n || !all))
        st = n ? DR_ENOMEM : dr_fail(DR_EINVAL, "'%s': \"args\" has no \"prompts\"", v->path);
    for (size_t i = 0; !st && i < n; i++) {
        int32_t ids[DR_TOKENS];
        const char *text = json_string_value(json_array_get(prompts, i));
        st = dr_tokenizer_encode(v->tokenizer, text ? text : "", ids, NULL);
        for (int k = 0; !st && k < DR_TOKENS; k++)
            all[i * DR_TOKENS + (size_t)k] = (float)ids[k];
    }
    return st ? st : dr_case_output(v, "input_ids", all, (int64_t)n * DR_TOKENS, DR_TOL_EXACT);
}

static dr_status check_ids(dr_verifier *v, const int32_t *ids, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        if (ids[i] < 0 || ids[i] >= v->text.net.config.vocab)
            return dr_fail(DR_EINVAL, "'%s': token %d, the model has %d", v->path, ids[i], v->text.net.config.vocab);
    return DR_OK;
}

dr_status dr_verify_text_encoder(dr_verifier *v)
{
    int64_t d[2];
    dr_status st = dr_text_load(&v->text, v->source);
    int32_t *ids = st ? NULL : dr_case_ints(v, "input_ids", 2, d);
    if (!ids)
        return st ? st : DR_EINVAL;
    if (d[1] > v->text.net.config.positions)
        return dr_fail(DR_EINVAL, "'%s': %lld tokens, the model takes %d", v->path, (long long)d[1],
                       v->text.net.config.positions);
    st = check_ids(v, ids, d[0] * d[1]);
    if (st)
        return st;
    dr_tensor *h = dr_clip_forward(&v->tape, &v->text.net, ids, d[0], d[1]);
    st = dr_tape_status(&v->tape);
    return st ? st : dr_case_output_values(v, "last_hidden_state", dr_f32(h), dr_numel(h), DR_TOL_FORWARD);
}

static dr_status expect(dr_verifier *v, const char *name, int64_t got, int64_t want)
{
    if (got == want)
        return DR_OK;
    return dr_fail(DR_EINVAL, "'%s': '%s' has %lld, the model takes %lld", v->path, name, (long long)got,
                   (long long)want);
}

/* The model's VAE, or the one that lies in the model's folder under the name that the case gives. */
static dr_status load_vae(dr_verifier *v)
{
    char path[PATH_MAX];
    const char *name;
    dr_status st = dr_json_string(v->args, v->path, "vae", "", &name);
    if (!st && (strchr(name, '/') || strstr(name, "..")))
        st = dr_fail(DR_EINVAL, "'%s': \"vae\" is '%s', expected the name of a folder", v->path, name);
    if (!st && strncmp(name, v->other_vae_name, sizeof v->other_vae_name) != 0) {
        dr_vae_unload(&v->vae);
        dr_source_close(v->other_vae);
        v->other_vae = NULL;
        if (name[0])
            st = dr_path(path, sizeof path, dr_source_path(v->source), name);
        if (!st && name[0])
            st = dr_source_open(&v->other_vae, path, &(dr_source_options){.alone = "vae"});
        snprintf(v->other_vae_name, sizeof v->other_vae_name, "%s", st ? "" : name);
    }
    return st ? st : dr_vae_load(&v->vae, v->other_vae ? v->other_vae : v->source);
}

dr_status dr_verify_vae_encode(dr_verifier *v)
{
    dr_status st = load_vae(v);
    dr_tensor *x = st ? NULL : dr_case_image(v, "image");
    if (!x)
        return st ? st : DR_EINVAL;
    const dr_vae_config *c = &v->vae.net.config;
    st = expect(v, "in/image channels", x->dim[3], c->in);
    if (st)
        return st;
    dr_case_watch(v);
    dr_tensor *m = dr_vae_encode(&v->tape, &v->vae.net, x);
    dr_tensor *mean = dr_slice(&v->tape, m, 0, c->latent), *logvar = dr_slice(&v->tape, m, c->latent, c->latent);
    st = dr_case_watched(v);
    if (!st)
        st = dr_tape_status(&v->tape);
    float *p = st ? NULL : dr_arena_alloc(&v->tape.arena, dr_nbytes(logvar));
    if (!p)
        return st ? st : DR_ENOMEM;
    dr_tensor_get(&v->tape, logvar, p);
    for (int64_t i = 0; i < dr_numel(logvar); i++) /* diffusers clamps before anyone sees it */
        p[i] = p[i] < -30 ? -30 : p[i] > 20 ? 20 : p[i];
    dr_tensor_set(&v->tape, logvar, p);
    if (!st)
        st = dr_case_output_image(v, "mean", mean, DR_TOL_FORWARD);
    if (!dr_vae_draws(c)) /* there is no variance */
        return st;
    return st ? st : dr_case_output_image(v, "logvar", logvar, DR_TOL_FORWARD);
}

/* A case's latents are the decoder's input, to which nothing was done yet. */
static dr_status prepare_latents(dr_verifier *v, const dr_vae_config *config, dr_tensor *z)
{
    dr_vae_config c = *config;
    size_t n = (size_t)dr_numel(z);
    float *host = dr_arena_alloc(&v->tape.arena, n * sizeof *host);
    if (!host)
        return DR_ENOMEM;
    c.scaling = 1;
    c.shift = 0;
    dr_tensor_get(&v->tape, z, host);
    dr_vae_unscale(&c, host, n, host);
    dr_tensor_set(&v->tape, z, host);
    return DR_OK;
}

dr_status dr_verify_vae_decode(dr_verifier *v)
{
    dr_status st = load_vae(v);
    dr_tensor *z = st ? NULL : dr_case_image(v, "latents");
    if (!z)
        return st ? st : DR_EINVAL;
    st = expect(v, "in/latents channels", z->dim[3], v->vae.net.config.latent);
    if (!st)
        st = prepare_latents(v, &v->vae.net.config, z);
    if (st)
        return st;
    dr_case_watch(v);
    dr_tensor *x = dr_vae_decode(&v->tape, &v->vae.net, z);
    st = dr_case_watched(v);
    if (!st)
        st = dr_tape_status(&v->tape);
    return st ? st : dr_case_output_image(v, "image", x, DR_TOL_FORWARD);
}

dr_status dr_verify_unet(dr_verifier *v)
{
    int64_t dt[1], dc[3];
    dr_status st = dr_unet_load(&v->unet, v->source);
    dr_tensor *x = st ? NULL : dr_case_image(v, "sample");
    float *t = x ? dr_case_input(v, "timestep", 1, dt) : NULL;
    float *c = t ? dr_case_input(v, "encoder_hidden_states", 3, dc) : NULL;
    if (!c)
        return st ? st : DR_EINVAL;
    st = expect(v, "in/sample channels", x->dim[3], v->unet.net.config.in);
    if (!st)
        st = expect(v, "in/encoder_hidden_states width", dc[2], v->unet.net.config.context[0]);
    if (!st)
        st = expect(v, "in/timestep", dt[0], x->dim[0]);
    if (!st)
        st = expect(v, "in/encoder_hidden_states samples", dc[0], x->dim[0]);
    if (st)
        return st;
    dr_case_watch(v);
    dr_tensor *y = dr_unet_forward(&v->tape, &v->unet.net, x, t, dr_input(&v->tape, c, 3, dc));
    st = dr_case_watched(v);
    if (!st)
        st = dr_tape_status(&v->tape);
    return st ? st : dr_case_output_image(v, "sample", y, DR_TOL_FORWARD);
}
