/* Which pairs there are, and what is wrong with them. */
#include "train/pairs_dataset.h"

#include "base/file.h"
#include "base/listing.h"
#include "base/path.h"
#include "base/text.h"
#include "train/dataset_lint.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    FAULTS_SIZE = 15000, /* bytes; a message holds 16 KiB */
    LIST_MOST = 64 << 20 /* bytes of a list of pairs */
};

/* How the folders are called. */
typedef struct layout {
    const char *person, *mask, *garment;
    const char *tail; /* of a mask's name behind the person's */
    const char *list; /* a file that chooses and pairs */
    bool first_alone; /* of its names only the first counts */
} layout;

static const layout layouts[] = {
    {"person", "mask", "garment", "", "pairs.txt", false},
    {"image", "agnostic-mask", "cloth", "_mask", "train_pairs.txt", true},
};

/* The folders of a data set. */
typedef struct folders {
    const layout *how;
    char path[3][PATH_MAX]; /* person, mask, garment */
    dr_listing person, mask, garment;
    dr_findings faults, doubts;
} folders;

/* --- folders ------------------------------------------------------------------------------------------- */

static dr_status choose_layout(folders *f, const char *dir)
{
    char path[PATH_MAX];
    for (size_t i = 0; !f->how && i < sizeof layouts / sizeof *layouts; i++)
        if (!dr_path(path, sizeof path, dir, layouts[i].person) && dr_is_dir(path))
            f->how = &layouts[i];
    if (f->how)
        return DR_OK;
    return dr_fail(DR_ENOENT,
                   "--garment_pairs: '%s' has no folder person: expected the folders person, mask and garment, or "
                   "VITON-HD's image, agnostic-mask and cloth",
                   dir);
}

static dr_status open_folder(folders *f, int which, dr_listing *l, const char *dir, const char *name)
{
    dr_status st = dr_path(f->path[which], sizeof f->path[which], dir, name);
    if (!st && !dr_is_dir(f->path[which]))
        st = dr_fail(DR_ENOENT, "--garment_pairs: there is no folder '%s'", f->path[which]);
    if (!st)
        st = dr_listing_open(l, f->path[which], dr_image_has_name);
    if (!st && l->count == 0)
        st = dr_fail(DR_ENOENT, "no pictures in '%s': expected .jpg, .png, .webp, .tif, .gif, .heic or .avif files",
                     f->path[which]);
    for (int i = 1; !st && i < l->count; i++)
        if (dr_compare_stems(l->name[i - 1], l->name[i]) == 0)
            dr_findings_add(&f->faults, "'%s' and '%s' in '%s' have one name: keep one of them", l->name[i - 1],
                            l->name[i], f->path[which]);
    return st;
}

static dr_status open_folders(folders *f, const char *dir)
{
    dr_status st = choose_layout(f, dir);
    if (!st)
        st = open_folder(f, 0, &f->person, dir, f->how->person);
    if (!st)
        st = open_folder(f, 1, &f->mask, dir, f->how->mask);
    return st ? st : open_folder(f, 2, &f->garment, dir, f->how->garment);
}

/* --- pairs --------------------------------------------------------------------------------------------- */

static const char *find_mask(const folders *f, const char *person)
{
    char name[PATH_MAX];
    int n = snprintf(name, sizeof name, "%.*s%s.png", (int)dr_path_stem(person), person, f->how->tail);
    const char *mask = n > 0 && n < (int)sizeof name ? dr_listing_find(&f->mask, name) : NULL;
    return mask ? mask : dr_listing_find(&f->mask, person);
}

static dr_status lint_garment(const dr_example *e, dr_findings *faults)
{
    enum { MAX_ASPECT = 16 }; /* fitted into the picture, a longer strip would be a line */
    dr_image im;
    dr_status st = dr_image_read(&im, e->garment, 3);
    if (st == DR_ENOMEM)
        return st;
    if (st) {
        dr_findings_add(faults, "%s", dr_error());
        return DR_OK;
    }
    if (im.width > MAX_ASPECT * im.height || im.height > MAX_ASPECT * im.width)
        dr_findings_add(faults, "garment '%s' is %dx%d: at most %d times as long as wide; crop it",
                        dr_path_name(e->garment), im.width, im.height, MAX_ASPECT);
    dr_image_clear(&im);
    return DR_OK;
}

/* One pair, where it is whole; what it lacks is a fault. */
static dr_status add_pair(dr_dataset *d, folders *f, const char *person, const char *garment)
{
    const char *mask = find_mask(f, person);
    int stem = (int)dr_path_stem(person);
    if (!mask)
        dr_findings_add(&f->faults, "person '%s' has no mask: there is no picture '%.*s%s.*' in '%s'", person, stem,
                        person, f->how->tail, f->path[1]);
    if (!garment)
        dr_findings_add(&f->faults, "person '%s' has no garment: there is no picture '%.*s.*' in '%s'", person, stem,
                        person, f->path[2]);
    if (!mask || !garment)
        return DR_OK;
    dr_example *e = &d->example[d->count++];
    e->image = dr_path_new(f->path[0], person);
    e->mask = dr_path_new(f->path[1], mask);
    e->garment = dr_path_new(f->path[2], garment);
    if (!e->image || !e->mask || !e->garment)
        return dr_fail(DR_ENOMEM, "out of memory");
    dr_status st = dr_lint_example(e, &f->faults, &f->doubts);
    return st ? st : lint_garment(e, &f->faults);
}

static dr_status make_room(dr_dataset *d, int n)
{
    d->example = calloc((size_t)n + 1, sizeof *d->example);
    return d->example ? DR_OK : dr_fail(DR_ENOMEM, "out of memory for %d pairs", n);
}

