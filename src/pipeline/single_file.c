#include "base/path.h"
#include "base/yaml.h"
#include "models/vae.h"
#include "pipeline/folder.h"
#include "pipeline/ldm_family.h"
#include "pipeline/single_impl.h"

#include <stdlib.h>
#include <string.h>

static const char *const parts[DR_SINGLE_MODELS] = {"unet", "vae", "text_encoder"};

bool dr_single_file_is(const char *path)
{
    return dr_is_file(path);
}

static const char *metadata(const dr_single_file *f, const char *key)
{
    for (size_t i = 0; i < f->file.meta_count; i++)
        if (strcmp(f->file.meta[i].key, key) == 0)
            return f->file.meta[i].value;
    return NULL;
}

/* --- companions ----------------------------------------------------------------------------------------- */

/* The path with another extension in place of its own; false when there is no such file. */
static bool companion(char out[PATH_MAX], const char *path, const char *extension)
{
    int n = snprintf(out, PATH_MAX, "%.*s%s", (int)dr_path_stem(path), path, extension);
    return n > 0 && n < PATH_MAX && strcmp(out, path) != 0 && dr_is_file(out);
}

static dr_status open_companions(dr_single_file *f, const char *path, const char *vae)
{
    static const char *const endings[] = {".vae.safetensors", ".vae.pt", ".vae.ckpt"};
    char beside[PATH_MAX];
    for (size_t i = 0; !vae && !f->no_vae && i < sizeof endings / sizeof *endings; i++)
        if (companion(beside, path, endings[i]))
            vae = beside;
    dr_status st = vae ? dr_tensor_file_open(&f->vae, vae) : DR_OK;
    if (!st && (companion(f->yaml_path, path, ".yaml") || companion(f->yaml_path, path, ".yml")))
        st = dr_yaml_load(f->yaml_path, &f->yaml);
    return st;
}

/* --- notes ---------------------------------------------------------------------------------------------- */

static bool begins(const char *name, const char *with)
{
    return strncmp(name, with, strlen(with)) == 0;
}

/* What files have in excess and nobody needs: the schedule in numbers, buffers, a training's leftovers. */
static bool is_known_excess(const char *name)
{
    static const char *const starts[] = {DR_LDM_EMA, "first_stage_model.loss.", "loss.", "cond_stage_model.",
                                         "conditioner.embedders.0."};
    static const char *const whole[] = {"betas",
                                        "alphas_cumprod",
                                        "alphas_cumprod_prev",
                                        "sqrt_alphas_cumprod",
                                        "sqrt_one_minus_alphas_cumprod",
                                        "log_one_minus_alphas_cumprod",
                                        "sqrt_recip_alphas_cumprod",
                                        "sqrt_recipm1_alphas_cumprod",
                                        "posterior_variance",
                                        "posterior_log_variance_clipped",
                                        "posterior_mean_coef1",
                                        "posterior_mean_coef2",
                                        "logvar",
                                        "scale_factor",
                                        "v_pred",
                                        "denoiser.sigmas"};
    for (size_t i = 0; i < sizeof starts / sizeof *starts; i++)
        if (begins(name, starts[i]))
            return true;
    for (size_t i = 0; i < sizeof whole / sizeof *whole; i++)
        if (strcmp(name, whole[i]) == 0)
            return true;
    return false;
}

static void note_excess(dr_single_file *f)
{
    const char *first = NULL;
    size_t n = 0;
    for (size_t i = 0; i < f->file.count; i++) {
        const char *name = f->file.entry[i].name;
        if (f->used[i] || is_known_excess(name) ||
            ((f->vae.path || f->no_vae) && (begins(name, DR_LDM_VAE) || begins(name, "vae."))) ||
            (f->ema && begins(name, DR_LDM_UNET)))
            continue;
        first = first ? first : name;
        n++;
    }
    if (n)
        snprintf(f->note, sizeof f->note,
                 "'%s' has %zu tensor%s that Stable Diffusion does not need, '%.120s' for one: "
                 "passed over",
                 f->file.path, n, n > 1 ? "s" : "", first);
}

