/* The public functions that make and fetch models. */
#include "drape.h"

#include "api/get_set.h"
#include "base/path.h"
#include "io/hub.h"
#include "pipeline/folder.h"

#include <stdio.h>
#include <string.h>

static dr_status dtype_of(const char *name, dr_dtype *out)
{
    static const struct {
        const char *name;
        dr_dtype dtype;
    } known[] = {{"f32", DR_F32}, {"f16", DR_F16}, {"bf16", DR_BF16}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(known[i].name, name) == 0) {
            *out = known[i].dtype;
            return DR_OK;
        }
    return dr_fail(DR_EINVAL, "dtype '%s' is none of f32, f16, bf16", name);
}

drape_status drape_init(const char *dir, const drape_init_options *options)
{
    dr_init_options o = DR_INIT_DEFAULTS;
    dr_status st = DR_OK;
    if (options) {
        o.arch = options->arch ? options->arch : o.arch;
        o.seed = options->seed;
        o.progress = options->progress;
        o.user = options->user;
        st = options->dtype ? dtype_of(options->dtype, &o.dtype) : DR_OK;
    }
    return (drape_status)(st ? st : dr_pipeline_init_folder(dir, &o));
}

/* Configs, tokenizer and scheduler are here, the gigabytes are not yet: would the model load? A parser's config.json
 * has been looked at by the pull itself. */
static dr_status check(void *user, dr_hub_kind kind, const char *dir)
{
    drape_pipeline *p = NULL;
    (void)user;
    drape_status st = kind == DR_HUB_PIPELINE ? drape_pipeline_load(&p, dir, NULL) : DRAPE_OK;
    drape_pipeline_free(p);
    return (dr_status)st;
}

/* Whether the parts of a set fit each other. */
static dr_status check_set(const char *dir, const char *version)
{
    char attention[PATH_MAX];
    drape_pipeline *p = NULL;
    dr_status st = dr_path(attention, sizeof attention, dir, "CatVTON", version ? version : "mix-48k-1024");
    if (!st)
        st = (dr_status)drape_pipeline_load(&p, dir, &(drape_load_options){.attention = attention});
    drape_pipeline_free(p);
    return st;
}

drape_status drape_pull(const char *repo, const drape_pull_options *options, char *dir, size_t size)
{
    drape_pull_options none = {0};
    const drape_pull_options *p = options ? options : &none;
    dr_hub_options o = {.check = check};
    dr_hub_result r;
    dr_hub_options_from_env(&o);
    o.repo = repo;
    o.revision = p->revision;
    o.out_dir = p->out_dir;
    o.variant = p->variant;
    o.offline = o.offline || p->offline;
    o.overwrite = p->overwrite;
    o.quiet = !p->bar;
    o.cancelled = p->cancel;
    o.user = p->user;
    o.allow_plain = true; /* HF_ENDPOINT is the user's word */
    bool set = dr_is_hub_set(repo);
    dr_status st = DR_OK;
    if (!set && p->version)
        st = dr_fail(DR_EINVAL, "'%.100s' is no set of versions; leave the version out", repo);
    if (!st)
        st = set ? dr_hub_pull_set(&o, p, r.out_dir) : dr_hub_pull(&o, &r);
    if (!st && set && !o.offline)
        st = check_set(r.out_dir, p->version);
    if (!st && dir && snprintf(dir, size, "%s", r.out_dir) >= (int)size)
        st = dr_fail(DR_EINVAL, "the path '%s' is too long", r.out_dir);
    return (drape_status)st;
}
