#include "serve/http/answer.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

void dr_answer_clear(dr_answer *a)
{
    free(a->data);
    free(a->path);
    *a = (dr_answer){0};
}

void dr_answer_json(dr_answer *a, int status, json_t *j)
{
    static const char nothing[] = "{\"error\": {\"code\": \"no_memory\", \"message\": \"out of memory\"}}";
    char *text = j ? json_dumps(j, JSON_REAL_PRECISION(15) | JSON_ENCODE_ANY) : NULL;
    json_decref(j);
    dr_answer_clear(a);
    *a = (dr_answer){.status = text ? status : 503,
                     .type = "application/json",
                     .data = text,
                     .bytes = text ? NULL : nothing,
                     .size = text ? strlen(text) : sizeof nothing - 1};
}

/* Messages may carry what a client sent; JSON must be valid all the same. */
static json_t *safe_string(const char *s)
{
    json_t *j = json_string(s);
    return j ? j : json_string("the request has text that is not UTF-8");
}

static void say(dr_answer *a, int status, const char *code, const char *field, const char *message)
{
    json_t *e = json_pack("{s:s, s:o}", "code", code, "message", safe_string(message));
    if (field && field[0])
        json_object_set_new(e, "field", safe_string(field));
    /* "detail" is where clients of the other API look */
    dr_answer_json(a, status, json_pack("{s:o, s:o}", "error", e, "detail", safe_string(message)));
}

void dr_answer_error(dr_answer *a, int status, const char *code, const char *field, const char *fmt, ...)
{
    char message[2048];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(message, sizeof message, fmt, ap);
    va_end(ap);
    say(a, status, code, field, message);
}

void dr_answer_failure(dr_answer *a, dr_status st, const char *field)
{
    switch (st) {
    case DR_EINVAL:
        say(a, 400, field && field[0] ? "bad_field" : "bad_request", field, dr_error());
        break;
    case DR_ENOENT:
        say(a, 404, "not_found", field, dr_error());
        break;
    case DR_EUNSUPPORTED:
        say(a, 400, "unsupported", field, dr_error());
        break;
    case DR_ENOMEM:
        say(a, 503, "no_memory", field, dr_error());
        break;
    default:
        say(a, 500, "failed", field, dr_error());
    }
}

void dr_answer_conflict(dr_answer *a, dr_status st, const char *field)
{
    if (st == DR_EINVAL || st == DR_EUNSUPPORTED)
        say(a, 409, "conflict", field, dr_error());
    else
        dr_answer_failure(a, st, field);
}

const char *dr_request_arg(const dr_request *r, const char *name)
{
    for (int i = 0; i < r->arg_count; i++)
        if (strcmp(r->arg[i].name, name) == 0)
            return r->arg[i].value ? r->arg[i].value : "";
    return NULL;
}

static bool is_json(const char *type)
{
    return type && strncasecmp(type, "application/json", 16) == 0 && strchr("; \t", type[16]);
}

dr_status dr_request_json(dr_request *r, json_t **out)
{
    json_error_t e;
    *out = NULL;
    if (!is_json(r->content_type)) {
        dr_answer_error(&r->answer, 415, "bad_type", NULL, "send JSON, with 'Content-Type: application/json'");
        return DR_EINVAL;
    }
    *out = json_loadb(r->body ? r->body : "", r->size, JSON_REJECT_DUPLICATES, &e);
    if (*out && json_is_object(*out))
        return DR_OK;
    if (*out)
        dr_answer_error(&r->answer, 400, "bad_json", NULL, "the body must be a JSON object");
    else
        dr_answer_error(&r->answer, 400, "bad_json", NULL, "the body is not valid JSON, line %d: %s", e.line, e.text);
    json_decref(*out);
    *out = NULL;
    return DR_EINVAL;
}
