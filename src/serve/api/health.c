/* For whoever watches the server: whether it is well, and numbers. */
#include "serve/api/api.h"
#include "serve/jobs/numbers.h"

#include <string.h>

void dr_get_health(dr_studio *s, dr_request *r)
{
    dr_status st = dr_store_health(s->store);
    r->answer = (dr_answer){.status = st ? 503 : 200,
                            .type = "text/plain; charset=utf-8",
                            .bytes = st ? "the database does not answer\n" : "ok\n"};
    r->answer.size = strlen(r->answer.bytes);
}

void dr_get_numbers(dr_studio *s, dr_request *r)
{
    char *text = dr_numbers_text(s);
    if (!text) {
        dr_answer_error(&r->answer, 503, "no_memory", NULL, "out of memory");
        return;
    }
    r->answer = (dr_answer){
        .status = 200, .type = "text/plain; version=0.0.4; charset=utf-8", .data = text, .size = strlen(text)};
}
