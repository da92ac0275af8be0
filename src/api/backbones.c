/* The public function that fetches the networks that measures of pictures stand on. */
#include "drape.h"

#include "io/hub_published.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TORCHVISION "https://download.pytorch.org/models"
#define LPIPS "https://raw.githubusercontent.com/richzhang/PerceptualSimilarity/master"
#define PYTORCH_FID "https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights"
#define CLIP "openai/clip-vit-large-patch14"

/* What each measure needs. */
static const struct {
    const char *measure;
    dr_published file;
} all[] = {
    {"lpips-alex",
     {TORCHVISION, "alexnet-owt-7be5be79.pth", 244408911,
      "7be5be791159472b1fbf3c69796f7cb30dca7ad8466c2df70058c37116cdee02"}},
    {"lpips-alex",
     {LPIPS, "lpips/weights/v0.1/alex.pth", 6009, "df73285e35b22355a2df87cdb6b70b343713b667eddbda73e1977e0c860835c0"}},
    {"lpips-vgg",
     {TORCHVISION, "vgg16-397923af.pth", 553433881,
      "397923af8e79cdbb6a7127f12361acd7a2f83e06b05044ddf496e83de57a5bf0"}},
    {"lpips-vgg",
     {LPIPS, "lpips/weights/v0.1/vgg.pth", 7289, "a78928a0af1e5f0fcb1f3b9e8f8c3a2a5a3de244d830ad5c1feddc79b8432868"}},
    {"lpips-squeeze",
     {TORCHVISION, "squeezenet1_1-b8a52dc0.pth", 4958839,
      "b8a52dc049b60e4b6ab68ad0df457362afab8b6304b2febdc1650a5dab4d7e7b"}},
    {"lpips-squeeze",
     {LPIPS, "lpips/weights/v0.1/squeeze.pth", 10811,
      "4a5350f23600cb79923ce65bb07cbf57dca461329894153e05a1346bd531cf76"}},
    {"fid",
     {PYTORCH_FID, "pt_inception-2015-12-05-6726825d.pth", 95628359,
      "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2"}},
};
enum { FILES = sizeof all / sizeof *all };

static const char *behind_comma(const char *p)
{
    const char *comma = strchr(p, ',');
    return comma ? comma + 1 : NULL;
}

/* Whether `which` (with commas between; NULL: all) has `name`. */
static bool wanted(const char *which, const char *name)
{
    size_t n = strlen(name);
    for (const char *p = which; p; p = behind_comma(p))
        if (strncmp(p, name, n) == 0 && (p[n] == ',' || p[n] == 0))
            return true;
    return !which;
}

static dr_status check(const char *which)
{
    for (const char *p = which; p; p = behind_comma(p)) {
        size_t n = strcspn(p, ",");
        bool known = n == 4 && strncmp(p, "clip", 4) == 0;
        for (int i = 0; i < FILES; i++)
            known = known || (strlen(all[i].measure) == n && strncmp(all[i].measure, p, n) == 0);
        if (!known)
            return dr_fail(DR_EINVAL, "'%.*s' is none of lpips-alex, lpips-vgg, lpips-squeeze, fid, clip", (int)n, p);
    }
    return DR_OK;
}

static dr_status pull_clip(const dr_hub_options *files)
{
    char dir[4096];
    dr_hub_options o = *files;
    if (snprintf(dir, sizeof dir, "%s%s", files->out_dir, strrchr(CLIP, '/')) >= (int)sizeof dir)
        return dr_fail(DR_EINVAL, "the path '%s' is too long", files->out_dir);
    dr_hub_options_from_env(&o);
    o.repo = CLIP;
    o.out_dir = dir;
    o.allow_plain = true; /* HF_ENDPOINT is the user's word */
    return dr_hub_pull(&o, NULL);
}

drape_status drape_pull_backbones(const char *which, const drape_pull_options *options, char *dir, size_t size)
{
    drape_pull_options none = {0};
    const drape_pull_options *p = options ? options : &none;
    dr_published list[FILES];
    dr_hub_options o = {0};
    size_t n = 0;
    dr_hub_options_from_env(&o);
    o = (dr_hub_options){.repo = "backbones",
                         .out_dir = p->out_dir && p->out_dir[0] ? p->out_dir : "backbones",
                         .offline = o.offline || p->offline,
                         .overwrite = p->overwrite,
                         .quiet = !p->bar,
                         .cancelled = p->cancel,
                         .user = p->user};
    for (int i = 0; i < FILES; i++)
        if (wanted(which, all[i].measure))
            list[n++] = all[i].file;
    dr_status st = check(which);
    if (!st && n)
        st = dr_hub_pull_published(list, n, &o, NULL);
    if (!st && wanted(which, "clip"))
        st = pull_clip(&o);
    if (!st && dir && snprintf(dir, size, "%s", o.out_dir) >= (int)size)
        st = dr_fail(DR_EINVAL, "the path '%s' is too long", o.out_dir);
    return (drape_status)st;
}
