/* The models and adapters that are served: named one by one, or all of a folder. */
#ifndef DR_SERVE_JOBS_MODELS_H
#define DR_SERVE_JOBS_MODELS_H

#include "serve/jobs/studio.h"

/** Opens everything that the options name. What is named must be good; what only lies in a folder is left out with a
 *  word otherwise. */
dr_status dr_studio_add_models(dr_studio *s);
void dr_studio_drop_models(dr_studio *s);

/** The model of this id, the first for "" and NULL; NULL if there is none. */
const dr_model *dr_studio_model(const dr_studio *s, const char *id);

/** What a served model is opened with: what takes the place of its own parts. `dir` may be NULL, the small model. */
void dr_studio_load_options(const dr_studio *s, const char *dir, drape_load_options *o);

/** The same for dressing from a photo of the garment. */
void dr_studio_garment_options(const dr_studio *s, const char *dir, drape_load_options *o);

/** The adapter of this id; NULL if there is none. */
const dr_lora_file *dr_studio_lora(const dr_studio *s, const char *id);

/** The file's name; a folder's id. */
const char *dr_model_file(const dr_model *m);

/** The SHA-256 of its file; false for a folder, and while it is not known yet. */
bool dr_model_hash(dr_studio *s, const dr_model *m, char out[65]);
void dr_model_set_hash(dr_studio *s, int i, const char *sha256);

#endif
