/* The page with all its files, which are part of the program (cmake/serve.cmake). */
#ifndef DR_SERVE_HTTP_PAGE_H
#define DR_SERVE_HTTP_PAGE_H

#include "serve/http/answer.h"

typedef struct dr_asset {
    const char *path; /* "/js/main.js" */
    const unsigned char *bytes;
    const size_t *size;
} dr_asset;
extern const dr_asset dr_assets[];
extern const size_t dr_asset_count;

/** The page's file for a path, "/" is "/index.html"; false if there is none. */
bool dr_asset_answer(const char *path, dr_answer *a);

#endif
