/* What a drape_pipeline is, for the files of this folder. */
#ifndef DR_API_PIPELINE_H
#define DR_API_PIPELINE_H

#include "drape.h"

#include "tryon/choose_garment.h"
#include "tryon/engine.h"

struct drape_pipeline {
    dr_source *source;
    dr_engine engine;
    dr_wardrobe wardrobe;
    drape_pipeline *dresser; /* puts on what is in the wardrobe; NULL: that is empty */
};

/** The sampler of that name, or the model's own for NULL. */
dr_status dr_pipeline_sampler(const drape_pipeline *p, const char *name, dr_sampler_kind *out);

/** Reads a folder's wardrobe, or that of the adapters. `worn`: there is one, and a model at `path` that dresses from
 * it.
 */
dr_status dr_pipeline_read_wardrobe(drape_pipeline *p, const char *path, bool *worn);

/** What the options' words mean of the wardrobe; no garment where they mean none, or want none. */
dr_garment_choice dr_pipeline_choice(const drape_pipeline *p, const drape_tryon_options *o);

/** Turns options with words into those for the model that dresses; what it is to be advised on stays. `garment` is what
 * is put on: clear it when the picture is made. */
dr_status dr_pipeline_wear(const dr_garment_choice *choice, drape_tryon_options *o, dr_image *garment);

#endif
