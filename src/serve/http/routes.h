/* Which request goes to which function. */
#ifndef DR_SERVE_ROUTES_H
#define DR_SERVE_ROUTES_H

#include "serve/jobs/studio.h"

enum {
    DR_ROUTE_SLOW = 1,  /* decodes or reckons: not on a thread that serves connections */
    DR_ROUTE_STREAM = 2 /* events; the handler only checks */
};

typedef void dr_handler(dr_studio *s, dr_request *r);

typedef struct dr_route {
    const char *method, *path; /* "/api/v1/jobs/{id}" */
    dr_handler *handle;
    unsigned flags;
    size_t max_body;
} dr_route;

/** The route of a request and what stands for {id}; NULL with the answer set: 404, 405. */
const dr_route *dr_route_find(dr_request *r);

/** The largest body that any route takes. */
size_t dr_route_max_body(void);

/** A file of the page that is part of the program. */
typedef struct dr_asset {
    const char *path; /* "/js/main.js" */
    const unsigned char *bytes;
    const size_t *size;
} dr_asset;
extern const dr_asset dr_assets[];
extern const size_t dr_asset_count;

/** The page's file for a path, "/" is "/index.html"; false if there is none. */
bool dr_asset_answer(const char *path, dr_answer *a);

/* --- handlers ----------------------------------------------------------------------------------- */

dr_handler dr_get_info, dr_get_description;
dr_handler dr_post_image, dr_get_image, dr_get_image_info;
dr_handler dr_get_jobs, dr_post_job, dr_get_job, dr_delete_job, dr_cancel_job, dr_retry_job, dr_move_job, dr_get_loss,
    dr_get_preview;
dr_handler dr_get_job_events, dr_get_events;
dr_handler dr_get_garments, dr_delete_garment, dr_post_lint;
dr_handler dr_a1111_img2img, dr_a1111_progress, dr_a1111_interrupt, dr_a1111_png_info, dr_a1111_samplers,
    dr_a1111_schedulers, dr_a1111_models, dr_a1111_loras, dr_a1111_get_options, dr_a1111_post_options,
    dr_a1111_empty_list, dr_a1111_embeddings, dr_a1111_refresh, dr_a1111_cmd_flags, dr_a1111_scripts, dr_a1111_txt2img;

/** What a new listener of a route's events hears first, malloc'ed; *job is the one it listens to, 0 for all. */
char *dr_events_first(dr_studio *s, const dr_request *r, int64_t *job);

#endif
