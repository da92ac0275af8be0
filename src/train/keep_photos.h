/* Photos of what a small model was taught, for its folder: see pipeline/wardrobe.h. */
#ifndef DR_TRAIN_KEEP_PHOTOS_H
#define DR_TRAIN_KEEP_PHOTOS_H

#include "pipeline/source.h"
#include "train/dataset.h"

/** For a model that asks for it: writes into `dir`, of the result, for each prompt cloth out of the photo that shows
 * most of it, before those of the model's own wardrobe, and a copy of its garment/. Nothing for others. */
dr_status dr_keep_photos(const dr_source *model, const dr_dataset *photos, const char *dir);

/** The same for adapters: as text for their file's metadata, malloc'ed; NULL for models that do not ask for it. */
dr_status dr_keep_photos_text(const dr_source *model, const dr_dataset *photos, char **out);

#endif
