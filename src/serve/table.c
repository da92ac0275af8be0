/* Both APIs, address by address. */
#include "serve/table.h"

#include "serve/a1111/a1111.h"
#include "serve/api/api.h"

enum { SMALL = 1 << 20, PICTURE = 64 << 20, BASE64 = 96 << 20 };

/* Those of a worker without a page. */
#define WATCHING                                                                                                       \
    {"GET", "/healthz", dr_get_health, DR_ROUTE_SLOW | DR_ROUTE_OPEN, 0},                                              \
    {                                                                                                                  \
        "GET", "/metrics", dr_get_numbers, DR_ROUTE_SLOW | DR_ROUTE_NUMBERS, 0                                         \
    }

const dr_route dr_worker_routes[] = {
    WATCHING,
    {NULL},
};

const dr_route dr_routes[] = {
    WATCHING,
    {"GET", "/api/v1/info", dr_get_info, 0, 0},
    {"GET", "/api/v1/openapi.json", dr_get_description, 0, 0},
    {"GET", "/openapi.json", dr_get_description, 0, 0},
    {"POST", "/api/v1/images", dr_post_image, DR_ROUTE_SLOW, PICTURE},
    {"GET", "/api/v1/images/{id}", dr_get_image, DR_ROUTE_SLOW, 0},
    {"GET", "/api/v1/images/{id}/info", dr_get_image_info, 0, 0},
    {"GET", "/api/v1/jobs", dr_get_jobs, 0, 0},
    {"POST", "/api/v1/jobs", dr_post_job, 0, SMALL},
    {"GET", "/api/v1/jobs/{id}", dr_get_job, 0, 0},
    {"DELETE", "/api/v1/jobs/{id}", dr_delete_job, DR_ROUTE_SLOW, 0},
    {"POST", "/api/v1/jobs/{id}/cancel", dr_cancel_job, 0, SMALL},
    {"POST", "/api/v1/jobs/{id}/retry", dr_retry_job, 0, SMALL},
    {"POST", "/api/v1/jobs/{id}/move", dr_move_job, 0, SMALL},
    {"GET", "/api/v1/jobs/{id}/loss", dr_get_loss, DR_ROUTE_SLOW, 0},
    {"GET", "/api/v1/jobs/{id}/preview", dr_get_preview, DR_ROUTE_SLOW, 0},
    {"GET", "/api/v1/jobs/{id}/events", dr_get_job_events, DR_ROUTE_STREAM, 0},
    {"GET", "/api/v1/events", dr_get_events, DR_ROUTE_STREAM, 0},
    {"GET", "/api/v1/garments", dr_get_garments, 0, 0},
    {"DELETE", "/api/v1/garments/{id}", dr_delete_garment, DR_ROUTE_SLOW, 0},
    {"POST", "/api/v1/lint", dr_post_lint, DR_ROUTE_SLOW, SMALL},
    {"POST", "/sdapi/v1/img2img", dr_a1111_img2img, DR_ROUTE_SLOW, BASE64},
    {"GET", "/sdapi/v1/progress", dr_a1111_progress, DR_ROUTE_SLOW, 0},
    {"POST", "/sdapi/v1/interrupt", dr_a1111_interrupt, 0, SMALL},
    {"POST", "/sdapi/v1/png-info", dr_a1111_png_info, DR_ROUTE_SLOW, BASE64},
    {"GET", "/sdapi/v1/samplers", dr_a1111_samplers, 0, 0},
    {"GET", "/sdapi/v1/schedulers", dr_a1111_schedulers, 0, 0},
    {"GET", "/sdapi/v1/sd-models", dr_a1111_models, 0, 0},
    {"GET", "/sdapi/v1/loras", dr_a1111_loras, 0, 0},
    {"GET", "/sdapi/v1/options", dr_a1111_get_options, 0, 0},
    {"POST", "/sdapi/v1/options", dr_a1111_post_options, 0, SMALL},
    {"GET", "/sdapi/v1/cmd-flags", dr_a1111_cmd_flags, 0, 0},
    {"GET", "/sdapi/v1/scripts", dr_a1111_scripts, 0, 0},
    {"GET", "/sdapi/v1/upscalers", dr_a1111_empty_list, 0, 0},
    {"GET", "/sdapi/v1/sd-vae", dr_a1111_empty_list, 0, 0},
    {"GET", "/sdapi/v1/prompt-styles", dr_a1111_empty_list, 0, 0},
    {"GET", "/sdapi/v1/face-restorers", dr_a1111_empty_list, 0, 0},
    {"GET", "/sdapi/v1/realesrgan-models", dr_a1111_empty_list, 0, 0},
    {"GET", "/sdapi/v1/latent-upscale-modes", dr_a1111_empty_list, 0, 0},
    {"GET", "/sdapi/v1/hypernetworks", dr_a1111_empty_list, 0, 0},
    {"GET", "/sdapi/v1/script-info", dr_a1111_empty_list, 0, 0},
    {"GET", "/sdapi/v1/extensions", dr_a1111_empty_list, 0, 0},
    {"GET", "/sdapi/v1/embeddings", dr_a1111_embeddings, 0, 0},
    {"POST", "/sdapi/v1/refresh-checkpoints", dr_a1111_refresh, 0, SMALL},
    {"POST", "/sdapi/v1/refresh-loras", dr_a1111_refresh, 0, SMALL},
    {"POST", "/sdapi/v1/refresh-vae", dr_a1111_refresh, 0, SMALL},
    {"POST", "/sdapi/v1/refresh-embeddings", dr_a1111_refresh, 0, SMALL},
    {"POST", "/sdapi/v1/txt2img", dr_a1111_txt2img, 0, SMALL},
    {NULL},
};
