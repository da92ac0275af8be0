/* Reading the folders and pairing what is in them. */
#include "train/dataset.h"

#include "base/listing.h"
#include "base/path.h"
#include "train/dataset_lint.h"
#include "train/prompt.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FAULTS_SIZE = 15000 }; /* bytes; a message holds 16 KiB */

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

static void report_twins(const dr_listing *l, const char *what, dr_findings *faults)
{
    for (int i = 1; i < l->count; i++)
        if (dr_compare_stems(l->name[i - 1], l->name[i]) == 0)
            dr_findings_add(faults, "%s '%s' and '%s' have one name: keep one of them", what, l->name[i - 1],
                            l->name[i]);
}

/* Names in `l` that `other` has no partner for. */
static void report_single(const dr_listing *l, const dr_listing *other, const char *what, const char *partner,
                          dr_findings *out)
{
    for (int i = 0; i < l->count; i++)
        if (!dr_listing_find(other, l->name[i]))
            dr_findings_add(out, "%s '%s' has no %s: there is no picture '%.*s.*' in '%s'", what, l->name[i], partner,
                            (int)dr_path_stem(l->name[i]), l->name[i], other->dir);
}

/* A file of one photo's name, or one list for all of them: whoever wrote it thinks that it is read. */
static void report_unread(const dr_listing *others, const dr_listing *images, dr_findings *doubts)
{
    for (int i = 0; i < others->count; i++) {
        const char *name = others->name[i];
        if (dr_listing_find(images, name) || strncmp(name, "metadata.", 9) == 0 || strncmp(name, "captions.", 9) == 0)
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

/* Adds the pictures of `images`; with masks, those that have one. */
static dr_status pair(dr_dataset *d, const dr_listing *images, const dr_listing *masks, const dr_listing *captions,
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
        const char *mask = masks->dir ? dr_listing_find(masks, images->name[i]) : NULL;
        if (mask || !masks->dir)
            st = add_example(d, images->dir, images->name[i], dr_listing_find(captions, images->name[i]), masks->dir,
                             mask, given, faults, doubts);
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
    dr_listing images = {0}, masks = {0}, captions = {0}, others = {0};
    dr_findings faults, doubts;
    *d = (dr_dataset){0};
    if (warnings && size)
        warnings[0] = 0;
    char *text = calloc(1, FAULTS_SIZE);
    dr_status st = text ? dr_listing_open(&images, images_dir, dr_image_has_name) : dr_fail(DR_ENOMEM, "out of memory");
    dr_findings_init(&faults, text, text ? FAULTS_SIZE : 0);
    dr_findings_init(&doubts, warnings, warnings ? size : 0);
    if (!st && images.count == 0)
        st = dr_fail(DR_ENOENT, "no photos in '%s': expected .jpg, .png, .webp, .tif, .gif, .heic or .avif files",
                     images_dir);
    if (!st && masks_dir && dr_same_folder(images_dir, masks_dir))
        st = dr_fail(DR_EINVAL, "photos and masks are both in '%s': put the masks into a folder of their own",
                     images_dir);
    if (!st && masks_dir)
        st = dr_listing_open(&masks, masks_dir, dr_image_has_name);
    if (!st)
        st = dr_listing_open(&captions, images_dir, is_caption);
    if (!st)
        st = dr_listing_open(&others, images_dir, is_other_caption);
    if (!st) {
        st = pair(d, &images, &masks, &captions, instance_prompt, &faults, &doubts);
        report_single(&captions, &images, "caption", "photo", &doubts);
        report_unread(&others, &images, &doubts);
    }
    if (!st && faults.count > 0)
        st = refuse(images_dir, &faults);
    dr_listing_clear(&images);
    dr_listing_clear(&masks);
    dr_listing_clear(&captions);
    dr_listing_clear(&others);
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
        free(d->example[i].garment);
        free(d->example[i].prompt);
    }
    free(d->example);
    *d = (dr_dataset){0};
}
