#define _GNU_SOURCE /* asprintf */
#include "cli/files.h"

#include "base/file.h"
#include "base/path.h"
#include "base/status.h"
#include "base/text.h"
#include "drape.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

bool dr_is_folder_name(const char *path)
{
    size_t n = strlen(path);
    return (n && path[n - 1] == '/') || dr_is_dir(path);
}

static void drop(dr_opt_list *l, int i)
{
    memmove(l->item + i, l->item + i + 1, (size_t)(l->count - i - 1) * sizeof *l->item);
    l->count--;
}

void dr_pass_over_folders(const dr_command *cmd, dr_opt_list *photos, dr_opt_list *masks)
{
    bool each = masks && masks->count == photos->count && masks->count > 1, other = false;
    for (int i = 0; i < photos->count; i++)
        other = other || !dr_is_dir(photos->item[i]);
    for (int i = photos->count - 1; other && i >= 0; i--) {
        if (!dr_is_dir(photos->item[i]))
            continue;
        fprintf(stderr, "drape %s: '%s' is a folder, no photo: passed over\n", cmd->name, photos->item[i]);
        drop(photos, i);
        if (each)
            drop(masks, i);
    }
}

void dr_photo_failed(const dr_command *cmd, const char *photo, const char *message)
{
    char *quoted = NULL;
    bool named = asprintf(&quoted, "'%s'", photo) >= 0 && strstr(message, quoted);
    if (named)
        fprintf(stderr, "drape %s: %s\n", cmd->name, message);
    else
        fprintf(stderr, "drape %s: '%s': %s\n", cmd->name, photo, message);
    free(quoted);
}

void dr_warn_of_labels(const dr_command *cmd, const drape_parser *parser)
{
    if (drape_parser_unknown(parser))
        fprintf(stderr, "drape %s: warning: labels of '%s' that drape does not know are background to it: %s\n",
                cmd->name, drape_parser_dir(parser), drape_parser_unknown(parser));
}

int dr_check_masks(const dr_command *cmd, const dr_opt_list *photos, const dr_opt_list *masks)
{
    if (masks->count == 1 || masks->count == photos->count)
        return 0;
    return dr_usage_error(cmd, "give one mask for all photos, one mask per photo, or a folder of masks");
}

int dr_check_result_names(const dr_command *cmd, const dr_results *r, int photos)
{
    if (!r->output || dr_is_folder_name(r->output))
        return 0;
    if (photos > 1)
        return dr_usage_error(
            cmd, "with several photos %s must be a folder (an existing one, or a name that ends with '/')", r->option);
    if (!drape_image_can_write(r->output))
        return dr_usage_error(cmd, "%s must end with .png, .jpg, .jpeg, .webp, .tif or .tiff, or be a folder",
                              r->option);
    return 0;
}

/* "person" of "photos/person.jpg": start and length. */
static const char *stem(const char *path, int *n)
{
    const char *name = dr_path_name(path);
    *n = (int)dr_path_stem(name);
    return name;
}

/* --- masks -------------------------------------------------------------------------------------- */

/* A folder or a text may have the photo's name as well. */
static char *mask_in_folder(const char *dir, const char *photo)
{
    int n, m;
    const char *want = stem(photo, &n);
    char *found = NULL;
    DIR *d = opendir(dir);
    const struct dirent *f;
    while (d && !found && (f = readdir(d))) {
        const char *have = stem(f->d_name, &m);
        if (dr_compare_names(have, (size_t)m, want, (size_t)n) != 0 || f->d_name[0] == '.' ||
            !drape_image_has_name(f->d_name))
            continue;
        found = dr_path_new(dir, f->d_name);
        if (found && !dr_is_file(found)) {
            free(found);
            found = NULL;
        }
    }
    if (d)
        closedir(d);
    if (!found)
        dr_fail(DR_ENOENT, "no mask named '%.*s' in folder '%s'", n, want, dir);
    return found;
}

char *dr_mask_for(const dr_opt_list *masks, const char *photo, int i)
{
    const char *mask = masks->item[masks->count == 1 ? 0 : i];
    if (dr_is_dir(mask))
        return mask_in_folder(mask, photo);
    char *copy = strdup(mask);
    if (!copy)
        dr_fail(DR_ENOMEM, "out of memory");
    return copy;
}

/* --- names of results --------------------------------------------------------------------------- */

