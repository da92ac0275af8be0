/* Which files of a repo a pull wants. Names are put together here and looked up in the listing, never taken from
 * it, so that nothing a server lists can name a place of its own. */
#include "io/hub_listing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_SHARDS 99

typedef struct chooser {
    const dr_hub_listing *l;
    const char *repo, *variant;
    dr_hub_choice *c;
    bool has_variant;   /* some part has the asked variant */
    bool lacks_variant; /* and some part came plain instead */
} chooser;

static const dr_hub_file *find(const chooser *k, const char *dir, const char *name)
{
    char path[DR_HUB_MAX_PATH];
    snprintf(path, sizeof path, "%s%s%s", dir, dir[0] ? "/" : "", name);
    return dr_hub_listing_find(k->l, path);
}

static void take(chooser *k, const dr_hub_file *f)
{
    k->c->file[k->c->count++] = f;
}

/* A config or tokenizer file. */
static dr_status take_small(chooser *k, const char *dir, const char *name, bool needed)
{
    const dr_hub_file *f = find(k, dir, name);
    if (!f && needed)
        return dr_fail(DR_EINVAL, "cannot pull '%s': it has no '%s%s%s', which drape needs", k->repo, dir,
                       dir[0] ? "/" : "", name);
    if (f && f->size > DR_HUB_MAX_SMALL)
        return dr_fail(DR_EINVAL, "cannot pull '%s': '%s' has %llu bytes, at most %llu are taken", k->repo, f->path,
                       (unsigned long long)f->size, (unsigned long long)DR_HUB_MAX_SMALL);
    if (f)
        take(k, f);
    return DR_OK;
}

/* "model.fp16-00001-of-00002.safetensors", or as older diffusers wrote it, the variant behind the count. */
static const dr_hub_file *find_shard(const chooser *k, const char *dir, const char *stem, const char *dot_variant,
                                     bool behind, int i, int of)
{
    char name[256];
    snprintf(name, sizeof name, "%s%s-%05d-of-%05d%s.safetensors", stem, behind ? "" : dot_variant, i, of,
             behind ? dot_variant : "");
    return find(k, dir, name);
}

static dr_status take_shards(chooser *k, const char *dir, const char *stem, const char *dot_variant, bool *taken)
{
    for (int behind = 0; behind < 2; behind++) {
        int of = 1;
        while (of <= MAX_SHARDS && !find_shard(k, dir, stem, dot_variant, behind, 1, of))
            of++;
        if (of > MAX_SHARDS)
            continue;
        for (int i = 1; i <= of; i++) {
            const dr_hub_file *f = find_shard(k, dir, stem, dot_variant, behind, i, of);
            if (!f)
                return dr_fail(DR_EINVAL, "cannot pull '%s': part %d of %d of '%s%s%s' is missing", k->repo, i, of, dir,
                               dir[0] ? "/" : "", stem);
            take(k, f);
        }
        char name[256];
        snprintf(name, sizeof name, "%s.safetensors.index%s.json", stem, dot_variant);
        *taken = true;
        return take_small(k, dir, name, true);
    }
    return DR_OK;
}

static dr_status take_weights_of(chooser *k, const char *dir, const char *stem, const char *variant, bool *taken)
{
    char dot_variant[64] = "", name[256];
    if (variant[0])
        snprintf(dot_variant, sizeof dot_variant, ".%s", variant);
    snprintf(name, sizeof name, "%s%s.safetensors", stem, dot_variant);
    const dr_hub_file *f = find(k, dir, name);
    *taken = f != NULL;
    if (!f)
        return take_shards(k, dir, stem, dot_variant, taken);
    take(k, f);
    return DR_OK;
}

static bool ends_with(const char *s, const char *end)
{
    size_t n = strlen(s), m = strlen(end);
    return n >= m && strcmp(s + n - m, end) == 0;
}

