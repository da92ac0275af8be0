/* A training's photos as folders, its options, and its losses. */
#ifndef DR_SERVE_JOBS_TRAIN_SET_H
#define DR_SERVE_JOBS_TRAIN_SET_H

#include "serve/jobs/studio.h"

/** Folders of photos, masks and captions as drape_train() wants them, in `dir`: dir/images, dir/masks. Paths of photo
 *  and mask i come through `path` (may be NULL), each PATH_MAX bytes. */
dr_status dr_train_folders(dr_studio *s, const json_t *settings, const char *dir, char (*photos)[512],
                           char (*masks)[512]);

/** Options of a training that works in `dir`. Strings are borrowed from the settings and `paths`. */
typedef struct dr_train_paths {
    char images[512], masks[512], out[512], photo[512], mask[512];
} dr_train_paths;
dr_status dr_train_options_of(dr_studio *s, const json_t *settings, const char *dir, dr_train_paths *paths,
                              drape_train_options *o);

/** All loss points of a training, [] before the first. New. */
json_t *dr_loss_points(dr_studio *s, int64_t id);
/** Those of its log that were not told when it was stopped, which may be any time. New. */
json_t *dr_loss_untold(dr_studio *s, int64_t id, const char *log);
/** What the model in training made of photos that are held out, as schema Look, from the same file. */
json_t *dr_looks(dr_studio *s, int64_t id);
/** A look: `numbers` of metrics by name (taken over), `loss` NaN where it is not known. */
json_t *dr_look_json(int step, double loss, json_t *numbers);

/** How a speed of trainings is called in the store. */
void dr_train_speed_name(const json_t *settings, char *out, size_t n);

#endif
