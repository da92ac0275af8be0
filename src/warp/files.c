#define _GNU_SOURCE /* asprintf */
#include "warp/files.h"

#include "base/file.h"
#include "base/path.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

void dr_warp_files_clear(dr_warp_files *f)
{
    const char *const all[] = {f->image,          f->densepose, f->keypoints, f->parse,
                               f->parse_agnostic, f->agnostic,  f->cloth,     f->cloth_mask};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        free((void *)(uintptr_t)all[i]); /* malloc'ed, whatever the type says of writing */
    *f = (dr_warp_files){0};
}

/* --- a folder ----------------------------------------------------------------------------------------- */

/* DIR/PART/STEM+END if that is a file; false only when memory ran out. */
static bool try_end(const char **out, const char *dir, const char *part, const char *name, size_t n, const char *end)
{
    char *file = NULL, *path = NULL;
    if (asprintf(&file, "%.*s%s", (int)n, name, end) >= 0)
        path = dr_path_new(dir, part, file);
    free(file);
    bool ok = path != NULL;
    if (ok && dr_is_file(path)) {
        *out = path;
        return true;
    }
    free(path);
    return ok;
}

/* The name itself, then its stem with other endings; *out stays NULL when there is no such file. Label maps are PNG,
 * whatever the photo is. */
static dr_status find(const char **out, const char *dir, const char *part, const char *name, const char *only)
{
    const char *const ends[] = {dr_path_extension(name), ".jpg", ".jpeg", ".png"};
    size_t stem = dr_path_stem(name);
    bool ok = true;
    *out = NULL;
    if (only)
        ok = try_end(out, dir, part, name, stem, only);
    for (size_t i = 0; ok && !only && !*out && i < sizeof ends / sizeof *ends; i++)
        ok = try_end(out, dir, part, name, stem, ends[i]);
    return ok ? DR_OK : dr_fail(DR_ENOMEM, "out of memory");
}

static dr_status missing(const char *dir, const char *part, const char *name, const char *end, const char *what)
{
    return dr_fail(DR_ENOENT, "'%s/%s/%.*s%s' is not there: %s", dir, part, (int)dr_path_stem(name), name, end, what);
}

static dr_status check_found(const dr_warp_files *f, const char *dir, const char *person, const char *cloth)
{
    if (!f->image)
        return missing(dir, "image", person, ".jpg (or .jpeg, .png)", "the person's photo is needed");
    if (!f->cloth)
        return missing(dir, "cloth", cloth, ".jpg (or .jpeg, .png)", "the cloth's picture is needed");
    if (!f->densepose)
        return missing(dir, "image-densepose", person, ".jpg (or .jpeg, .png)",
                       "DensePose of the photo, rendered as a picture on black, is needed and cannot be made here");
    if (!f->keypoints && !(f->agnostic && f->parse_agnostic))
        return missing(dir, "openpose_json", person, "_keypoints.json",
                       "OpenPose's key points of the photo are needed and cannot be made here");
    return DR_OK;
}

dr_status dr_viton_files(dr_warp_files *out, const char *dir, const char *person, const char *cloth)
{
    const struct {
        const char **to;
        const char *part, *name, *only;
    } parts[] = {
        {&out->image, "image", person, NULL},
        {&out->cloth, "cloth", cloth, NULL},
        {&out->cloth_mask, "cloth-mask", cloth, NULL},
        {&out->densepose, "image-densepose", person, NULL},
        {&out->keypoints, "openpose_json", person, "_keypoints.json"},
        {&out->parse, "image-parse-v3", person, ".png"},
        {&out->parse_agnostic, "image-parse-agnostic-v3.2", person, ".png"},
        {&out->agnostic, "agnostic", person, NULL},
    };
    dr_status st = DR_OK;
    *out = (dr_warp_files){0};
    if (!dr_is_dir(dir))
        return dr_fail(DR_ENOENT, "'%s' is no folder", dir);
    for (size_t i = 0; !st && i < sizeof parts / sizeof *parts; i++)
        st = find(parts[i].to, dir, parts[i].part, parts[i].name, parts[i].only);
    if (!st)
        st = check_found(out, dir, person, cloth);
    if (st)
        dr_warp_files_clear(out);
    return st;
}

/* --- single files ----------------------------------------------------------------------------------- */

dr_status dr_warp_files_check(const dr_warp_files *f, const char *person)
{
    if (!f->image)
        return dr_fail(DR_EINVAL, "the person's photo is missing");
    if (!f->cloth)
        return dr_fail(DR_EINVAL, "the cloth's picture is missing");
    if (!f->densepose)
        return dr_fail(DR_EINVAL,
                       "'%s': DensePose is missing, a picture of it on black, of the photo's shape; it cannot be made "
                       "here",
                       person);
    if (!f->keypoints && !(f->agnostic && f->parse_agnostic))
        return dr_fail(
            DR_EINVAL,
            "'%s': the key points are missing, a JSON file as OpenPose's --write_json has it; they cannot be "
            "made here",
            person);
    return DR_OK;
}
