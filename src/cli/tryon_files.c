#define _GNU_SOURCE /* asprintf */
#include "cli/tryon_files.h"

#include "base/file.h"
#include "base/status.h"
#include "io/image.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static bool is_folder_name(const char *path)
{
    size_t n = strlen(path);
    return (n && path[n - 1] == '/') || dr_is_dir(path);
}

const char *dr_files_fault(const dr_opt_list *images, const dr_opt_list *masks, const char *output)
{
    bool folder = is_folder_name(output);
    if (masks->count != 1 && masks->count != images->count)
        return "give one mask for all photos, one mask per photo, or a folder of masks";
    if (images->count > 1 && !folder)
        return "with several photos --output must be a folder (an existing one, or a name that ends with '/')";
    if (!folder && !dr_image_can_write(output))
        return "--output must end with .png, .jpg, .jpeg, .webp, .tif or .tiff, or be a folder";
    return NULL;
}

/* "person" of "photos/person.jpg": start and length. */
static const char *stem(const char *path, int *n)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path, *dot = strrchr(name, '.');
    *n = dot && dot != name ? (int)(dot - name) : (int)strlen(name);
    return name;
}

static char *mask_in_folder(const char *dir, const char *image)
{
    int n, m;
    const char *want = stem(image, &n);
    char *found = NULL;
    DIR *d = opendir(dir);
    const struct dirent *f;
    while (d && !found && (f = readdir(d))) {
        const char *have = stem(f->d_name, &m);
        if (m == n && memcmp(have, want, (size_t)n) == 0 && f->d_name[0] != '.' &&
            asprintf(&found, "%s/%s", dir, f->d_name) < 0)
            found = NULL;
    }
    if (d)
        closedir(d);
    if (!found)
        dr_fail(DR_ENOENT, "no mask named '%.*s' in folder '%s'", n, want, dir);
    return found;
}

char *dr_mask_for(const dr_opt_list *masks, const char *image, int i)
{
    const char *mask = masks->item[masks->count == 1 ? 0 : i];
    if (dr_is_dir(mask))
        return mask_in_folder(mask, image);
    char *copy = strdup(mask);
    if (!copy)
        dr_fail(DR_ENOMEM, "out of memory");
    return copy;
}

/* As dr_output_name(), but makes no folder. */
static char *result_path(const char *output, const char *image, int images, int k, int num_images)
{
    char number[16] = "", *path = NULL;
    int n, made;
    if (num_images > 1)
        snprintf(number, sizeof number, "-%d", k + 1);
    if (images > 1 || is_folder_name(output)) {
        const char *name = stem(image, &n);
        size_t len = strlen(output);
        made = asprintf(&path, "%s%s%.*s%s.png", output, len && output[len - 1] == '/' ? "" : "/", n, name, number);
    } else {
        const char *dot = strrchr(output, '.');
        made = asprintf(&path, "%.*s%s%s", (int)(dot - output), output, number, dot);
    }
    if (made < 0)
        dr_fail(DR_ENOMEM, "out of memory");
    return made < 0 ? NULL : path;
}

char *dr_output_name(const char *output, const char *image, int images, int k, int num_images)
{
    if ((images > 1 || is_folder_name(output)) && dr_mkdirs(output))
        return NULL;
    return result_path(output, image, images, k, num_images);
}

static bool same_file(const char *a, const char *b)
{
    struct stat sa, sb;
    return stat(a, &sa) == 0 && stat(b, &sb) == 0 && sa.st_dev == sb.st_dev && sa.st_ino == sb.st_ino;
}

/* The results of photo i against all photos, and against the results of those before it. */
static dr_status check_results(const dr_opt_list *images, const char *output, int num_images, int i)
{
    dr_status st = DR_OK;
    for (int k = 0; !st && k < num_images; k++) {
        char *path = result_path(output, images->item[i], images->count, k, num_images);
        for (int m = 0; path && !st && dr_exists(path) && m < images->count; m++)
            if (same_file(path, images->item[m]))
                st = dr_fail(DR_EINVAL, "the result '%s' would replace the photo; choose another --output", path);
        for (int m = 0; path && !st && k == 0 && m < i; m++) {
            char *other = result_path(output, images->item[m], images->count, 0, num_images);
            if (!other)
                st = DR_ENOMEM;
            else if (strcmp(path, other) == 0)
                st = dr_fail(DR_EINVAL, "the photos '%s' and '%s' would both become '%s'; run them one by one",
                             images->item[m], images->item[i], path);
            free(other);
        }
        st = path ? st : DR_ENOMEM;
        free(path);
    }
    return st;
}

/* A single file goes to a folder that is there; a folder of results is made when needed. */
static dr_status check_folder(const char *output)
{
    const char *slash = strrchr(output, '/');
    if (!slash || is_folder_name(output))
        return DR_OK;
    dr_status st = DR_OK;
    char *folder = strndup(output, slash == output ? 1 : (size_t)(slash - output));
    if (!folder)
        st = dr_fail(DR_ENOMEM, "out of memory");
    else if (!dr_is_dir(folder))
        st = dr_fail(DR_ENOENT, "cannot write '%s': there is no folder '%s'", output, folder);
    free(folder);
    return st;
}

dr_status dr_check_outputs(const dr_opt_list *images, const char *output, int num_images)
{
    dr_status st = check_folder(output);
    for (int i = 0; !st && i < images->count; i++)
        st = check_results(images, output, num_images, i);
    return st;
}

char *dr_preview_name(const char *output)
{
    char *path = NULL;
    const char *dot = strrchr(output, '.');
    return asprintf(&path, "%.*s-preview.png", (int)(dot ? dot - output : (long)strlen(output)), output) < 0 ? NULL
                                                                                                             : path;
}
