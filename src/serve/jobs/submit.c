#include "serve/jobs/submit.h"

#include "base/json.h"
#include "serve/jobs/kinds.h"

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

dr_status dr_studio_submit(dr_studio *s, json_t *settings, char *field, int64_t *id)
{
    const dr_kind *kind = dr_kind_of(dr_json_text(settings, "type"));
    DR_ASSERT(kind, "settings without a kind");
    field[0] = 0;
    dr_status st = kind->complete(s, settings, field);
    if (st)
        return st;
    char *search = search_text(settings);
    st = dr_store_add(s->store, kind->name, kind->quick, settings, search ? search : "", id);
    free(search);
    if (st)
        return st;
    dr_studio_say_job(s, *id);
    if (kind->quick) /* it went before others */
        dr_studio_say_queue(s);
    dr_studio_wake(s);
    return DR_OK;
}

dr_status dr_studio_cancel(dr_studio *s, int64_t id)
{
    bool running;
    pthread_mutex_lock(&s->mutex);
    running = s->live.job == id;
    if (running)
        atomic_store(&s->cancel, true);
    pthread_mutex_unlock(&s->mutex);
    if (running)
        return DR_OK;
    dr_status st = dr_store_cancel(s->store, id);
    if (!st)
        dr_studio_ended(s, id);
    return st;
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
        fprintf(stderr, "drape serve: %s\n", dr_error());
    for (int i = 0; i < count; i++)
        dr_studio_say_deleted(s, gone[i]);
    free(gone);
}
