/* Sets: models of several repos in one folder. */
#include "api/get_set.h"

#include "base/choice.h"
#include "base/path.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

typedef struct part {
    const char *repo, *folder; /* "": the set's own */
    dr_hub_kind kind;
    const char *variant; /* NULL: the version that is asked for */
    const char *licence; /* for people */
} part;

#define CATVTON_VERSIONS "mix-48k-1024|vitonhd-16k-512|dresscode-16k-512"

/* The attention weights come first: small, and named by the user. */
static const part catvton[] = {
    {"zhengchong/CatVTON", "CatVTON", DR_HUB_ATTENTION, NULL,
     "zhengchong/CatVTON (attention weights) is under CC BY-NC-SA 4.0: not for commercial use, and what is made from "
     "the "
     "weights is to be shared alike"},
    {"stabilityai/sd-vae-ft-mse", "vae", DR_HUB_VAE, "", "stabilityai/sd-vae-ft-mse (VAE) is under the MIT licence"},
    {"stable-diffusion-v1-5/stable-diffusion-inpainting", "", DR_HUB_UNET, "fp16",
     "stable-diffusion-v1-5/stable-diffusion-inpainting (UNet) is under CreativeML OpenRAIL-M, which forbids some "
     "uses"},
};
enum { PARTS = sizeof catvton / sizeof *catvton };

bool dr_is_hub_set(const char *name)
{
    return strcmp(name, "catvton") == 0;
}

static dr_status check(const drape_pull_options *p, const char *version)
{
    if (p->revision || p->variant)
        return dr_fail(DR_EINVAL, "catvton is a set of %d repos: leave revision and variant out", PARTS);
    if (!dr_is_choice(CATVTON_VERSIONS, version))
        return dr_fail(DR_EINVAL, "catvton has no version '%.64s', only %s", version, CATVTON_VERSIONS);
    return DR_OK;
}

dr_status dr_hub_pull_set(const dr_hub_options *options, const drape_pull_options *p, char out_dir[PATH_MAX])
{
    char folder[PATH_MAX];
    const char *version = p->version ? p->version : "mix-48k-1024";
    dr_status st = check(p, version);
    if (!st)
        st = dr_path(out_dir, PATH_MAX, p->out_dir ? p->out_dir : "catvton");
    for (int i = 0; !st && p->note && i < PARTS; i++)
        p->note(p->user, catvton[i].licence);
    for (int i = 0; !st && i < PARTS; i++) {
        const part *q = &catvton[i];
        dr_hub_options o = *options;
        o.repo = q->repo;
        o.kind = q->kind;
        o.variant = q->variant ? q->variant : version;
        o.revision = NULL;
        o.out_dir = folder;
        st = dr_path(folder, sizeof folder, out_dir, q->folder);
        if (!st)
            st = dr_hub_pull(&o, NULL);
    }
    return st;
}
