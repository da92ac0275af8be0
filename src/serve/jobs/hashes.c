#include "serve/jobs/hashes.h"

#include "serve/jobs/models.h"

#include <glib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { PIECE = 1 << 20 };

struct dr_hasher {
    dr_studio *s;
    pthread_t thread;
    atomic_bool stop;
};

/* What a file is told from its later self by. */
static bool look(const char *path, dr_file_state *out)
{
    struct stat st;
    if (stat(path, &st) != 0 || !S_ISREG(st.st_mode))
        return false;
    *out = (dr_file_state){(int64_t)st.st_size, (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec};
    return true;
}

/* The file's hash; false when it cannot be read, or the end has come. */
static bool compute(dr_hasher *h, const char *path, char out[65])
{
    FILE *f = fopen(path, "rb");
    unsigned char *piece = f ? malloc(PIECE) : NULL;
    GChecksum *sum = g_checksum_new(G_CHECKSUM_SHA256);
    size_t n = 1;
    while (piece && n > 0 && !atomic_load(&h->stop)) {
        n = fread(piece, 1, PIECE, f);
        g_checksum_update(sum, piece, (gssize)n);
    }
    bool whole = piece && n == 0 && !ferror(f);
    snprintf(out, 65, "%s", g_checksum_get_string(sum));
    g_checksum_free(sum);
    free(piece);
    if (f)
        fclose(f);
    return whole;
}

static void *work(void *user)
{
    dr_hasher *h = user;
    dr_studio *s = h->s;
    for (int i = 0; i < s->model_count && !atomic_load(&h->stop); i++) {
        const dr_model *m = &s->model[i];
        char hash[65];
        dr_file_state before, after;
        if (!m->family[0] || dr_model_hash(s, m, hash) || !look(m->dir, &before) || !compute(h, m->dir, hash))
            continue;
        if (!look(m->dir, &after) || before.bytes != after.bytes || before.changed != after.changed)
            continue; /* it was written meanwhile: a later start sees to it */
        dr_model_set_hash(s, i, hash);
        dr_store_set_hash(s->store, m->dir, &before, hash);
    }
    return NULL;
}

dr_status dr_hasher_start(dr_hasher **out, dr_studio *s)
{
    dr_hasher *h = *out = calloc(1, sizeof *h);
    if (!h)
        return dr_fail(DR_ENOMEM, "out of memory");
    h->s = s;
    for (int i = 0; i < s->model_count; i++) {
        char hash[65];
        dr_file_state now;
        if (s->model[i].family[0] && look(s->model[i].dir, &now) &&
            dr_store_hash(s->store, s->model[i].dir, &now, hash))
            dr_model_set_hash(s, i, hash);
    }
    if (pthread_create(&h->thread, NULL, work, h) == 0)
        return DR_OK;
    free(h);
    *out = NULL;
    return dr_fail(DR_ENOMEM, "cannot start a thread");
}

void dr_hasher_stop(dr_hasher *h)
{
    if (!h)
        return;
    atomic_store(&h->stop, true);
    pthread_join(h->thread, NULL);
    free(h);
}
