/* Reading the folders and pairing what is in them. */
#include "train/dataset.h"

#include "base/file.h"
#include "base/path.h"
#include "base/text.h"
#include "train/dataset_lint.h"
#include "train/prompt.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { FAULTS_SIZE = 15000 }; /* bytes; a message holds 16 KiB */

/* File names of one folder, sorted by stem. */
typedef struct listing {
    const char *dir;
    char **name;
    int count, room;
} listing;

static int compare_stems(const char *a, const char *b)
{
    return dr_compare_names(a, dr_path_stem(a), b, dr_path_stem(b));
}

static int by_stem(const void *a, const void *b)
{
    const char *const *x = a, *const *y = b;
    int c = compare_stems(*x, *y);
    return c ? c : strcmp(*x, *y);
}

static int by_image(const void *a, const void *b)
{
    const dr_example *x = a, *y = b;
    return strcmp(x->image, y->image);
}

static bool is_caption(const char *name)
{
    const char *extension = dr_path_extension(name);
    return strcasecmp(extension, ".txt") == 0 || strcasecmp(extension, ".caption") == 0;
}

/* Where other tools keep captions and drape does not look. */
static bool is_other_caption(const char *name)
{
    static const char *const known[] = {".json", ".jsonl", ".csv", ".tags", ".cap",
                                        ".yaml", ".xml",   ".rtf", ".docx", ".odt"};
    const char *extension = dr_path_extension(name);
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcasecmp(extension, known[i]) == 0)
            return true;
    return false;
}

static void listing_clear(listing *l)
{
    for (int i = 0; i < l->count; i++)
        free(l->name[i]);
    free(l->name);
    *l = (listing){0};
}

static dr_status listing_add(listing *l, const char *name)
{
    if (l->count == l->room) {
        int room = l->room ? 2 * l->room : 64;
        char **more = realloc(l->name, (size_t)room * sizeof *more);
        if (!more)
            return dr_fail(DR_ENOMEM, "out of memory listing '%s'", l->dir);
        l->name = more;
        l->room = room;
    }
    l->name[l->count] = strdup(name);
    if (!l->name[l->count])
        return dr_fail(DR_ENOMEM, "out of memory listing '%s'", l->dir);
    l->count++;
    return DR_OK;
}

static dr_status listing_add_file(listing *l, const char *name)
{
    char *path = dr_path_new(l->dir, name);
    if (!path)
        return dr_fail(DR_ENOMEM, "out of memory listing '%s'", l->dir);
    /* what is there but no file is passed over; what a broken link promises is missed when it is read */
    dr_status st = dr_exists(path) && !dr_is_file(path) ? DR_OK : listing_add(l, name);
    free(path);
    return st;
}

/* Hidden files are passed over: macOS leaves "._photo.jpg" on foreign disks, which is no picture. Folders as well,
 * though they may be called like pictures. */
static dr_status list(listing *l, const char *dir, bool (*wanted)(const char *name))
{
    *l = (listing){.dir = dir};
    DIR *d = opendir(dir);
    if (!d)
        return dr_fail(errno == ENOENT ? DR_ENOENT : DR_EIO, "cannot read folder '%s': %s", dir, strerror(errno));
    dr_status st = DR_OK;
    for (struct dirent *e; !st && (e = readdir(d));)
        if (e->d_name[0] != '.' && wanted(e->d_name))
            st = listing_add_file(l, e->d_name);
    closedir(d);
    if (l->count > 0)
        qsort(l->name, (size_t)l->count, sizeof *l->name, by_stem);
    return st;
}

