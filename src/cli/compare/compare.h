/* A comparison: one person, several methods, several seeds. */
#ifndef DR_CLI_COMPARE_COMPARE_H
#define DR_CLI_COMPARE_COMPARE_H

#include "cli/compare/method.h"
#include "cli/compare/painter.h"
#include "drape.h"

#include <jansson.h>

#define DR_HASH 65 /* bytes of a SHA-256 as text */

/** One picture of one method. */
typedef struct dr_cell {
    uint64_t seed;
    char *file;               /* below the folder, "pictures/taught-7.png" */
    char made_of[DR_HASH];    /* of all that decides what the picture is */
    char content[DR_HASH];    /* of the file */
    bool done, reused, first; /* first: its time has the loading of the models in it */
    double seconds;
    int width, height;
    json_t *metrics; /* object of numbers, or NULL */
} dr_cell;

/** What became of one method. */
typedef struct dr_row {
    const dr_method *method;
    dr_cell *cell;    /* [seeds] */
    char *error;      /* one sentence, or NULL */
    uint64_t peak;    /* bytes while it worked; 0: not known */
    json_t *settings; /* as they were resolved; NULL: it was never opened */
    json_t *notes;    /* array of sentences */
} dr_row;

typedef struct dr_comparison {
    const char *image, *dir, *title;
    const char *reference_path;
    dr_opt_list garment_paths;
    dr_scene scene;
    drape_image reference; /* what it should look like; data NULL: nobody knows */
    drape_image *garments; /* [garment_paths.count] */
    dr_row *row;
    int rows, seeds;
    uint64_t seed;
} dr_comparison;

/** Rows and cells for the methods, with the names of their files and what they are made of. */
dr_status dr_comparison_plan(dr_comparison *c, const dr_methods *methods);
void dr_comparison_free(dr_comparison *c);

/** A path below the comparison's folder. malloc'ed; NULL when out of memory. */
char *dr_comparison_path(const dr_comparison *c, const char *file);

/* --- its record, compare.json ---------------------------------------------------------------------- */

/** Takes over pictures that an earlier run has made of the same things. A folder without a record is fine; a record
 *  that is none is DR_EINVAL. */
dr_status dr_record_reuse(dr_comparison *c);

/** All of it, without pictures. NULL when out of memory. */
json_t *dr_record_json(const dr_comparison *c);

/** Writes it, atomically. */
dr_status dr_record_save(const dr_comparison *c);

/** SHA-256 of a picture's size and pixels, and of a file. */
void dr_hash_image(char out[DR_HASH], const drape_image *im);
dr_status dr_hash_file(char out[DR_HASH], const char *path);

/* --- work -------------------------------------------------------------------------------------------- */

/** How it goes on, for whoever shows it: picture number `index` (from 0) of `count`, in parts of one. */
typedef struct dr_watcher {
    void *user;
    void (*at)(void *user, int index, int count, const char *method, uint64_t seed, const char *what, double part);
    void (*note)(void *user, const char *method, const char *text);
    void (*failed)(void *user, const char *method, const char *text);
    bool (*cancel)(void *user);
} dr_watcher;

/** Makes the pictures that are not there. A method that fails is noted in its row, and the next one goes on. */
dr_status dr_comparison_run(dr_comparison *c, const dr_watcher *w);

/** Numbers for all pictures. */
dr_status dr_comparison_measure(dr_comparison *c);

/** The metrics that apply, as the record and the page have them: [{"key", "name", "unit", "better", "help"}]. */
json_t *dr_metrics_json(const dr_comparison *c);

/* --- what people look at ------------------------------------------------------------------------------ */

/** All pictures with labels in one, `file` below the folder, .png or .jpg. */
dr_status dr_sheet_write(const dr_comparison *c, const char *file);

/** One self-contained page. */
dr_status dr_page_write(const dr_comparison *c, const char *file);

#endif