/* Why a folder has no weights for us: says what is there instead. */
static dr_status no_weights(const chooser *k, const char *dir, const char *stem)
{
    bool pickle = false, other = false;
    size_t n = strlen(dir);
    const char *part = dir[0] ? dir : "the repo";
    for (size_t i = 0; i < k->l->count; i++) {
        const char *p = k->l->file[i].path;
        if (n && (strncmp(p, dir, n) != 0 || p[n] != '/'))
            continue;
        p += n ? n + 1 : 0;
        if (strchr(p, '/'))
            continue;
        pickle |= ends_with(p, ".bin") || ends_with(p, ".ckpt") || ends_with(p, ".pt") || ends_with(p, ".pth");
        other |= ends_with(p, ".safetensors") && strncmp(p, stem, strlen(stem)) == 0;
    }
    if (other)
        return dr_fail(DR_EINVAL,
                       "cannot pull '%s': '%s' has safetensors weights of another variant only, not '%s'; "
                       "%s",
                       k->repo, part, k->variant[0] ? k->variant : "plain",
                       k->variant[0] ? "leave the variant out" : "ask for a variant, as fp16");
    if (pickle)
        return dr_fail(DR_EINVAL,
                       "cannot pull '%s': '%s' has only pickled weights (.bin or .ckpt), which can run code "
                       "and are not read; give a revision or another repo with .safetensors",
                       k->repo, part);
    return dr_fail(DR_EINVAL, "cannot pull '%s': '%s' has no weights '%s.safetensors'", k->repo, part, stem);
}

static dr_status take_weights(chooser *k, const char *dir, const char *stem)
{
    bool taken;
    dr_status st = take_weights_of(k, dir, stem, k->variant, &taken);
    if (st || !k->variant[0])
        return st || taken ? st : no_weights(k, dir, stem);
    if (taken) {
        k->has_variant = true;
        return DR_OK;
    }
    k->lacks_variant = true;
    st = take_weights_of(k, dir, stem, "", &taken);
    return st || taken ? st : no_weights(k, dir, stem);
}

static dr_status choose_pipeline(chooser *k)
{
    static const struct {
        const char *dir, *name;
        bool needed;
    } small[] = {
        {"", "model_index.json", true},
        {"scheduler", "scheduler_config.json", true},
        {"unet", "config.json", true},
        {"vae", "config.json", true},
        {"text_encoder", "config.json", true},
        {"tokenizer", "tokenizer_config.json", false},
        {"tokenizer", "special_tokens_map.json", false},
        {"tokenizer", "added_tokens.json", false},
        {"tokenizer", "vocab.json", false},
        {"tokenizer", "merges.txt", false},
        {"tokenizer", "tokenizer.json", false},
    };
    if (find(k, "text_encoder_2", "config.json"))
        return dr_fail(DR_EINVAL,
                       "cannot pull '%s': it has a second text encoder; Stable Diffusion XL is not supported, give an "
                       "inpainting model of Stable Diffusion 1 or 2",
                       k->repo);
    dr_status st = DR_OK;
    for (size_t i = 0; !st && i < sizeof small / sizeof *small; i++)
        st = take_small(k, small[i].dir, small[i].name, small[i].needed);
    if (!st && !find(k, "tokenizer", "tokenizer.json"))
        if (!find(k, "tokenizer", "vocab.json") || !find(k, "tokenizer", "merges.txt"))
            st = dr_fail(DR_EINVAL,
                         "cannot pull '%s': 'tokenizer' has neither vocab.json with merges.txt nor tokenizer.json",
                         k->repo);
    if (!st)
        st = take_weights(k, "text_encoder", "model");
    if (!st)
        st = take_weights(k, "vae", "diffusion_pytorch_model");
    if (!st)
        st = take_weights(k, "unet", "diffusion_pytorch_model");
    return st;
}

static dr_status choose_parser(chooser *k)
{
    dr_status st = take_small(k, "", "config.json", true);
    if (!st)
        st = take_small(k, "", "preprocessor_config.json", true);
    return st ? st : take_weights(k, "", "model");
}

static dr_status choose_unet(chooser *k)
{
    dr_status st = take_small(k, "", "model_index.json", false);
    if (!st)
        st = take_small(k, "scheduler", "scheduler_config.json", true);
    if (!st)
        st = take_small(k, "unet", "config.json", true);
    return st ? st : take_weights(k, "unet", "diffusion_pytorch_model");
}

