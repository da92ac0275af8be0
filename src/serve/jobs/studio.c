/* What the server has: store, events, models, adapters. */
#include "serve/jobs/studio.h"

#include "base/path.h"
#include "serve/jobs/models.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool have_parser(const dr_studio_options *o)
{
    drape_parser *p;
    bool have = drape_parser_load(&p, o->parser) == DRAPE_OK;
    drape_parser_free(p);
    return have;
}

/* A folder of models that several machines see says so in a file, whose first word is its name among them. */
static void look_for_shared_models(dr_studio *s)
{
    char path[PATH_MAX], id[65] = "";
    FILE *f = NULL;
    if (s->o->model_folder && !dr_path(path, sizeof path, s->o->model_folder, ".drape-shared"))
        f = fopen(path, "r");
    if (f && fscanf(f, "%64[A-Za-z0-9_-]", id) == 1)
        snprintf(s->shared, sizeof s->shared, "models:%s", id);
    else if (f)
        fprintf(stderr, "drape: '%s' begins with no name of letters and digits: '%s' counts as this machine's own\n",
                path, s->o->model_folder);
    if (f)
        fclose(f);
}

dr_status dr_studio_open(dr_studio *s, const dr_studio_options *o)
{
    *s = (dr_studio){.o = o};
    pthread_mutex_init(&s->mutex, NULL);
    pthread_mutex_init(&s->decode, NULL);
    pthread_mutex_init(&s->turn, NULL);
    pthread_mutex_init(&s->clients_mutex, NULL);
    pthread_cond_init(&s->work, NULL);
    dr_status st = dr_studio_add_models(s);
    if (!st)
        st = dr_events_new(&s->events);
    if (!st)
        st = dr_store_open(&s->store, &(dr_store_options){.url = o->store, .dir = o->data});
    s->parser = !st && have_parser(o);
    if (!st && dr_store_is_shared(s->store))
        look_for_shared_models(s);
    if (st)
        dr_studio_close(s);
    return st;
}

void dr_studio_close(dr_studio *s)
{
    dr_store_close(s->store);
    dr_events_free(s->events);
    dr_studio_drop_models(s);
    free(s->options_model);
    pthread_mutex_destroy(&s->mutex);
    pthread_mutex_destroy(&s->decode);
    pthread_mutex_destroy(&s->turn);
    pthread_mutex_destroy(&s->clients_mutex);
    pthread_cond_destroy(&s->work);
}

void dr_studio_wake(dr_studio *s)
{
    pthread_mutex_lock(&s->mutex);
    s->news = true;
    pthread_cond_signal(&s->work);
    pthread_mutex_unlock(&s->mutex);
}
