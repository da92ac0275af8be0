/* What the server has: store, events, models, adapters. */
#include "serve/jobs/studio.h"

#include "serve/jobs/models.h"

#include <stdio.h>
#include <stdlib.h>

static bool have_parser(const dr_studio_options *o)
{
    drape_parser *p;
    bool have = drape_parser_load(&p, o->parser) == DRAPE_OK;
    drape_parser_free(p);
    return have;
}

dr_status dr_studio_open(dr_studio *s, const dr_studio_options *o)
{
    *s = (dr_studio){.o = o};
    pthread_mutex_init(&s->mutex, NULL);
    pthread_mutex_init(&s->decode, NULL);
    pthread_cond_init(&s->work, NULL);
    dr_status st = dr_studio_add_models(s);
    if (!st)
        st = dr_events_new(&s->events);
    if (!st)
        st = dr_store_open(&s->store, o->data);
    s->parser = !st && have_parser(o);
    if (st)
        dr_studio_close(s);
    return st;
}

void dr_studio_close(dr_studio *s)
{
    dr_store_close(s->store);
    dr_events_free(s->events);
    dr_studio_drop_models(s);
    free(s->live.preview);
    json_decref(s->live.results);
    json_decref(s->live.warnings);
    free(s->options_model);
    pthread_mutex_destroy(&s->mutex);
    pthread_mutex_destroy(&s->decode);
    pthread_cond_destroy(&s->work);
}

void dr_studio_wake(dr_studio *s)
{
    pthread_mutex_lock(&s->mutex);
    pthread_cond_signal(&s->work);
    pthread_mutex_unlock(&s->mutex);
}