/* As dr_output_name(), but makes no folder. */
static char *result_path(const dr_results *r, const char *photo, int photos, int k)
{
    char number[16] = "", *path = NULL;
    int n, made;
    if (r->pictures > 1)
        snprintf(number, sizeof number, "-%d", k + 1);
    if (photos > 1 || dr_is_folder_name(r->output)) {
        const char *name = stem(photo, &n);
        char *file = NULL;
        made = asprintf(&file, "%.*s%s.png", n, name, number);
        path = made < 0 ? NULL : dr_path_new(r->output, file);
        made = path ? made : -1;
        free(file);
    } else {
        n = (int)dr_path_stem(r->output);
        made = asprintf(&path, "%.*s%s%s", n, r->output, number, r->output + n);
    }
    if (made < 0)
        dr_fail(DR_ENOMEM, "out of memory");
    return made < 0 ? NULL : path;
}

char *dr_output_name(const dr_results *r, const char *photo, int photos, int k)
{
    if ((photos > 1 || dr_is_folder_name(r->output)) && dr_mkdirs(r->output))
        return NULL;
    return result_path(r, photo, photos, k);
}

char *dr_preview_name(const char *output)
{
    char *path = NULL;
    return asprintf(&path, "%.*s-preview.png", (int)dr_path_stem(output), output) < 0 ? NULL : path;
}

/* --- collisions --------------------------------------------------------------------------------- */

/* What will be written: result k of every photo for every option, in this order. */
typedef struct planned {
    char *path;
    const char *option, *photo;
} planned;

typedef struct plan {
    planned *item;
    size_t count;
} plan;

static void plan_free(plan *p)
{
    for (size_t i = 0; i < p->count; i++)
        free(p->item[i].path);
    free(p->item);
}

static dr_status plan_make(plan *p, const dr_opt_list *photos, const dr_results *r, int count)
{
    size_t n = 0;
    for (int j = 0; j < count; j++)
        n += r[j].output ? (size_t)(photos->count * r[j].pictures) : 0;
    *p = (plan){.item = calloc(n + 1, sizeof *p->item)};
    if (!p->item)
        return dr_fail(DR_ENOMEM, "out of memory");
    for (int j = 0; j < count; j++)
        for (int i = 0; r[j].output && i < photos->count; i++)
            for (int k = 0; k < r[j].pictures; k++) {
                char *path = result_path(&r[j], photos->item[i], photos->count, k);
                if (!path)
                    return DR_ENOMEM;
                p->item[p->count++] = (planned){path, r[j].option, photos->item[i]};
            }
    return DR_OK;
}

static bool same_file(const char *a, const char *b)
{
    struct stat sa, sb;
    return stat(a, &sa) == 0 && stat(b, &sb) == 0 && sa.st_dev == sb.st_dev && sa.st_ino == sb.st_ino;
}

static dr_status check_input(const planned *result, const char *input, const char *what)
{
    if (!same_file(result->path, input))
        return DR_OK;
    return dr_fail(DR_EINVAL, "the result '%s' would replace the %s; choose another %s", result->path, what,
                   result->option);
}

/* Masks that are not there are named when their photo's turn comes. */
static dr_status check_inputs(const planned *result, const dr_opt_list *photos, const dr_opt_list *masks)
{
    dr_status st = DR_OK;
    for (int i = 0; !st && i < photos->count; i++) {
        st = check_input(result, photos->item[i], "photo");
        char *mask = !st && masks->count ? dr_mask_for(masks, photos->item[i], i) : NULL;
        if (mask)
            st = check_input(result, mask, "mask");
        free(mask);
    }
    return st;
}

static dr_status check_pair(const planned *a, const planned *b)
{
    if (strcmp(a->path, b->path) != 0)
        return DR_OK;
    if (a->option != b->option)
        return dr_fail(DR_EINVAL, "%s and %s would both be '%s'; give them different names", a->option, b->option,
                       a->path);
    return dr_fail(DR_EINVAL, "the photos '%s' and '%s' would both become '%s'; run them one by one", a->photo,
                   b->photo, a->path);
}

/* A single file goes to a folder that is there; a folder of results is made when needed. */
static dr_status check_folder(const char *output)
{
    char folder[PATH_MAX];
    if (!output || dr_is_folder_name(output))
        return DR_OK;
    dr_status st = dr_path_folder(folder, sizeof folder, output);
    if (!st && !dr_is_dir(folder))
        st = dr_fail(DR_ENOENT, "cannot write '%s': there is no folder '%s'", output, folder);
    return st;
}

dr_status dr_check_outputs(const dr_opt_list *photos, const dr_opt_list *masks, const dr_results *r, int count)
{
    plan p = {0};
    dr_status st = DR_OK;
    for (int j = 0; !st && j < count; j++)
        st = check_folder(r[j].output);
    if (!st)
        st = plan_make(&p, photos, r, count);
    for (size_t i = 0; !st && i < p.count; i++) {
        if (dr_exists(p.item[i].path))
            st = check_inputs(&p.item[i], photos, masks);
        for (size_t m = 0; !st && m < i; m++)
            st = check_pair(&p.item[m], &p.item[i]);
    }
    plan_free(&p);
    return st;
}
