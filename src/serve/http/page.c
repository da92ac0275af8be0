#include "serve/http/page.h"

#include "base/path.h"

#include <glib.h>
#include <stdio.h>
#include <string.h>

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
    const char *extension = dr_path_extension(path);
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(extension, known[i].extension) == 0)
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
