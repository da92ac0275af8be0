#include "serve/http/routes.h"

#include "serve/http/page.h"

#include <stdio.h>
#include <string.h>

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

bool dr_route_is_open(const dr_route *routes, const char *path)
{
    for (const dr_route *t = routes; t->path; t++)
        if (t->flags & DR_ROUTE_OPEN && strcmp(t->path, path) == 0)
            return true;
    return false;
}

const dr_route *dr_route_find(const dr_route *routes, bool page, dr_request *r)
{
    bool get = strcmp(r->method, "GET") == 0 || strcmp(r->method, "HEAD") == 0;
    char allow[sizeof r->answer.allow] = "";
    for (const dr_route *t = routes; t->path; t++) {
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
    else if (!page || !dr_asset_answer(r->path, &r->answer))
        dr_answer_error(&r->answer, 404, "not_found", NULL, "there is nothing at this address");
    return NULL;
}
