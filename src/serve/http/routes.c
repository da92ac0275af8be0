#include "serve/http/routes.h"

#include "serve/jobs/fields.h"

#include <glib.h>
#include <stdio.h>
#include <string.h>

enum { SMALL = 1 << 20, PICTURE = 64 << 20, BASE64 = 96 << 20 };

static const dr_route routes[] = {
    {"GET", "/api/v1/info", dr_get_info, 0, 0},
    {"GET", "/api/v1/openapi.json", dr_get_description, 0, 0},
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
    {"GET", "/api/v1/jobs/{id}/preview", dr_get_preview, 0, 0},
    {"GET", "/api/v1/jobs/{id}/events", dr_get_job_events, DR_ROUTE_STREAM, 0},
    {"GET", "/api/v1/events", dr_get_events, DR_ROUTE_STREAM, 0},
    {"GET", "/api/v1/garments", dr_get_garments, 0, 0},
    {"DELETE", "/api/v1/garments/{id}", dr_delete_garment, DR_ROUTE_SLOW, 0},
    {"POST", "/api/v1/lint", dr_post_lint, DR_ROUTE_SLOW, SMALL},
    {"POST", "/sdapi/v1/img2img", dr_a1111_img2img, DR_ROUTE_SLOW, BASE64},
    {"GET", "/sdapi/v1/progress", dr_a1111_progress, 0, 0},
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
};

/* True when the path fits the pattern; what stands for {id} goes to `param`. */
static bool match(const char *pattern, const char *path, char param[80])
{
    param[0] = 0;
    while (*pattern && *path) {
        if (strncmp(pattern, "{id}", 4) == 0) {
            size_t n = strcspn(path, "/");
            if (n == 0 || n >= 80)
                return false;
            memcpy(param, path, n);
            param[n] = 0;
            path += n;
            pattern += 4;
        } else if (*pattern++ != *path++) {
            return false;
        }
    }
    return *pattern == *path;
}

const dr_route *dr_route_find(dr_request *r)
{
    bool get = strcmp(r->method, "GET") == 0 || strcmp(r->method, "HEAD") == 0;
    char allow[sizeof r->answer.allow] = "";
    for (size_t i = 0; i < sizeof routes / sizeof *routes; i++) {
        const dr_route *t = &routes[i];
        if (!match(t->path, r->path, r->param))
            continue;
        if (strcmp(t->method, get ? "GET" : r->method) == 0)
            return t;
        size_t n = strlen(allow);
        snprintf(allow + n, sizeof allow - n, "%s%s", n ? ", " : "",
                 strcmp(t->method, "GET") == 0 ? "GET, HEAD" : t->method);
    }
    if (allow[0]) {
        dr_answer_error(&r->answer, 405, "bad_method", NULL, "%.16s is not possible here: %s", r->method, allow);
        memcpy(r->answer.allow, allow, sizeof allow);
    } else if (!get)
        dr_answer_error(&r->answer, 404, "not_found", NULL, "there is nothing here that could be asked so");
    else if (!dr_asset_answer(r->path, &r->answer))
        dr_answer_error(&r->answer, 404, "not_found", NULL, "there is nothing at this address");
    return NULL;
}

size_t dr_route_max_body(void)
{
    size_t most = 0;
    for (size_t i = 0; i < sizeof routes / sizeof *routes; i++)
        most = routes[i].max_body > most ? routes[i].max_body : most;
    return most;
}

/* --- the page ----------------------------------------------------------------------------------- */

static const char *type_of(const char *path)
{
    static const struct {
        const char *extension, *type;
    } known[] = {{".html", "text/html; charset=utf-8"},
                 {".js", "text/javascript; charset=utf-8"},
                 {".css", "text/css; charset=utf-8"},
                 {".json", "application/json"},
                 {".svg", "image/svg+xml"},
                 {".png", "image/png"},
                 {".jpg", "image/jpeg"},
                 {".webp", "image/webp"},
                 {".ico", "image/x-icon"},
                 {".woff2", "font/woff2"},
                 {".webmanifest", "application/manifest+json"},
                 {".txt", "text/plain; charset=utf-8"}};
    const char *dot = strrchr(path, '.');
    for (size_t i = 0; dot && i < sizeof known / sizeof *known; i++)
        if (strcmp(dot, known[i].extension) == 0)
            return known[i].type;
    return "application/octet-stream";
}

bool dr_asset_answer(const char *path, dr_answer *a)
{
    if (strcmp(path, "/") == 0)
        path = "/index.html";
    if (strcmp(path, "/openapi.json") == 0 || strcmp(path, "/favicon.ico") == 0)
        path = path[1] == 'o' ? "/openapi.json" : "/favicon.svg";
    for (size_t i = 0; i < dr_asset_count; i++) {
        if (strcmp(dr_assets[i].path, path) != 0)
            continue;
        char *hash = g_compute_checksum_for_data(G_CHECKSUM_SHA256, dr_assets[i].bytes, *dr_assets[i].size);
        *a = (dr_answer){.status = 200, .type = type_of(path), .bytes = dr_assets[i].bytes, .size = *dr_assets[i].size};
        snprintf(a->etag, sizeof a->etag, "\"%.32s\"", hash);
        g_free(hash);
        return true;
    }
    return false;
}
