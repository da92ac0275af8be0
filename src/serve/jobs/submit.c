#include "serve/jobs/submit.h"

#include "base/json.h"
#include "serve/jobs/clients.h"
#include "serve/jobs/kinds.h"
#include "serve/jobs/taught.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The words by which a job is found. */
static char *search_text(const json_t *settings)
{
    static const char *const keys[] = {"prompt", "negative_prompt", "name", "model", "category", "method", "scheduler"};
    char *text = NULL;
    size_t size;
    FILE *f = open_memstream(&text, &size);
    if (!f)
        return NULL;
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        const char *v = dr_json_text(settings, keys[i]);
        fprintf(f, "%s ", v ? v : "");
    }
    fprintf(f, "%lld", (long long)dr_json_whole(settings, "seed"));
    return fclose(f) == 0 ? text : NULL;
}

/* Nobody comes before others by more than his token says. */
static dr_status check_priority(const dr_request *r, const json_t *settings, char *field)
{
    int64_t priority = dr_json_whole(settings, "priority");
    if (priority <= r->who.priority)
        return DR_OK;
    snprintf(field, DR_FIELD_PATH, "priority");
    return dr_fail(DR_EINVAL, "priority is %lld, must be at most %d with this token", (long long)priority,
                   r->who.priority);
}

dr_status dr_studio_submit(dr_studio *s, const dr_request *r, json_t *settings, char *field, int64_t *id)
{
    const dr_kind *kind = dr_kind_of(dr_json_text(settings, "type"));
    DR_ASSERT(kind, "settings without a kind");
    field[0] = 0;
    dr_status st = check_priority(r, settings, field);
    if (!st)
        st = kind->complete(s, settings, field);
    if (st)
        return st;
    char *search = search_text(settings), *needs = dr_job_needs(s, settings);
    const dr_new_job new = {.type = kind->name,
                            .quick = kind->quick,
                            .settings = settings,
                            .search = search ? search : "",
                            .client = r->who.name[0] ? r->who.name : NULL,
                            .priority = (int)dr_json_whole(settings, "priority"),
                            .needs = needs};
    st = needs ? dr_store_add(s->store, &new, id) : dr_fail(DR_ENOMEM, "out of memory");
    free(search);
    free(needs);
    if (!st)
        dr_studio_note(s, r, "submit", *id);
    return st;
}

dr_status dr_studio_cancel(dr_studio *s, int64_t id)
{
    bool running;
    return dr_store_cancel(s->store, id, &running);
}

int64_t dr_studio_running(dr_studio *s, const char *type, const char *client)
{
    const dr_job_filter f = {.types = type, .states = "running", .client = client[0] ? client : NULL, .limit = 1};
    dr_job *jobs;
    int n;
    bool more;
    if (dr_store_list(s->store, &f, &jobs, &n, &more))
        return 0;
    int64_t id = n > 0 ? jobs[0].id : 0;
    dr_jobs_free(jobs, n);
    return id;
}

bool dr_studio_is_over(dr_studio *s, int64_t id)
{
    dr_job j;
    bool open =
        dr_store_get(s->store, id, &j) == DR_OK && (strcmp(j.state, "waiting") == 0 || strcmp(j.state, "running") == 0);
    dr_job_clear(&j);
    return !open;
}

void dr_studio_sweep(dr_studio *s)
{
    int64_t *gone;
    int count;
    if (dr_store_sweep(s->store, &s->o->keep, &gone, &count))
        fprintf(stderr, "drape: %s\n", dr_error());
    free(gone);
}