/* Masks and garments that no person has. */
static void report_single(folders *f, const dr_listing *l, const char *what, const char *tail)
{
    for (int i = 0; i < l->count; i++) {
        size_t n = dr_path_stem(l->name[i]), m = strlen(tail);
        char person[PATH_MAX];
        bool tailed = m && n > m && strncmp(l->name[i] + n - m, tail, m) == 0;
        snprintf(person, sizeof person, "%.*s.png", (int)(tailed ? n - m : n), l->name[i]);
        if (!dr_listing_find(&f->person, person))
            dr_findings_add(&f->faults, "%s '%s' has no person: there is no picture '%.*s.*' in '%s'", what, l->name[i],
                            (int)dr_path_stem(person), person, f->path[0]);
    }
}

static dr_status pair_by_name(dr_dataset *d, folders *f)
{
    dr_status st = make_room(d, f->person.count);
    report_single(f, &f->mask, "mask", f->how->tail);
    report_single(f, &f->garment, "garment", "");
    for (int i = 0; !st && i < f->person.count; i++)
        st = add_pair(d, f, f->person.name[i], dr_listing_find(&f->garment, f->person.name[i]));
    return st;
}

/* --- a list of pairs ------------------------------------------------------------------------------------- */

/* In the folder, or for VITON-HD's beside it, where it is for both of its halves; "" where there is none. */
static void find_list(const folders *f, const char *dir, char out[PATH_MAX])
{
    char above[PATH_MAX];
    if (!dr_path(out, PATH_MAX, dir, f->how->list) && dr_is_file(out))
        return;
    if (f->how->first_alone && !dr_path_folder(above, sizeof above, dir) &&
        !dr_path(out, PATH_MAX, above, f->how->list) && dr_is_file(out))
        return;
    out[0] = 0;
}

/* The next name of a line, ended by a 0. */
static char *next_name(char **line, const char *ends)
{
    *line += strspn(*line, " \t");
    char *name = *line;
    size_t n = strcspn(name, ends);
    *line += n + (name[n] != 0);
    while (n > 0 && name[n - 1] == ' ')
        n--;
    name[n] = 0;
    return name;
}

static dr_status add_line(dr_dataset *d, folders *f, char *line, const char *list, int number)
{
    const char *ends = strchr(line, '\t') ? "\t" : " \t"; /* a tab parts names that have spaces in them */
    const char *first = next_name(&line, ends);
    const char *second = f->how->first_alone ? first : next_name(&line, ends);
    const char *person = dr_listing_find(&f->person, first);
    const char *garment = dr_listing_find(&f->garment, second[0] ? second : first);
    if (!person)
        dr_findings_add(&f->faults, "%s, line %d: there is no picture '%s' in '%s'", list, number, first, f->path[0]);
    if (!garment)
        dr_findings_add(&f->faults, "%s, line %d: there is no picture '%s' in '%s'", list, number,
                        second[0] ? second : first, f->path[2]);
    return person && garment ? add_pair(d, f, person, garment) : DR_OK;
}

static int count_lines(const char *text)
{
    int n = 1;
    for (; *text; text++)
        n += *text == '\n';
    return n;
}

static dr_status pair_by_list(dr_dataset *d, folders *f, const char *path)
{
    char *text = NULL, *at;
    size_t size;
    int number = 0;
    dr_status st = dr_file_read(path, LIST_MOST, &text, &size);
    if (!st && strlen(text) != size)
        st = dr_fail(DR_EINVAL, "'%s' is no text", path);
    if (!st)
        st = make_room(d, count_lines(text));
    at = st ? NULL : text + (dr_skip_bom(text) - text);
    for (char *line; !st && (line = strsep(&at, "\n")) != NULL;) {
        line[strcspn(line, "\r")] = 0;
        number++;
        if (line[strspn(line, " \t")])
            st = add_line(d, f, line, dr_path_name(path), number);
    }
    free(text);
    return st;
}

/* --- all of it ------------------------------------------------------------------------------------------- */

static dr_status judge(const dr_dataset *d, const folders *f, const char *dir)
{
    if (f->faults.count)
        return dr_fail(DR_EINVAL, "cannot train on '%s', %d fault%s:\n%s", dir, f->faults.count,
                       f->faults.count == 1 ? "" : "s", f->faults.text);
    return d->count ? DR_OK : dr_fail(DR_EINVAL, "no pairs in '%s'", dir);
}

dr_status dr_garment_pairs_open(dr_dataset *d, const char *dir, char *warnings, size_t size)
{
    char list[PATH_MAX];
    folders *f = calloc(1, sizeof *f);
    char *text = calloc(1, FAULTS_SIZE);
    *d = (dr_dataset){0};
    if (warnings && size)
        warnings[0] = 0;
    dr_status st = f && text ? DR_OK : dr_fail(DR_ENOMEM, "out of memory");
    if (!st) {
        dr_findings_init(&f->faults, text, FAULTS_SIZE);
        dr_findings_init(&f->doubts, warnings, warnings ? size : 0);
        st = open_folders(f, dir);
    }
    if (!st) {
        find_list(f, dir, list);
        st = list[0] ? pair_by_list(d, f, list) : pair_by_name(d, f);
    }
    if (!st)
        st = judge(d, f, dir);
    if (f) {
        dr_listing_clear(&f->person);
        dr_listing_clear(&f->mask);
        dr_listing_clear(&f->garment);
    }
    free(f);
    free(text);
    if (st)
        dr_dataset_close(d);
    return st;
}
