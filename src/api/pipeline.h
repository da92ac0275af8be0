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

/** A folder with a wardrobe, or adapters with one: its photos are read, and the model that dresses from them opened. */
dr_status dr_pipeline_open_wardrobe(drape_pipeline *p, const char *path, const drape_load_options *o);

/** What the options' words mean of the wardrobe; no garment where they mean none, or want none. */
dr_garment_choice dr_pipeline_choice(const drape_pipeline *p, const drape_tryon_options *o);

/** drape_tryon() with that garment, with the settings that suit the model that dresses. */
drape_status dr_pipeline_dress(drape_pipeline *p, const drape_image *photo, const drape_image *mask,
                               const drape_tryon_options *options, const dr_garment_choice *choice, drape_image *out);

#endif