/* --- opening -------------------------------------------------------------------------------------------- */

static dr_status check_channels(const dr_single_file *f)
{
    int third;
    const dr_st_entry *e = dr_single_find_unet(f, "input_blocks.0.0.weight", &third);
    if (!e || e->rank != 4)
        return dr_fail(DR_EINVAL, "cannot load the model '%s': '%s' is no convolution", f->file.path,
                       DR_LDM_UNET "input_blocks.0.0.weight");
    return dr_ldm_channels_check(&f->file, e->dim[1]);
}

/* "512x768": the longer side; 0 for anything else. */
static int pixels_of(const char *resolution)
{
    int w = 0, h = 0;
    if (!resolution || sscanf(resolution, "%5dx%5d", &w, &h) < 1)
        return 0;
    return w > h ? w : h;
}

static dr_status read_metadata(dr_single_file *f, dr_ldm_facts *facts)
{
    const char *predicts = metadata(f, "modelspec.prediction_type"), *kept = metadata(f, DR_SINGLE_CONFIG);
    if (predicts && (strcmp(predicts, "v") == 0 || strcmp(predicts, "v_prediction") == 0))
        facts->predicts = "v_prediction";
    else if ((predicts && strcmp(predicts, "epsilon") == 0))
        facts->predicts = "epsilon";
    if (!facts->predicts && dr_tensor_file_find(&f->file, "v_pred"))
        facts->predicts = "v_prediction";
    facts->pixels = pixels_of(metadata(f, "modelspec.resolution"));
    dr_status st = kept ? dr_json_parse(kept, strlen(kept), f->file.path, &f->remembered) : DR_OK;
    facts->remembered = f->remembered;
    return st;
}

static json_t *index_json(const dr_single_file *f)
{
    const char *class = json_string_value(json_object_get(f->scheduler, "_class_name"));
    return dr_folder_index(f->unet.in, class ? class : "PNDMScheduler");
}

static dr_status load(dr_single_file *f)
{
    dr_ldm_facts facts = {.path = f->file.path,
                          .user = f,
                          .unet = dr_single_find_unet,
                          .vae = dr_single_find_vae,
                          .text = dr_single_find_text,
                          .openclip = f->openclip,
                          .other_vae = f->vae.path != NULL,
                          .yaml = f->yaml,
                          .yaml_path = f->yaml_path};
    dr_status st = read_metadata(f, &facts);
    const char *prefix = json_string_value(json_object_get(f->remembered, "text_prefix"));
    f->written_prefix = prefix && strcmp(prefix, "text_model.") == 0 ? "text_model." : "";
    if (!st && !f->alone)
        st = dr_single_load_part(f, DR_SINGLE_UNET, &facts);
    if (!st && !f->no_vae)
        st = dr_single_load_part(f, DR_SINGLE_VAE, &facts);
    if (f->alone || st)
        return st;
    st = dr_single_load_part(f, DR_SINGLE_TEXT, &facts);
    if (!st)
        st = dr_ldm_scheduler_config(&facts, &f->unet, &f->scheduler);
    if (!st && !(f->index = index_json(f)))
        st = dr_fail(DR_ENOMEM, "out of memory loading '%s'", f->file.path);
    note_excess(f);
    return st;
}

/* The UNet and the text encoder have to speak of the same width. */
static dr_status check_widths(const dr_single_file *f)
{
    json_int_t text = json_integer_value(json_object_get(f->part[DR_SINGLE_TEXT].config, "hidden_size"));
    if (text == f->unet.context[0])
        return DR_OK;
    return dr_fail(
        DR_EINVAL,
        "cannot load the model '%s': its UNet takes texts of width %d, its text encoder gives %lld; they are "
        "of different models",
        f->file.path, f->unet.context[0], (long long)text);
}

