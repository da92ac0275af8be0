#include "base/file.h"
#include "base/path.h"
#include "base/progress.h"
#include "verify/case.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *kind;
    dr_status (*run)(dr_verifier *v);
} kinds[] = {
    {"tokenize", dr_verify_tokenize},
    {"text_encoder", dr_verify_text_encoder},
    {"vae_encode", dr_verify_vae_encode},
    {"vae_decode", dr_verify_vae_decode},
    {"unet", dr_verify_unet},
    {"randn", dr_verify_randn},
    {"sampler", dr_verify_sampler},
    {"train_gradients", dr_verify_train_gradients},
    {"vae_gradients", dr_verify_vae_gradients},
    {"catvton_train", dr_verify_catvton_train},
    {"segformer", dr_verify_parser_net},
    {"segformer_gradients", dr_verify_parser_gradients},
    {"clothes_net", dr_verify_parser_net},
    {"clothes_net_gradients", dr_verify_parser_gradients},
    {"parser", dr_verify_parser},
    {"alexnet", dr_verify_features},
    {"vgg16", dr_verify_features},
    {"squeezenet", dr_verify_features},
    {"inception", dr_verify_inception},
    {"clip_vision", dr_verify_clip_vision},
    {"lpips", dr_verify_lpips},
    {"fid", dr_verify_fid},
    {"frechet", dr_verify_frechet},
    {"kid", dr_verify_kid},
    {"clip_image", dr_verify_clip_image},
    {"catvton_attention", dr_verify_catvton_attention},
    {"catvton_unet", dr_verify_catvton_unet},
    {"catvton_step", dr_verify_catvton_step},
    {"catvton_prepare", dr_verify_catvton_prepare},
    {"catvton_repaint", dr_verify_catvton_repaint},
    {"catvton_run", dr_verify_catvton_run},
    {"lr_schedule", dr_verify_lr_schedule},
    {"adamw", dr_verify_adamw},
    {"hrviton_chain", dr_verify_hr_chain},
    {"hrviton_condition", dr_verify_hr_condition},
    {"hrviton_generator", dr_verify_hr_generator},
    {"hrviton_spade_norm", dr_verify_hr_spade_norm},
    {"hrviton_spectral", dr_verify_hr_spectral},
    {"hrviton_glue", dr_verify_hr_glue},
    {"hrviton_warp", dr_verify_hr_warp},
};

dr_status dr_verifier_new(dr_verifier **out, const char *model, const char *out_dir)
{
    dr_verifier *v = calloc(1, sizeof *v);
    *out = NULL;
    if (!v)
        return dr_fail(DR_ENOMEM, "out of memory");
    v->out_dir = out_dir ? strdup(out_dir) : NULL;
    dr_status st = out_dir && !v->out_dir ? dr_fail(DR_ENOMEM, "out of memory") : DR_OK;
    if (!st) /* unchecked: a case may need one part alone, or a clothes parser */
        st = dr_source_open(&v->source, model, &(dr_source_options){.unchecked = true});
    if (!st)
        st = dr_tape_init(&v->tape);
    if (!st)
        st = dr_arena_init(&v->results, 0);
    if (!st && out_dir)
        st = dr_mkdirs(out_dir);
    if (st) {
        dr_verifier_free(v);
        return st;
    }
    *out = v;
    return DR_OK;
}

void dr_verifier_free(dr_verifier *v)
{
    if (!v)
        return;
    dr_tokenizer_free(v->tokenizer);
    dr_text_unload(&v->text);
    dr_vae_unload(&v->vae);
    dr_unet_unload(&v->unet);
    dr_parser_unload(&v->parser);
    dr_condition_unload(&v->condition);
    dr_spade_unload(&v->spade);
    dr_verify_garment_close(v);
    dr_tape_clear(&v->tape);
    dr_arena_clear(&v->results);
    dr_source_close(v->other_vae);
    dr_source_close(v->source);
    free(v->out_dir);
    free(v);
}

/* --- one case ----------------------------------------------------------------------------------- */

static dr_status write_got(dr_verifier *v)
{
    char *path = dr_arena_printf(&v->results, "%s/%s", v->out_dir, dr_path_name(v->path));
    dr_st_entry *e = dr_arena_alloc(&v->results, v->got_count * sizeof *e);
    dr_st_writer w;
    if (!path || !e)
        return DR_ENOMEM;
    for (size_t i = 0; i < v->got_count; i++) {
        e[i] = *v->got[i].want;
        e[i].dtype = DR_F32;
        e[i].size = (size_t)dr_entry_numel(&e[i]) * sizeof(float);
        e[i].name = dr_arena_printf(&v->results, "got/%s", v->got[i].want->name + strlen("want/"));
        if (!e[i].name)
            return DR_ENOMEM;
    }
    dr_status st = dr_st_create(&w, path, e, v->got_count, NULL, 0);
    if (st)
        return st;
    for (size_t i = 0; !st && i < v->got_count; i++)
        st = dr_st_put(&w, v->got[i].data, e[i].size);
    if (!st)
        return dr_st_commit(&w);
    dr_st_abort(&w);
    return st;
}

static dr_status run_case(dr_verifier *v)
{
    const char *kind = dr_st_metadata(&v->file, "kind"), *args = dr_st_metadata(&v->file, "args");
    if (!kind)
        return dr_fail(DR_EINVAL, "'%s' is not a golden case: its metadata has no \"kind\"", v->path);
    snprintf(v->result->kind, sizeof v->result->kind, "%s", kind);
    dr_status st = dr_json_parse(args ? args : "{}", args ? strlen(args) : 2, v->path, &v->args);
    if (st)
        return st;
    v->got = calloc(v->file.count, sizeof *v->got);
    if (!v->got)
        return dr_fail(DR_ENOMEM, "out of memory");
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strcmp(kind, kinds[i].kind) == 0) {
            st = kinds[i].run(v);
            if (!st && v->tape.status)
                st = dr_tape_status(&v->tape);
            return !st && v->out_dir ? write_got(v) : st;
        }
    return dr_fail(DR_EUNSUPPORTED, "'%s': cases of kind '%s' are not known to this version", v->path, kind);
}

dr_status dr_verify_case(dr_verifier *v, const char *path, dr_verify_result *r)
{
    *r = (dr_verify_result){0};
    v->path = path;
    v->result = r;
    v->worst = 0;
    double t0 = dr_now();
    if (dr_path_ends_with(path, ".json")) {
        dr_status done = dr_verify_preprocess(path, r);
        r->seconds = dr_now() - t0;
        return done;
    }
    dr_status st = dr_st_open(&v->file, path);
    if (st)
        return st;
    st = run_case(v);
    r->seconds = dr_now() - t0;
    r->ok = !st && r->outputs > 0 && v->worst <= 1;
    json_decref(v->args);
    free(v->got);
    v->args = NULL;
    v->got = NULL;
    v->got_count = 0;
    dr_st_close(&v->file);
    dr_tape_reset(&v->tape);
    dr_arena_rewind(&v->results, 0);
    return st;
}
