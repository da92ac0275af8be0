/* libFuzzer: any bytes as a request to the server.
 *
 * The first line is the method and the address, the second the content type, then an empty line and the body:
 *
 *     POST /api/v1/jobs?limit=3
 *     application/json
 *
 *     {"type": "mask", "photo": "..."}
 *
 * It is routed and handled as the server does it, on a real store, without the network. Every answer must be one, and
 * an error JSON with a code and a message. No worker runs, and what waits for a job is not waited for. */
#define _GNU_SOURCE /* memmem */
#include "serve/api/api.h"
#include "serve/jobs/pictures.h"
#include "serve/table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static dr_studio studio;

static void start(void)
{
    static const char *const models[] = {DR_SOURCE_DIR "/tests/golden/nano"};
    static char dir[] = "/tmp/drape-fuzz-XXXXXX";
    static dr_studio_options o = {.models = models, .model_count = 1};
    static const char *const photos[] = {DR_SOURCE_DIR "/tests/data/images/orientation-1.jpg"};
    drape_image im;
    dr_blob b;
    DR_ASSERT(mkdtemp(dir), "no folder");
    o.data = dir;
    DR_ASSERT(!dr_studio_open(&studio, &o), "%s", dr_error());
    /* a picture whose id is in the seeds and the dictionary */
    DR_ASSERT(!drape_image_read(&im, photos[0]) && !dr_studio_keep_image(&studio, &im, NULL, &b), "%s", dr_error());
    drape_image_free(&im);
}

/* One line of the input, cut off and ended. */
static char *line(char **at, char *end)
{
    char *start_of = *at, *newline = memchr(start_of, '\n', (size_t)(end - start_of));
    if (!newline)
        newline = end;
    *newline = 0;
    *at = newline < end ? newline + 1 : end;
    return start_of;
}

static void take_arguments(dr_request *r, char *query)
{
    char *rest = NULL;
    for (char *a = strtok_r(query, "&", &rest); a && r->arg_count < DR_MAX_ARGS; a = strtok_r(NULL, "&", &rest)) {
        char *equals = strchr(a, '=');
        if (equals)
            *equals++ = 0;
        r->arg[r->arg_count].name = a;
        r->arg[r->arg_count++].value = equals;
    }
}

static void check_answer(const dr_answer *a)
{
    DR_ASSERT(a->status >= 200 && a->status < 600, "status %d", a->status);
    if (a->status < 400)
        return;
    const char *text = a->data ? a->data : a->bytes;
    json_t *j = json_loadb(text, a->size, 0, NULL), *e = json_object_get(j, "error");
    DR_ASSERT(json_is_string(json_object_get(e, "code")) && json_is_string(json_object_get(e, "message")),
              "an error without a message: %.200s", text);
    json_decref(j);
}

static void handle(dr_request *r)
{
    const dr_route *route = dr_route_find(dr_routes, true, r);
    if (route && r->size <= route->max_body + 1)
        route->handle(&studio, r);
    if (route && route->flags & DR_ROUTE_STREAM && !r->answer.status) {
        int64_t job;
        free(dr_events_first(&studio, r, &job));
    } else if (r->wait_for) {
        r->finish(&studio, r);
        check_answer(&r->answer);
    } else if (r->answer.status || !route) {
        check_answer(&r->answer);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const methods[] = {"GET", "POST", "DELETE", "HEAD", "PUT"};
    if (!studio.store)
        start();
    char *copy = malloc(size + 1);
    if (!copy)
        return 0;
    memcpy(copy, data, size);
    copy[size] = 0;
    char *at = copy, *end = copy + size, *first = line(&at, end), *space = strchr(first, ' ');
    dr_request r = {.method = "GET", .path = first, .client = "127.0.0.1"};
    if (space) {
        *space = 0;
        for (size_t i = 0; i < sizeof methods / sizeof *methods; i++)
            if (strcmp(methods[i], first) == 0)
                r.method = methods[i];
        r.path = space + 1;
    }
    char *query = strchr(r.path, '?');
    if (query) {
        *query = 0;
        take_arguments(&r, query + 1);
    }
    r.content_type = line(&at, end);
    line(&at, end);
    r.body = at;
    r.size = (size_t)(end - at);
    handle(&r);
    dr_answer_clear(&r.answer);
    json_decref(r.kept);
    free(copy);
    return 0;
}
