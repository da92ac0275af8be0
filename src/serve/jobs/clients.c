#include "serve/jobs/clients.h"

#include "base/progress.h"

#include <glib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Seconds that an answer of the store is believed. */
#define KNOWN_SECONDS 5
#define AWAY_SECONDS 60

bool dr_clients_exist(void *studio)
{
    dr_studio *s = studio;
    return atomic_load(&s->has_clients);
}

void dr_clients_look(dr_studio *s)
{
    dr_token *tokens;
    int n;
    if (atomic_load(&s->has_clients) || dr_store_tokens(s->store, &tokens, &n))
        return;
    atomic_store(&s->has_clients, n > 0);
    free(tokens);
}

/* The token's place, or the one that has been looked up the longest time ago. The mutex is held. */
static dr_known_client *place_of(dr_studio *s, const char *hash)
{
    dr_known_client *oldest = &s->client[0];
    for (int i = 0; i < DR_KNOWN_CLIENTS; i++) {
        if (strcmp(s->client[i].hash, hash) == 0)
            return &s->client[i];
        if (s->client[i].until < oldest->until)
            oldest = &s->client[i];
    }
    return oldest;
}

static void look_up(dr_studio *s, const char *token, dr_known_client *c)
{
    dr_token t;
    dr_store_patience(0);
    dr_status st = dr_store_token(s->store, token, &t);
    dr_store_patience(5);
    c->until = dr_now() + (st && st != DR_ENOENT ? 1 : KNOWN_SECONDS);
    if (st && st != DR_ENOENT) /* away: what was known before counts for a while */
        return;
    c->known = !st;
    c->who = (dr_caller){.priority = st ? 0 : t.priority};
    if (!st) {
        snprintf(c->who.name, sizeof c->who.name, "%s", t.name);
        snprintf(c->who.rights, sizeof c->who.rights, "%s", t.rights);
    }
}

bool dr_client_find(void *studio, const char *token, dr_caller *who)
{
    dr_studio *s = studio;
    if (!atomic_load(&s->has_clients) || strlen(token) > 150)
        return false;
    char *hash = g_compute_checksum_for_string(G_CHECKSUM_SHA256, token, -1);
    pthread_mutex_lock(&s->clients_mutex);
    dr_known_client c = *place_of(s, hash);
    pthread_mutex_unlock(&s->clients_mutex);
    double now = dr_now();
    bool mine = strcmp(c.hash, hash) == 0;
    if (!mine || now > c.until + AWAY_SECONDS)
        c = (dr_known_client){0};
    if (now > c.until) {
        look_up(s, token, &c);
        snprintf(c.hash, sizeof c.hash, "%s", hash);
        pthread_mutex_lock(&s->clients_mutex);
        *place_of(s, hash) = c;
        pthread_mutex_unlock(&s->clients_mutex);
    }
    g_free(hash);
    *who = c.who;
    return c.known;
}

bool dr_client_may(dr_studio *s, dr_request *r, int64_t id)
{
    dr_job j;
    if (strcmp(r->who.rights, "admin") == 0)
        return true;
    if (dr_store_get(s->store, id, &j)) /* what is not there is told by whoever asks for it */
        return true;
    bool mine = strcmp(j.client, r->who.name) == 0;
    dr_job_clear(&j);
    if (!mine)
        dr_answer_error(&r->answer, 403, "not_yours", NULL, "job %lld is another client's", (long long)id);
    return mine;
}

void dr_studio_note(dr_studio *s, const dr_request *r, const char *what, int64_t job)
{
    if (dr_store_audit(s->store, r->who.name, what, job, r->client))
        fprintf(stderr, "drape serve: %s of job %lld by '%s' (%s) is not written down: %s\n", what, (long long)job,
                r->who.name, r->client, dr_error());
}
