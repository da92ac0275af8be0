/* Ranks that train together must see the same: or each would learn something else, or in other numbers. */
#include "train/trainer_state.h"

#include "base/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One thing that is compared. */
typedef struct fact {
    char what[64], value[192], advice[224];
} fact;

/* --- what is in files and in memory --------------------------------------------------------------------- */

static uint64_t mix(uint64_t hash, const void *data, size_t n)
{
    const unsigned char *p = data;
    uint64_t word;
    for (; n >= sizeof word; p += sizeof word, n -= sizeof word) {
        memcpy(&word, p, sizeof word);
        hash = (hash ^ word) * 0x9e3779b97f4a7c15U;
        hash ^= hash >> 29;
    }
    word = n;
    memcpy(&word, p, n); /* the length shows in the upper bytes, or in the last */
    hash = (hash ^ word ^ (uint64_t)n << 56) * 0xbf58476d1ce4e5b9U;
    return hash ^ hash >> 32;
}

static dr_status mix_file(uint64_t *hash, const char *path)
{
    char *data;
    size_t size;
    if (!path)
        return DR_OK;
    dr_status st = dr_file_read(path, (size_t)1 << 30, &data, &size);
    if (st)
        return st;
    *hash = mix(*hash, data, size);
    free(data);
    return DR_OK;
}

static dr_status mix_dataset(uint64_t *hash, const dr_dataset *d)
{
    dr_status st = DR_OK;
    for (int i = 0; !st && i < d->count; i++) {
        const dr_example *e = &d->example[i];
        if (e->prompt)
            *hash = mix(*hash, e->prompt, strlen(e->prompt));
        st = mix_file(hash, e->image);
        if (!st)
            st = mix_file(hash, e->mask);
        if (!st)
            st = mix_file(hash, e->garment);
    }
    return st;
}

/* Values are read by rows alone; those in a file's mapping may be read so, too. */
static uint64_t mix_params(uint64_t hash, const dr_params *p)
{
    static const size_t piece = (size_t)1 << 20;
    char *host = malloc(piece);
    for (const dr_param *q = p->first; host && q; q = q->next) {
        size_t size = q->t.data && !q->t.yielded ? dr_nbytes(&q->t) : 0;
        for (size_t at = 0; at < size; at += piece) {
            size_t n = size - at < piece ? size - at : piece;
            dr_ops_get()->get(host, (const char *)q->t.data + at, n);
            hash = mix(hash, host, n);
        }
    }
    free(host);
    return hash;
}

/* --- comparing ------------------------------------------------------------------------------------------ */

/* The first one that differs from rank 0's. */
static dr_status compare(dr_trainer *t, const fact *mine, size_t n)
{
    fact *first = calloc(n, sizeof *first);
    if (!first)
        return dr_fail(DR_ENOMEM, "out of memory");
    memcpy(first, mine, n * sizeof *first);
    dr_status st = dr_ranks_broadcast(t->ranks, 0, first, n * sizeof *first);
    for (size_t i = 0; !st && i < n; i++)
        if (strcmp(first[i].value, mine[i].value) != 0)
            st = dr_fail(DR_EINVAL, "ranks must have the same %s: rank 0 has %s, rank %d has %s; %s", mine[i].what,
                         first[i].value, dr_ranks_rank(t->ranks), mine[i].value, mine[i].advice);
    free(first);
    return st ? st : dr_ranks_barrier(t->ranks); /* where the others hear of it */
}

static void tell_hash(fact *f, const char *before, uint64_t hash)
{
    snprintf(f->value, sizeof f->value, "%s%016llx", before, (unsigned long long)hash);
}

/* What a step depends on and what a run that goes on may change. */
static dr_status options_of(const dr_trainer *t, char *out, size_t n)
{
    const drape_train_options *o = t->o;
    json_t *j = dr_trainer_fingerprint(t);
    char *text = j ? json_dumps(j, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
    json_decref(j);
    if (!text)
        return dr_fail(DR_ENOMEM, "out of memory");
    uint64_t hash = mix(1, text, strlen(text));
    free(text);
    snprintf(out, n, "seed %llu, %d photos a step, rate %g, %s, %s, wire %s, steps %d, epochs %d, of hash %016llx",
             (unsigned long long)o->seed, o->train_batch_size, o->learning_rate, o->lr_scheduler, o->mixed_precision,
             o->gradient_wire, o->max_train_steps, o->num_train_epochs, (unsigned long long)hash);
    return DR_OK;
}

dr_status dr_trainer_compare_ranks(dr_trainer *t)
{
    enum { VERSION, ISA, BACKEND, PHOTOS, OPTIONS, FACTS };
    fact f[FACTS] = {
        [VERSION] = {.what = "version of drape", .advice = "install the same one on all machines"},
        [ISA] = {.what = "instruction set",
                 .advice = "pin what all CPUs have with DRAPE_ISA=avx2 (or base) in the environment of all ranks"},
        [BACKEND] = {.what = "way to compute", .advice = "give all ranks the same DRAPE_BACKEND, and the same oneDNN"},
        [PHOTOS] = {.what = "photos, masks and captions", .advice = "copy the same folders to all machines"},
        [OPTIONS] = {.what = "options", .advice = "start all ranks with the same command"},
    };
    dr_backend backend[3];
    uint64_t hash = 1;
    if (!t->ranks)
        return DR_OK;
    dr_status st = mix_dataset(&hash, &t->instances);
    if (!st)
        st = mix_dataset(&hash, &t->holdout.photos);
    if (!st)
        st = options_of(t, f[OPTIONS].value, sizeof f[OPTIONS].value);
    if (st)
        return st;
    int n = dr_ops_backends(backend);
    snprintf(f[VERSION].value, sizeof f[VERSION].value, "%s", DRAPE_VERSION);
    snprintf(f[ISA].value, sizeof f[ISA].value, "%s", dr_ops_cpu().isa);
    snprintf(f[BACKEND].value, sizeof f[BACKEND].value, "%s %s", backend[n - 1].name,
             n == 3 ? backend[n - 1].what : "");
    char count[64];
    snprintf(count, sizeof count, "%d of hash ", t->instances.count);
    tell_hash(&f[PHOTOS], count, hash);
    return compare(t, f, FACTS);
}

dr_status dr_trainer_compare_weights(dr_trainer *t)
{
    fact f[] = {{.what = "model", .advice = "copy the same one to all machines"},
                {.what = "checkpoint", .advice = "all ranks read it: put the output folder where all machines see it"},
                {.what = "class images", .advice = "put --class_data_dir where all machines see it"}};
    uint64_t hash = 1, classes = 1;
    if (!t->ranks)
        return DR_OK;
    dr_status st = mix_dataset(&classes, &t->classes);
    hash = mix_params(hash, &t->unet.params);
    if (t->text.loaded)
        hash = mix_params(hash, &t->text.params);
    tell_hash(&f[0], "one of hash ", hash);
    snprintf(f[1].value, sizeof f[1].value, t->checkpoint.at[0] ? "that of step %d" : "none", t->checkpoint.step);
    tell_hash(&f[2], "those of hash ", classes);
    return st ? st : compare(t, f, sizeof f / sizeof *f);
}