static const char *find_stem(const listing *l, const char *name)
{
    for (int low = 0, high = l->count; low < high;) {
        int middle = (low + high) / 2, c = compare_stems(name, l->name[middle]);
        if (c == 0)
            return l->name[middle];
        if (c < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

static void report_twins(const listing *l, const char *what, dr_findings *faults)
{
    for (int i = 1; i < l->count; i++)
        if (compare_stems(l->name[i - 1], l->name[i]) == 0)
            dr_findings_add(faults, "%s '%s' and '%s' have one name: keep one of them", what, l->name[i - 1],
                            l->name[i]);
}

/* Names in `l` that `other` has no partner for. */
static void report_single(const listing *l, const listing *other, const char *what, const char *partner,
                          dr_findings *out)
{
    for (int i = 0; i < l->count; i++)
        if (!find_stem(other, l->name[i]))
            dr_findings_add(out, "%s '%s' has no %s: there is no picture '%.*s.*' in '%s'", what, l->name[i], partner,
                            (int)dr_path_stem(l->name[i]), l->name[i], other->dir);
}

/* A file of one photo's name, or one list for all of them: whoever wrote it thinks that it is read. */
static void report_unread(const listing *others, const listing *images, dr_findings *doubts)
{
    for (int i = 0; i < others->count; i++) {
        const char *name = others->name[i];
        if (find_stem(images, name) || strncmp(name, "metadata.", 9) == 0 || strncmp(name, "captions.", 9) == 0)
            dr_findings_add(doubts, "'%s' is not read: captions are NAME.txt or NAME.caption beside the photo NAME.*",
                            name);
    }
}

static bool has_letter(const char *s)
{
    for (; *s; s++)
        if ((*s >= 'A' && *s <= 'Z') || (*s >= 'a' && *s <= 'z') || (*s & 0x80))
            return true;
    return false;
}

static dr_status find_prompt(dr_example *e, const char *images_dir, const char *name, const char *caption,
                             const char *given, dr_findings *faults, dr_findings *doubts)
{
    char *path = caption ? dr_path_new(images_dir, caption) : NULL;
    if (caption && !path)
        return dr_fail(DR_ENOMEM, "out of memory");
    dr_status st = dr_prompt_for(&e->prompt, &e->source, e->image, path, given);
    free(path);
    if (st == DR_ENOMEM)
        return st;
    if (st)
        dr_findings_add(faults, "%s", dr_error());
    else if (e->source == DR_PROMPT_FROM_NAME && dr_name_says_nothing(name))
        dr_findings_add(
            doubts,
            "the prompt of photo '%s' is '%s', which says nothing of the garment: write it into '%.*s.txt', "
            "or pass --instance_prompt",
            name, e->prompt, (int)dr_path_stem(name), name);
    else if (!has_letter(e->prompt))
        dr_findings_add(doubts, "the prompt of photo '%s' is '%s', which says nothing of the garment", name, e->prompt);
    return DR_OK;
}

static dr_status add_example(dr_dataset *d, const char *images_dir, const char *name, const char *caption,
                             const char *masks_dir, const char *mask, const char *given, dr_findings *faults,
                             dr_findings *doubts)
{
    dr_example *e = &d->example[d->count++];
    e->image = dr_path_new(images_dir, name);
    e->mask = mask ? dr_path_new(masks_dir, mask) : NULL;
    if (!e->image || (mask && !e->mask))
        return dr_fail(DR_ENOMEM, "out of memory");
    dr_status st = find_prompt(e, images_dir, name, caption, given, faults, doubts);
    return st ? st : dr_lint_example(e, faults, doubts);
}

static bool same_folder(const char *a, const char *b)
{
    struct stat x, y;
    return stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

/* Adds the pictures of `images`; with masks, those that have one. */
static dr_status pair(dr_dataset *d, const listing *images, const listing *masks, const listing *captions,
                      const char *given, dr_findings *faults, dr_findings *doubts)
{
    dr_status st = DR_OK;
    d->example = calloc((size_t)images->count + 1, sizeof *d->example);
    if (!d->example)
        return dr_fail(DR_ENOMEM, "out of memory");
    report_twins(images, "photos", faults);
    report_twins(captions, "captions", faults);
    if (masks->dir) {
        report_twins(masks, "masks", faults);
        report_single(images, masks, "photo", "mask", faults);
        report_single(masks, images, "mask", "photo", faults);
    }
    for (int i = 0; !st && i < images->count; i++) {
        const char *mask = masks->dir ? find_stem(masks, images->name[i]) : NULL;
        if (mask || !masks->dir)
            st = add_example(d, images->dir, images->name[i], find_stem(captions, images->name[i]), masks->dir, mask,
                             given, faults, doubts);
    }
    qsort(d->example, (size_t)d->count, sizeof *d->example, by_image);
    return st;
}

static dr_status refuse(const char *images_dir, const dr_findings *faults)
{
    return dr_fail(DR_EINVAL, "cannot train on '%s', %d fault%s:\n%s", images_dir, faults->count,
                   faults->count == 1 ? "" : "s", faults->text);
}

dr_status dr_dataset_open(dr_dataset *d, const char *images_dir, const char *masks_dir, const char *instance_prompt,
                          char *warnings, size_t size)
{
    listing images = {0}, masks = {0}, captions = {0}, others = {0};
    dr_findings faults, doubts;
    *d = (dr_dataset){0};
    if (warnings && size)
        warnings[0] = 0;
    char *text = calloc(1, FAULTS_SIZE);
    dr_status st = text ? list(&images, images_dir, dr_image_has_name) : dr_fail(DR_ENOMEM, "out of memory");
    dr_findings_init(&faults, text, text ? FAULTS_SIZE : 0);
    dr_findings_init(&doubts, warnings, warnings ? size : 0);
    if (!st && images.count == 0)
        st = dr_fail(DR_ENOENT, "no photos in '%s': expected .jpg, .png, .webp, .tif, .gif, .heic or .avif files",
                     images_dir);
    if (!st && masks_dir && same_folder(images_dir, masks_dir))
        st = dr_fail(DR_EINVAL, "photos and masks are both in '%s': put the masks into a folder of their own",
                     images_dir);
    if (!st && masks_dir)
        st = list(&masks, masks_dir, dr_image_has_name);
    if (!st)
        st = list(&captions, images_dir, is_caption);
    if (!st)
        st = list(&others, images_dir, is_other_caption);
    if (!st) {
        st = pair(d, &images, &masks, &captions, instance_prompt, &faults, &doubts);
        report_single(&captions, &images, "caption", "photo", &doubts);
        report_unread(&others, &images, &doubts);
    }
    if (!st && faults.count > 0)
        st = refuse(images_dir, &faults);
    listing_clear(&images);
    listing_clear(&masks);
    listing_clear(&captions);
    listing_clear(&others);
    free(text);
    if (st)
        dr_dataset_close(d);
    return st;
}

void dr_dataset_check_resolution(const dr_dataset *d, int resolution, char *warnings, size_t size)
{
    dr_findings doubts;
    dr_findings_init(&doubts, warnings, size);
    for (int i = 0; i < d->count; i++) {
        const dr_example *e = &d->example[i];
        if (e->width < resolution || e->height < resolution)
            dr_findings_add(&doubts,
                            "photo '%s' is %dx%d, smaller than the resolution of %d: it is enlarged and blurry",
                            dr_path_name(e->image), e->width, e->height, resolution);
    }
}

void dr_dataset_close(dr_dataset *d)
{
    for (int i = 0; i < d->count; i++) {
        free(d->example[i].image);
        free(d->example[i].mask);
        free(d->example[i].prompt);
    }
    free(d->example);
    *d = (dr_dataset){0};
}
