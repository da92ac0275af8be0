/* Pictures: kept once, shown at any width. */
#include "serve/api/api.h"
#include "serve/http/multipart.h"
#include "serve/jobs/fields.h"
#include "serve/jobs/pictures.h"
#include "serve/store/ids.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static bool is_picture_type(const char *type)
{
    return type && (strncasecmp(type, "image/", 6) == 0 || strncasecmp(type, "application/octet-stream", 24) == 0);
}

void dr_post_image(dr_studio *s, dr_request *r)
{
    const char *data = r->body;
    size_t size = r->size;
    dr_blob b;
    dr_status st = DR_OK;
    if (dr_is_multipart(r->content_type))
        st = dr_multipart_file(r->content_type, r->body ? r->body : "", r->size, &data, &size);
    else if (!is_picture_type(r->content_type)) {
        dr_answer_error(&r->answer, 415, "bad_type", NULL,
                        "send a picture, with 'Content-Type: image/...' or as a form");
        return;
    }
    if (!st)
        st = dr_studio_keep_picture(s, data ? data : "", size, "the picture", &b);
    if (st)
        dr_answer_failure(&r->answer, st == DR_EUNSUPPORTED ? DR_EINVAL : st, NULL);
    if (st && r->answer.status == 400)
        r->answer.status = 422; /* the request is in order, what it brings is none */
    if (!st)
        dr_answer_json(&r->answer, 201, dr_blob_json(&b));
}

/* The picture that {id} names, or an answer. */
static bool find(dr_studio *s, dr_request *r, dr_blob *b)
{
    dr_status st = DR_OK;
    if (!dr_is_image_id(r->param))
        dr_answer_error(&r->answer, 400, "bad_id", "id", "a picture's id has 64 hexadecimal digits");
    else if ((st = dr_store_blob(s->store, r->param, b)) != DR_OK)
        dr_answer_failure(&r->answer, st, NULL);
    return r->answer.status == 0;
}

void dr_get_image_info(dr_studio *s, dr_request *r)
{
    dr_blob b;
    if (find(s, r, &b))
        dr_answer_json(&r->answer, 200, dr_blob_json(&b));
}

static const char *static_type(const char *type)
{
    static const char *const known[] = {"image/jpeg", "image/png", "image/webp"};
    for (size_t i = 0; i < 3; i++)
        if (strcmp(known[i], type) == 0)
            return known[i];
    return "application/octet-stream";
}

/* Letters that are safe in a header and as a file's name anywhere. */
static void name_download(dr_answer *a, const char *name)
{
    size_t n = 0;
    for (; *name && n < 100; name++) {
        unsigned char c = (unsigned char)*name;
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        a->download[n++] = plain || strchr("-_. ", c) ? (char)c : '_';
    }
    const char *extension = strcmp(a->type, "image/jpeg") == 0   ? ".jpg"
                            : strcmp(a->type, "image/webp") == 0 ? ".webp"
                                                                 : ".png";
    snprintf(a->download + n, sizeof a->download - n, "%s", n ? extension : "");
}

static dr_status shrink(dr_studio *s, const dr_blob *b, int width, dr_answer *a)
{
    drape_image im, small = {0};
    void *data;
    size_t size;
    int height = (int)((int64_t)b->height * width / b->width);
    bool png = strcmp(b->type, "image/png") == 0;
    dr_status st = dr_studio_read(s, b->id, "the picture", &im);
    if (st)
        return st;
    st = (dr_status)drape_image_resize(&im, width, height > 0 ? height : 1, &small);
    if (!st)
        st = (dr_status)drape_image_encode(&small, png ? ".png" : ".jpg", NULL, &data, &size);
    drape_image_free(&im);
    drape_image_free(&small);
    if (!st)
        *a = (dr_answer){.status = 200, .type = png ? "image/png" : "image/jpeg", .data = data, .size = size};
    return st;
}

void dr_get_image(dr_studio *s, dr_request *r)
{
    char path[4096];
    dr_blob b;
    dr_status st = DR_OK;
    const char *width = dr_request_arg(r, "width"), *download = dr_request_arg(r, "download");
    int w = 0;
    if (!find(s, r, &b))
        return;
    if (width && !dr_query_int(width, 16, 2048, &w)) {
        dr_answer_error(&r->answer, 400, "bad_field", "width", "width is '%.20s', must be 16 to 2048", width);
        return;
    }
    if (download && dr_characters(download) > 100) {
        dr_answer_error(&r->answer, 400, "bad_field", "download", "download has %zu characters, must have 0 to 100",
                        dr_characters(download));
        return;
    }
    if (w > 0 && w < b.width) {
        pthread_mutex_lock(&s->decode);
        st = shrink(s, &b, w, &r->answer);
        pthread_mutex_unlock(&s->decode);
    } else {
        st = dr_store_file(s->store, b.id, path, sizeof path);
        if (!st)
            r->answer = (dr_answer){.status = 200, .type = static_type(b.type), .path = strdup(path)};
        if (!st && !r->answer.path)
            st = dr_fail(DR_ENOMEM, "out of memory");
    }
    if (st) {
        dr_answer_failure(&r->answer, st, NULL);
        return;
    }
    r->answer.for_ever = true;
    snprintf(r->answer.etag, sizeof r->answer.etag, "\"%.24s-%d\"", b.id, w);
    if (download)
        name_download(&r->answer, download);
}
