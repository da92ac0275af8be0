/* Which of the published networks lies where, and which one a file is of. */
#include "base/file.h"
#include "base/json.h"
#include "base/path.h"
#include "pipeline/backbone.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>

#define TORCHVISION "torchvision's, BSD-3-Clause; trained on ImageNet, whose photos are for research"
#define LPIPS "Zhang et al. 2018, BSD-2-Clause"

/* `stem` is how a name in a folder begins, `place` where `drape pull --backbones` puts it if that is below. CLIP is a
 * folder. */
static const struct {
    const char *name, *stem, *place, *licence;
} all[] = {
    [DR_BACKBONE_ALEXNET] = {"AlexNet", "alexnet", NULL, TORCHVISION},
    [DR_BACKBONE_VGG16] = {"VGG16", "vgg16", NULL, TORCHVISION},
    [DR_BACKBONE_SQUEEZENET] = {"SqueezeNet 1.1", "squeezenet1_1", NULL, TORCHVISION},
    [DR_BACKBONE_LPIPS_ALEX] = {"LPIPS's weights for AlexNet", "lpips_alex", "lpips/weights/v0.1/alex.pth", LPIPS},
    [DR_BACKBONE_LPIPS_VGG] = {"LPIPS's weights for VGG16", "lpips_vgg", "lpips/weights/v0.1/vgg.pth", LPIPS},
    [DR_BACKBONE_LPIPS_SQUEEZE] = {"LPIPS's weights for SqueezeNet", "lpips_squeeze", "lpips/weights/v0.1/squeeze.pth",
                                   LPIPS},
    [DR_BACKBONE_INCEPTION] = {"Inception v3 in its FID form", "pt_inception", NULL,
                               "TensorFlow's of 2015-12-05, Apache-2.0, by pytorch-fid"},
    [DR_BACKBONE_CLIP] = {"CLIP", "clip", NULL, "OpenAI's, MIT (of openai/clip-vit-*; others have their own)"}};

const char *dr_backbone_licence(dr_backbone_kind kind)
{
    return all[kind].licence;
}

const char *dr_backbone_name(dr_backbone_kind kind)
{
    return all[kind].name;
}

/* --- in a folder ------------------------------------------------------------------------------------------- */

static bool is_one(dr_backbone_kind kind, const char *dir, const char *name)
{
    static const char *const endings[] = {".pth", ".pt", ".bin", ".safetensors"};
    char path[PATH_MAX], config[PATH_MAX];
    if (strncmp(name, all[kind].stem, strlen(all[kind].stem)) != 0)
        return false;
    if (kind == DR_BACKBONE_CLIP)
        return !dr_path(config, sizeof config, dir, name, "config.json") && dr_is_file(config);
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++)
        if (dr_path_ends_with(name, endings[i]))
            return !dr_path(path, sizeof path, dir, name) && dr_is_file(path);
    return false;
}

dr_status dr_backbone_find(dr_backbone_kind kind, const char *dir, char out[PATH_MAX])
{
    char first[NAME_MAX + 1] = "";
    DIR *d = opendir(dir);
    if (!d)
        return dr_fail(DR_ENOENT, "there is no folder '%s' for %s; `drape pull --backbones '%s'` fetches it", dir,
                       all[kind].name, dir);
    for (struct dirent *e = readdir(d); e; e = readdir(d)) /* the first by name, whatever order they come in */
        if (is_one(kind, dir, e->d_name) && (!first[0] || strcmp(e->d_name, first) < 0))
            snprintf(first, sizeof first, "%s", e->d_name);
    closedir(d);
    if (!first[0] && all[kind].place && !dr_path(out, PATH_MAX, dir, all[kind].place) && dr_is_file(out))
        return DR_OK;
    if (!first[0])
        return dr_fail(DR_ENOENT, "'%s' has no %s (%s '%s...'); `drape pull --backbones '%s'` fetches it", dir,
                       all[kind].name, kind == DR_BACKBONE_CLIP ? "a folder" : "a file", all[kind].stem, dir);
    return dr_path(out, PATH_MAX, dir, first);
}

bool dr_is_clip_folder(const char *dir)
{
    char config[PATH_MAX];
    const char *type = "";
    json_t *j;
    if (dr_path(config, sizeof config, dir, "config.json") || !dr_is_file(config) || dr_json_load(config, &j)) {
        dr_error_clear();
        return false;
    }
    bool clip = !dr_json_string(j, config, "model_type", "", &type) &&
                (strcmp(type, "clip") == 0 || strcmp(type, "clip_vision_model") == 0);
    dr_error_clear();
    json_decref(j);
    return clip;
}

/* --- by its tensors ------------------------------------------------------------------------------------------ */

static const dr_st_entry *named(const dr_st_entry *e, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(e[i].name, name) == 0)
            return &e[i];
    return NULL;
}

dr_backbone_kind dr_backbone_kind_of(const dr_st_entry *e, size_t n)
{
    const dr_st_entry *lin = named(e, n, "lin0.model.1.weight"), *second = named(e, n, "lin1.model.1.weight");
    if (named(e, n, "Mixed_7c.branch_pool.conv.weight"))
        return DR_BACKBONE_INCEPTION;
    if (named(e, n, "vision_model.pre_layrnorm.weight") || named(e, n, "visual_projection.weight"))
        return DR_BACKBONE_CLIP;
    if (lin && named(e, n, "lin6.model.1.weight"))
        return DR_BACKBONE_LPIPS_SQUEEZE;
    if (lin && second && lin->rank == 4 && second->rank == 4) /* 64 192 384.. against 64 128 256.. */
        return second->dim[1] == 3 * lin->dim[1] ? DR_BACKBONE_LPIPS_ALEX : DR_BACKBONE_LPIPS_VGG;
    if (named(e, n, "features.3.squeeze.weight"))
        return DR_BACKBONE_SQUEEZENET;
    if (named(e, n, "features.28.weight") && named(e, n, "features.2.weight"))
        return DR_BACKBONE_VGG16;
    if (named(e, n, "features.10.weight") && named(e, n, "features.3.weight"))
        return DR_BACKBONE_ALEXNET;
    return DR_BACKBONES;
}