static dr_status start(dr_single_file **out, const char *path)
{
    dr_single_file *f = calloc(1, sizeof *f);
    *out = NULL;
    if (!f)
        return dr_fail(DR_ENOMEM, "out of memory loading '%s'", path);
    dr_status st = dr_tensor_file_open(&f->file, path);
    if (!st && !(f->used = calloc(f->file.count + 1, sizeof *f->used)))
        st = dr_fail(DR_ENOMEM, "out of memory loading '%s'", path);
    if (!st)
        st = (dr_status)dr_arena_init(&f->names, (size_t)64 << 20);
    *out = f;
    return st;
}

static dr_status ended(dr_single_file **out, dr_status st)
{
    if (st) {
        dr_single_close(*out);
        *out = NULL;
    }
    return st;
}

dr_status dr_single_open(dr_single_file **out, const char *path, const dr_single_options *o)
{
    dr_status st = start(out, path);
    dr_single_file *f = *out;
    if (f && o) {
        f->ema = o->ema;
        f->no_vae = o->no_vae;
    }
    if (!st)
        st = dr_ldm_family_check(&f->file, f->ema);
    if (!st)
        st = check_channels(f);
    if (!st)
        st = open_companions(f, path, o ? o->vae : NULL);
    if (!st) {
        dr_single_find_text_form(f);
        dr_single_find_vae_form(f);
        st = load(f);
    }
    if (!st)
        st = check_widths(f);
    if (!st)
        snprintf(f->family, sizeof f->family, "SD %d.x %s", f->openclip ? 2 : 1,
                 f->unet.in == 9 ? "inpainting" : "text-to-image");
    return ended(out, st);
}

dr_status dr_single_open_vae(dr_single_file **out, const char *path)
{
    dr_status st = start(out, path);
    dr_single_file *f = *out;
    if (!st) {
        f->alone = true;
        st = dr_tensor_file_open(&f->vae, path); /* the same mapping twice costs addresses alone */
    }
    if (!st) {
        dr_single_find_vae_form(f);
        st = load(f);
        snprintf(f->family, sizeof f->family, "VAE");
    }
    return ended(out, st);
}

void dr_single_close(dr_single_file *f)
{
    if (!f)
        return;
    for (int i = 0; i < DR_SINGLE_MODELS; i++) {
        json_decref(f->part[i].config);
        free(f->part[i].entry);
    }
    json_decref(f->scheduler);
    json_decref(f->index);
    json_decref(f->yaml);
    json_decref(f->remembered);
    dr_arena_clear(&f->names);
    dr_tensor_file_close(&f->vae);
    dr_tensor_file_close(&f->file);
    free(f->used);
    free(f);
}

/* --- answers -------------------------------------------------------------------------------------------- */

const char *dr_single_family(const dr_single_file *f)
{
    return f->family;
}

const char *dr_single_note(const dr_single_file *f)
{
    return f->note;
}

const char *dr_single_pad_token(const dr_single_file *f)
{
    return f->openclip ? "!" : "<|endoftext|>";
}

static dr_status no_part(const dr_single_file *f, const char *name)
{
    return dr_fail(DR_ENOENT, "'%s' has no %s in it", f->file.path, name);
}

dr_status dr_single_config(const dr_single_file *f, const char *name, json_t **out)
{
    const json_t *j = NULL;
    for (int i = 0; i < DR_SINGLE_MODELS; i++)
        if (strcmp(name, parts[i]) == 0)
            j = f->part[i].config;
    if (strcmp(name, "scheduler") == 0)
        j = f->scheduler;
    if (strcmp(name, "model_index.json") == 0)
        j = f->index;
    *out = j ? json_deep_copy(j) : NULL;
    if (!j)
        return no_part(f, name);
    return *out ? DR_OK : dr_fail(DR_ENOMEM, "out of memory loading '%s'", f->file.path);
}

dr_status dr_single_part(const dr_single_file *f, const char *name, const dr_st_entry **entry, size_t *count)
{
    for (int i = 0; i < DR_SINGLE_MODELS; i++)
        if (strcmp(name, parts[i]) == 0 && f->part[i].entry) {
            *entry = f->part[i].entry;
            *count = f->part[i].count;
            return DR_OK;
        }
    *entry = NULL;
    *count = 0;
    return no_part(f, name);
}
