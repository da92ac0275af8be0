/* `drape init`: a pipeline folder with random weights, from an architecture. */
#include "base/file.h"
#include "base/path.h"
#include "models/clip_text.h"
#include "models/unet.h"
#include "models/vae.h"
#include "pipeline/arch.h"
#include "pipeline/folder.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

typedef struct job {
    dr_arch arch;
    dr_params unet, vae, text;
    dr_dtype dtype;
    uint64_t seed;
    const dr_init_options *o;
    int64_t done, total; /* values of finished files, of all */
} job;

/* Declares all parameters, so that sizes are known before anything is written. */
static dr_status declare(job *b, const char *where)
{
    dr_unet_config uc;
    dr_vae_config vc;
    dr_clip_config tc;
    dr_status st = dr_unet_config_parse(&uc, b->arch.unet, where);
    if (!st)
        st = dr_vae_config_parse(&vc, b->arch.vae, where);
    if (!st)
        st = dr_clip_config_parse(&tc, b->arch.text_encoder, where);
    if (!st && tc.vocab < DR_CLIP_VOCAB)
        st = dr_fail(DR_EINVAL, "'%s': \"vocab_size\" is %d, CLIP's vocabulary has %d tokens", where, tc.vocab,
                     DR_CLIP_VOCAB);
    if (st)
        return st;
    dr_unet *u = malloc(sizeof *u); /* large, and needed for its parameters only */
    dr_vae *v = malloc(sizeof *v);
    dr_clip_text *t = malloc(sizeof *t);
    if (!u || !v || !t)
        st = dr_fail(DR_ENOMEM, "out of memory making '%s'", where);
    if (!st)
        st = dr_params_init(&b->unet);
    if (!st)
        st = dr_params_init(&b->vae);
    if (!st)
        st = dr_params_init(&b->text);
    if (!st)
        st = dr_unet_init(u, &uc, &b->unet);
    if (!st)
        st = dr_vae_init(v, &vc, &b->vae);
    if (!st)
        st = dr_clip_init(t, &tc, &b->text);
    free(u);
    free(v);
    free(t);
    b->total = dr_params_numel(&b->unet) + dr_params_numel(&b->vae) + dr_params_numel(&b->text);
    return st;
}

static dr_status check_room(const job *b, const char *dir)
{
    uint64_t need = (uint64_t)b->total * dr_dtype_size(b->dtype) + ((uint64_t)16 << 20);
    uint64_t room = dr_disk_free(dir);
    if (room >= need)
        return DR_OK;
    return dr_fail(DR_EIO, "cannot write '%s': it needs %.1f GB, the disk has %.1f GB free%s", dir, (double)need / 1e9,
                   (double)room / 1e9, b->dtype == DR_F32 ? "; 16-bit weights (--dtype f16) take half" : "");
}

/* The part's config file: `first` (the class), then the architecture's keys. Takes `first`. */
static dr_status write_config(const char *dir, const char *part, const char *file, json_t *first, const json_t *keys)
{
    char path[PATH_MAX];
    dr_status st = dr_path(path, sizeof path, dir, part);
    if (!st)
        st = dr_mkdirs(path);
    if (!st)
        st = dr_path(path, sizeof path, dir, part, file);
    if (!st && (!first || json_object_update_missing(first, (json_t *)(uintptr_t)keys) != 0))
        st = dr_fail(DR_ENOMEM, "out of memory writing '%s'", path);
    if (!st) {
        json_object_del(first, "class"); /* our files' name for _class_name */
        st = dr_json_save(path, first);
    }
    json_decref(first);
    return st;
}

static json_t *diffusers_class(const char *name)
{
    return json_pack("{s:s, s:s}", "_class_name", name, "_diffusers_version", DR_DIFFUSERS_VERSION);
}

static dr_status write_configs(const job *b, const char *tmp)
{
    static const char *const torch_names[] = {[DR_F32] = "float32", [DR_F16] = "float16", [DR_BF16] = "bfloat16"};
    dr_status st = write_config(tmp, "unet", "config.json", diffusers_class("UNet2DConditionModel"), b->arch.unet);
    if (!st)
        st = write_config(tmp, "vae", "config.json", diffusers_class("AutoencoderKL"), b->arch.vae);
    if (!st)
        st = write_config(tmp, "text_encoder", "config.json",
                          json_pack("{s:[s], s:s, s:s}", "architectures", "CLIPTextModel", "model_type",
                                    "clip_text_model", "torch_dtype", torch_names[b->dtype]),
                          b->arch.text_encoder);
    if (!st)
        st = write_config(tmp, "scheduler", "scheduler_config.json", diffusers_class(b->arch.scheduler_class),
                          b->arch.scheduler);
    return st ? st : dr_clip_vocab_write(tmp, b->arch.pad_token);
}

static bool progress(void *user, int64_t done, int64_t total)
{
    const job *b = user;
    (void)total;
    return b->o->progress && b->o->progress(b->o->user, b->done + done, b->total);
}

static dr_status write_weights(job *b, const char *tmp, const char *part, const char *file, const char *prefix,
                               const dr_params *p)
{
    char path[PATH_MAX];
    dr_status st = dr_path(path, sizeof path, tmp, part, file);
    if (!st)
        st = dr_weights_write_random(p, path, b->dtype, prefix, b->seed, progress, b);
    b->done += dr_params_numel(p);
    return st;
}

static dr_status write_folder(job *b, const char *tmp)
{
    const char *file = "diffusion_pytorch_model.safetensors";
    dr_status st = write_configs(b, tmp);
    if (!st)
        st = write_weights(b, tmp, "unet", file, "", &b->unet);
    if (!st)
        st = write_weights(b, tmp, "vae", file, "", &b->vae);
    if (!st)
        st = write_weights(b, tmp, "text_encoder", "model.safetensors", "text_model.", &b->text);
    return st ? st : dr_folder_write_index(tmp, b->arch.scheduler_class);
}

dr_status dr_pipeline_init_folder(const char *dir, const dr_init_options *o)
{
    job b = {.o = o};
    char tmp[PATH_MAX];
    dr_status st = dr_arch_load(&b.arch, o->arch);
    if (st)
        return st;
    b.dtype = o->dtype == DR_DTYPES ? b.arch.dtype : o->dtype;
    b.seed = (uint64_t)(o->seed < 0 ? b.arch.seed : o->seed);
    st = declare(&b, o->arch);
    if (!st)
        st = check_room(&b, dir);
    if (!st)
        st = dr_folder_begin(tmp, sizeof tmp, dir);
    if (!st) {
        st = write_folder(&b, tmp);
        if (!st)
            st = dr_folder_commit(tmp, dir);
        if (st) {
            char message[1024]; /* removing may fail too; the first fault is the one to tell */
            snprintf(message, sizeof message, "%s", dr_error());
            (void)dr_remove_tree(tmp);
            dr_fail(st, "%s", message);
        }
    }
    dr_params_clear(&b.unet);
    dr_params_clear(&b.vae);
    dr_params_clear(&b.text);
    dr_arch_clear(&b.arch);
    return st;
}
