#include "pipeline/gan.h"

#include "base/file.h"

/* conv2 refines features that nothing reads; the counters are of the training */
static const char *const condition_ignored[] = {".num_batches_tracked", "conv2.", NULL};
static const char *const generator_ignored[] = {".num_batches_tracked", NULL};
static const char *const old_names[][2] = {{".Spade", ""}, {".ace_", ".norm_"}, {".alias_", ".norm_"}, {NULL, NULL}};

static const dr_weights_rules rules[] = {
    [DR_GAN_CONDITION] = {.what = "condition generator",
                          .ignored = condition_ignored,
                          .optional_prefix = "module.",
                          .no_config = true},
    [DR_GAN_GENERATOR] = {.what = "image generator",
                          .ignored = generator_ignored,
                          .optional_prefix = "module.",
                          .renames = old_names,
                          .no_config = true},
};

/* --- what a file is ------------------------------------------------------------------------------- */

static bool condition_shape(const void *tensors, const char *name, int64_t dim[4])
{
    return dr_weights_shape(tensors, &rules[DR_GAN_CONDITION], name, dim);
}

static bool generator_shape(const void *tensors, const char *name, int64_t dim[4])
{
    return dr_weights_shape(tensors, &rules[DR_GAN_GENERATOR], name, dim);
}

static dr_gan_kind kind_of(const dr_weights *w)
{
    int64_t dim[4];
    if (condition_shape(w, "ClothEncoder.0.scale.weight", dim))
        return DR_GAN_CONDITION;
    return generator_shape(w, "head_0.norm_0.noise_scale", dim) && generator_shape(w, "conv_img.weight", dim)
               ? DR_GAN_GENERATOR
               : DR_GAN_NONE;
}

dr_gan_kind dr_gan_kind_of(const char *path)
{
    dr_weights w = {0};
    if (dr_is_dir(path) || dr_weights_open_file(&w, path)) {
        dr_error_clear();
        return DR_GAN_NONE;
    }
    dr_gan_kind kind = kind_of(&w);
    dr_weights_close(&w);
    return kind;
}

dr_status dr_gan_describe(dr_gan_info *out, const char *path)
{
    static dr_condition_generator condition;
    static dr_spade_generator generator;
    dr_weights w;
    dr_params p = {0};
    *out = (dr_gan_info){0};
    dr_status st = dr_weights_open_file(&w, path);
    if (st)
        return st;
    out->kind = kind_of(&w);
    st = dr_params_init(&p);
    if (!st && out->kind == DR_GAN_GENERATOR)
        st = dr_spade_config_read(&out->generator, generator_shape, &w, path);
    else if (!st)
        st = dr_condition_config_read(&out->condition, condition_shape, &w, path);
    if (!st)
        st = out->kind == DR_GAN_GENERATOR ? dr_spade_init(&generator, &out->generator, &p)
                                           : dr_condition_init(&condition, &out->condition, &p);
    out->parameters = dr_params_numel(&p);
    dr_params_clear(&p);
    dr_weights_close(&w);
    return st;
}

/* --- loading and letting go ----------------------------------------------------------------------- */

/* The two are easily mistaken for each other. */
static dr_status check_kind(const dr_weights *w, dr_gan_kind wanted, const char *path)
{
    dr_gan_kind kind = kind_of(w);
    if (kind == wanted || kind == DR_GAN_NONE) /* the config says what is missing */
        return DR_OK;
    return dr_fail(DR_EINVAL, "'%s' is HR-VITON's %s, expected its %s", path, rules[kind].what, rules[wanted].what);
}

static void unload(dr_params *p, dr_weights *files, bool *loaded)
{
    if (!*loaded)
        return;
    dr_params_clear(p); /* before the files: parameters point into them */
    dr_weights_close(files);
    *loaded = false;
}

/* The file, and whether it is this network's; from `loaded` on there is something to unload. */
static dr_status begin(dr_params *p, dr_weights *files, bool *loaded, dr_gan_kind kind, const char *path)
{
    dr_status st = dr_weights_open_file(files, path);
    if (st)
        return st;
    *loaded = true;
    st = dr_params_init(p);
    return st ? st : check_kind(files, kind, path);
}

static dr_status bind(dr_params *p, dr_weights *files, dr_gan_kind kind, const char *path)
{
    return p->status ? p->status : dr_weights_bind(files, p, path, &rules[kind]);
}

dr_status dr_condition_load(dr_condition_model *m, const char *path)
{
    dr_condition_config c;
    if (m->loaded)
        return DR_OK;
    dr_status st = begin(&m->params, &m->files, &m->loaded, DR_GAN_CONDITION, path);
    if (!st)
        st = dr_condition_config_read(&c, condition_shape, &m->files, path);
    if (!st)
        st = dr_condition_init(&m->net, &c, &m->params);
    if (!st)
        st = bind(&m->params, &m->files, DR_GAN_CONDITION, path);
    if (st)
        dr_condition_unload(m);
    return st;
}

dr_status dr_spade_load(dr_spade_model *m, const char *path)
{
    dr_spade_config c;
    if (m->loaded)
        return DR_OK;
    dr_status st = begin(&m->params, &m->files, &m->loaded, DR_GAN_GENERATOR, path);
    if (!st)
        st = dr_spade_config_read(&c, generator_shape, &m->files, path);
    if (!st)
        st = dr_spade_init(&m->net, &c, &m->params);
    if (!st)
        st = bind(&m->params, &m->files, DR_GAN_GENERATOR, path);
    if (!st)
        st = dr_spade_fold(&m->net, path);
    if (st)
        dr_spade_unload(m);
    return st;
}

void dr_condition_unload(dr_condition_model *m)
{
    unload(&m->params, &m->files, &m->loaded);
}

void dr_spade_unload(dr_spade_model *m)
{
    unload(&m->params, &m->files, &m->loaded);
}
