/* Pictures between clients, the store and the library. */
#ifndef DR_SERVE_JOBS_PICTURES_H
#define DR_SERVE_JOBS_PICTURES_H

#include "serve/jobs/studio.h"

/** Keeps a client's file; one that is not upright or that browsers cannot show as PNG. */
dr_status dr_studio_keep_picture(dr_studio *s, const void *data, size_t size, const char *name, dr_blob *out);

/** Encodes and keeps a picture of ours as PNG. */
dr_status dr_studio_keep_image(dr_studio *s, const drape_image *im, const char *parameters, dr_blob *out);

/** Reads a kept picture. `name` stands in messages. */
dr_status dr_studio_read(dr_studio *s, const char *id, const char *name, drape_image *out);
dr_status dr_studio_read_mask(dr_studio *s, const char *id, const drape_image *photo, char *warnings, size_t size,
                              drape_image *out);

json_t *dr_blob_json(const dr_blob *b);

#endif
