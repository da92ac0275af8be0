#include "pipeline/folder.h"

#include "base/file.h"
#include "base/json.h"
#include "base/path.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* What a part must have, any one of; the class is what we write into model_index.json. */
static const struct {
    const char *name, *library, *class, *files[3];
} parts[] = {
    {"unet", "diffusers", "UNet2DConditionModel", {"config.json"}},
    {"vae", "diffusers", "AutoencoderKL", {"config.json"}},
    {"text_encoder", "transformers", "CLIPTextModel", {"config.json"}},
    {"tokenizer", "transformers", "CLIPTokenizer", {"vocab.json", "tokenizer.json"}},
    {"scheduler", "diffusers", NULL, {"scheduler_config.json"}},
};
#define PARTS (sizeof parts / sizeof *parts)
#define PIPELINE "StableDiffusionInpaintPipeline"

static dr_status check_part(const char *dir, const json_t *index, size_t i)
{
    char path[PATH_MAX];
    const json_t *entry = json_object_get(index, parts[i].name);
    bool named = json_is_array(entry) && json_is_string(json_array_get(entry, 1));
    dr_status st = dr_path(path, sizeof path, dir, parts[i].name);
    if (st)
        return st;
    if (!named || !dr_is_dir(path))
        return dr_fail(DR_ENOENT, "cannot load the model '%s': it has no %s; the folder is incomplete, get it again",
                       dir, parts[i].name);
    for (const char *const *f = parts[i].files; *f; f++)
        if (!dr_path(path, sizeof path, dir, parts[i].name, *f) && dr_exists(path))
            return DR_OK;
    return dr_fail(DR_ENOENT, "cannot load the model '%s': '%s/%s' is missing; the folder is incomplete, get it again",
                   dir, parts[i].name, parts[i].files[0]);
}

/* The class is a label: training scripts and converters wrote StableDiffusionPipeline into folders of inpainting
 * models. What the UNet takes decides, and whoever loads the configs looks at that. Only a pipeline of other parts is
 * told here, since "it has no unet" would not help. */
static dr_status check_class(const char *dir, const json_t *index)
{
    const char *class = json_string_value(json_object_get(index, "_class_name"));
    const json_t *second = json_array_get(json_object_get(index, "text_encoder_2"), 1);
    bool has_unet = json_is_string(json_array_get(json_object_get(index, "unet"), 1));
    if (class && strcmp(class, PIPELINE) == 0)
        return DR_OK;
    if (has_unet && !json_is_string(second))
        return DR_OK;
    return dr_fail(
        DR_EINVAL,
        "cannot load the model '%s': model_index.json says it is a %.64s%s; pass the folder of an inpainting "
        "model of Stable Diffusion 1 or 2",
        dir, class ? class : "pipeline without a class",
        has_unet ? ", which has a second text encoder" : ", which has no unet");
}

/* "; ..." in `out` when `dir` is a folder of the hub's cache, which keeps models in snapshots/COMMIT. */
bool dr_snapshot_hint(const char *dir, char *out, size_t n)
{
    char path[PATH_MAX], name[256] = "", *commit = NULL;
    size_t size;
    int count = 0;
    out[0] = 0;
    if (dr_path(path, sizeof path, dir, "snapshots"))
        return false;
    DIR *d = opendir(path);
    for (struct dirent *e; d && (e = readdir(d));)
        if (e->d_name[0] != '.') {
            snprintf(name, sizeof name, "%s", e->d_name);
            count++;
        }
    if (d)
        closedir(d);
    if (count > 1 && !dr_path(path, sizeof path, dir, "refs", "main") &&
        !dr_file_read(path, 256, &commit, &size)) { /* the one that the cache itself would take */
        commit[strcspn(commit, "\r\n")] = 0;
        if (!strchr(commit, '/') && !dr_path(path, sizeof path, dir, "snapshots", commit) && dr_is_dir(path))
            snprintf(name, sizeof name, "%s", commit);
    }
    free(commit);
    dr_error_clear();
    if (count > 0)
        snprintf(out, n, "; it is a folder of the hub's cache: pass '%s%ssnapshots/%s'", dir,
                 dir[strlen(dir) - 1] == '/' ? "" : "/", name);
    return count > 0;
}

dr_status dr_folder_check(const char *dir)
{
    char path[PATH_MAX];
    json_t *index;
    dr_status st = dr_path(path, sizeof path, dir, "model_index.json");
    if (st)
        return st;
    if (!dr_exists(dir))
        return dr_fail(DR_ENOENT,
                       "cannot load the model '%s': there is no such folder or file; 'drape pull' fetches a model",
                       dir);
    if (!dr_is_dir(dir))
        return dr_fail(DR_EINVAL,
                       "cannot load the model '%s': it is a file; pass a diffusers pipeline folder, with "
                       "model_index.json in it",
                       dir);
    if (!dr_exists(path)) {
        char hint[PATH_MAX + 512];
        dr_snapshot_hint(dir, hint, sizeof hint);
        return dr_fail(DR_ENOENT,
                       "cannot load the model '%s': it has no model_index.json, so it is no pipeline folder%s", dir,
                       hint);
    }
    st = dr_json_load(path, &index);
    if (st)
        return st;
    st = check_class(dir, index);
    for (size_t i = 0; !st && i < PARTS; i++)
        st = check_part(dir, index, i);
    json_decref(index);
    return st;
}