static dr_status choose_vae(chooser *k)
{
    dr_status st = take_small(k, "", "config.json", true);
    return st ? st : take_weights(k, "", "diffusion_pytorch_model");
}

static dr_status choose_attention(chooser *k)
{
    char dir[64]; /* a variant has 32 letters at most */
    snprintf(dir, sizeof dir, "%.40s/attention", k->variant);
    const dr_hub_file *f = find(k, dir, "model.safetensors");
    if (!f)
        return dr_fail(DR_EINVAL, "cannot pull '%s': it has no '%s/model.safetensors'", k->repo, dir);
    take(k, f);
    k->has_variant = true;
    return DR_OK;
}

static dr_status find_kind(const chooser *k, dr_hub_kind wanted, dr_hub_kind *kind)
{
    static const char *const name[] = {"", "an inpainting pipeline", "a clothes parser"};
    if (wanted >= DR_HUB_UNET) {
        *kind = wanted;
        return DR_OK;
    }
    *kind = find(k, "", "model_index.json") ? DR_HUB_PIPELINE : find(k, "", "config.json") ? DR_HUB_PARSER : DR_HUB_ANY;
    const dr_hub_file *single = NULL;
    for (size_t i = 0; !single && i < k->l->count; i++)
        if (!strchr(k->l->file[i].path, '/') && ends_with(k->l->file[i].path, ".gguf"))
            single = &k->l->file[i];
    if (*kind == DR_HUB_ANY && single)
        return dr_fail(
            DR_EINVAL,
            "cannot pull '%s': it is no folder of a model but has single files, such as '%.100s'; get that one "
            "from the hub's page and pass it with --model",
            k->repo, single->path);
    if (*kind == DR_HUB_ANY)
        return dr_fail(DR_EINVAL,
                       "cannot pull '%s': it has neither model_index.json (a diffusers pipeline) nor config.json (a "
                       "clothes parser); single-file checkpoints are not read",
                       k->repo);
    if (wanted != DR_HUB_ANY && wanted != *kind)
        return dr_fail(DR_EINVAL, "cannot pull '%s': it is laid out as %s, expected %s", k->repo, name[*kind],
                       name[wanted]);
    return DR_OK;
}

bool dr_hub_is_weights(const dr_hub_file *f)
{
    return ends_with(f->path, ".safetensors");
}

static int by_size(const void *a, const void *b)
{
    const dr_hub_file *x = *(const dr_hub_file *const *)a, *y = *(const dr_hub_file *const *)b;
    if (dr_hub_is_weights(x) != dr_hub_is_weights(y))
        return dr_hub_is_weights(x) ? 1 : -1;
    return x->size != y->size ? (x->size > y->size) - (x->size < y->size) : strcmp(x->path, y->path);
}

dr_status dr_hub_choose(dr_hub_listing *l, const char *repo, dr_hub_kind kind, const char *variant, dr_hub_choice *c)
{
    chooser k = {.l = l, .repo = repo, .variant = variant ? variant : "", .c = c};
    *c = (dr_hub_choice){0};
    dr_status st = find_kind(&k, kind, &c->kind);
    if (st)
        return st;
    /* every file is taken at most once: no two names looked up above are the same */
    c->file = dr_arena_alloc(&l->arena, l->count * sizeof *c->file);
    if (!c->file)
        return DR_ENOMEM;
    static dr_status (*const choose[])(chooser * k) = {[DR_HUB_PIPELINE] = choose_pipeline,
                                                       [DR_HUB_PARSER] = choose_parser,
                                                       [DR_HUB_UNET] = choose_unet,
                                                       [DR_HUB_VAE] = choose_vae,
                                                       [DR_HUB_ATTENTION] = choose_attention};
    st = choose[c->kind](&k);
    if (!st && k.lacks_variant && !k.has_variant)
        st = dr_fail(DR_EINVAL, "cannot pull '%s': no part of it has the variant '%s'; leave the variant out", repo,
                     k.variant);
    if (!st)
        qsort(c->file, c->count, sizeof *c->file, by_size);
    return st;
}
