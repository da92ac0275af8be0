/* The studio's own API: its handlers, for the table of routes. docs/api.md */
#ifndef DR_SERVE_API_API_H
#define DR_SERVE_API_API_H

#include "serve/http/routes.h"

dr_handler dr_get_info, dr_get_description;
dr_handler dr_post_image, dr_get_image, dr_get_image_info;
dr_handler dr_get_jobs, dr_post_job, dr_get_job, dr_delete_job, dr_cancel_job, dr_retry_job, dr_move_job, dr_get_loss,
    dr_get_preview;
dr_handler dr_get_job_events, dr_get_events;
dr_handler dr_get_health, dr_get_numbers;
dr_handler dr_get_garments, dr_delete_garment, dr_post_lint;

/** What a new listener of a route's events hears first, malloc'ed; *job is the one it listens to, 0 for all. */
char *dr_events_first(dr_studio *s, const dr_request *r, int64_t *job);

#endif