json_t *dr_folder_index(int channels, const char *scheduler)
{
    /* no safety checker: diffusers then asks for no feature extractor either */
    json_t *j = json_pack("{s:s, s:s, s:[n,n], s:b, s:[n,n]}", "_class_name",
                          channels == 4 ? "StableDiffusionPipeline" : PIPELINE, "_diffusers_version",
                          DR_DIFFUSERS_VERSION, "feature_extractor", "requires_safety_checker", 0, "safety_checker");
    bool failed = !j;
    for (size_t i = 0; !failed && i < PARTS; i++)
        failed =
            json_object_set_new(j, parts[i].name,
                                json_pack("[s,s]", parts[i].library, parts[i].class ? parts[i].class : scheduler)) != 0;
    if (!failed)
        return j;
    json_decref(j);
    return NULL;
}

dr_status dr_folder_write_index(const char *dir, const char *scheduler)
{
    char path[PATH_MAX];
    dr_status st = dr_path(path, sizeof path, dir, "model_index.json");
    if (st)
        return st;
    json_t *j = dr_folder_index(9, scheduler);
    st = j ? dr_json_save(path, j) : dr_fail(DR_ENOMEM, "out of memory writing '%s'", path);
    json_decref(j);
    return st;
}

/* --- whole folders ---------------------------------------------------------------------------------- */

/* Never pickles: they can run code where somebody loads them. */
static bool wanted(const char *name, bool weights)
{
    if (dr_path_ends_with(name, ".safetensors") || strstr(name, ".safetensors.index."))
        return weights;
    return dr_path_ends_with(name, ".json") || dr_path_ends_with(name, ".txt");
}

static dr_status copy_file(const char *from, const char *to)
{
    const size_t step = (size_t)16 << 20;
    dr_map map;
    dr_out out;
    dr_status st = dr_map_open(&map, from);
    if (st)
        return st;
    st = dr_out_open(&out, to);
    for (size_t at = 0; !st && at < map.size; at += step) {
        size_t n = map.size - at < step ? map.size - at : step;
        st = dr_out_write(&out, map.data + at, n);
        dr_map_drop(map.data + at, n);
    }
    if (!st)
        st = dr_out_commit(&out);
    else
        dr_out_abort(&out);
    dr_map_close(&map);
    return st;
}

dr_status dr_folder_copy_files(const char *from, const char *to, bool weights)
{
    char source[PATH_MAX], target[PATH_MAX];
    dr_status st = dr_mkdirs(to);
    if (st)
        return st;
    DIR *d = opendir(from);
    if (!d)
        return dr_fail(errno == ENOENT ? DR_ENOENT : DR_EIO, "cannot open '%s': %s", from, strerror(errno));
    for (struct dirent *e; !st && (e = readdir(d));) {
        struct stat s;
        if (!wanted(e->d_name, weights) || fstatat(dirfd(d), e->d_name, &s, 0) != 0 || !S_ISREG(s.st_mode))
            continue;
        st = dr_path(source, sizeof source, from, e->d_name);
        if (!st)
            st = dr_path(target, sizeof target, to, e->d_name);
        if (!st)
            st = copy_file(source, target);
    }
    closedir(d);
    return st;
}

dr_status dr_folder_copy(const char *from, const char *to, const char *part, bool weights)
{
    char source[PATH_MAX], target[PATH_MAX];
    dr_status st = dr_path(source, sizeof source, from, part);
    if (!st)
        st = dr_path(target, sizeof target, to, part);
    return st ? st : dr_folder_copy_files(source, target, weights);
}

/* 1 when there is nothing or an empty folder at `dir`. */
static bool is_free(const char *dir)
{
    DIR *d = opendir(dir);
    bool empty = true;
    if (!d)
        return errno == ENOENT;
    for (struct dirent *e; (e = readdir(d));)
        empty = empty && (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0);
    closedir(d);
    return empty;
}

dr_status dr_folder_begin(char *tmp, size_t n, const char *dir)
{
    size_t len = dr_path_trimmed(dir);
    if (len == 0 || len + 16 > n)
        return dr_fail(DR_EINVAL, "cannot make folder '%s': the path is %s", dir, len > 0 ? "too long" : "empty");
    if (!is_free(dir))
        return dr_fail(DR_EINVAL, "cannot write '%s': it exists and is not an empty folder; choose another name", dir);
    dr_status st = dr_path_folder(tmp, n, dir);
    if (!st)
        st = dr_mkdirs(tmp);
    if (st)
        return st;
    snprintf(tmp, n, "%.*s.tmp-XXXXXX", (int)len, dir);
    if (!mkdtemp(tmp))
        return dr_fail(DR_EIO, "cannot make folder '%s': %s", tmp, strerror(errno));
    mode_t mask = umask(0);
    umask(mask);
    if (chmod(tmp, 0777 & ~mask) != 0) /* mkdtemp makes 0700; results should be as any program's */
        return dr_fail(DR_EIO, "cannot make folder '%s': %s", tmp, strerror(errno));
    return DR_OK;
}

dr_status dr_folder_commit(const char *tmp, const char *dir)
{
    char target[PATH_MAX];
    snprintf(target, sizeof target, "%.*s", (int)dr_path_trimmed(dir), dir);
    if (rename(tmp, target) != 0)
        return dr_fail(DR_EIO, "cannot rename '%s' to '%s': %s", tmp, target, strerror(errno));
    dr_dir_sync_of(target);
    return DR_OK;
}
