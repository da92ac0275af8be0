/* Who makes a method's pictures. */
#ifndef DR_CLI_COMPARE_PAINTER_H
#define DR_CLI_COMPARE_PAINTER_H

#include "cli/compare/method.h"
#include "drape.h"

#include <jansson.h>

/** What every method is given. */
typedef struct dr_scene {
    const char *image;        /* the photo's path */
    const char *garment_path; /* of the garment's first photo; NULL: there is none */
    const char *parser_dir;   /* of the clothes parser; NULL: the usual one */
    drape_image person, mask;
    drape_image garment; /* made ready to be worn; data NULL: there is none */
    bool one;            /* a single picture is made, so that models need not stay */
} dr_scene;

/** What a painter tells while it works. */
typedef struct dr_listener {
    void *user;
    /** What is done now, and how much of the picture lies behind, 0 to 1. */
    void (*part)(void *user, const char *what, double behind);
    void (*note)(void *user, const char *text);
    bool (*cancel)(void *user);
} dr_listener;

typedef struct dr_painter {
    /** Loads what the method names. `scene` and `listener` stay until close(). */
    drape_status (*open)(void **self, const dr_method *m, const dr_scene *scene, const dr_listener *listener);
    /** What will be done, by the names of the options: {"steps": 20, ...}; NULL when out of memory. */
    json_t *(*settings)(void *self);
    drape_status (*paint)(void *self, uint64_t seed, drape_image *out);
    /** The text that is kept in the picture's file. malloc'ed, may be NULL. */
    char *(*text)(void *self, const drape_image *out);
    void (*close)(void *self);
} dr_painter;

extern const dr_painter dr_painter_tryon, dr_painter_warp;

#endif
