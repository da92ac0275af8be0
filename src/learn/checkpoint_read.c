/* Going on from a checkpoint. */
#include "learn/checkpoint.h"

#include "base/path.h"
#include "pipeline/folder.h"

#include <limits.h>
#include <stdlib.h>

/* As short as it may be: 0.0008 and not 0.00080000000000000004. */
static char *text_of(const json_t *v)
{
    return json_dumps(v, JSON_ENCODE_ANY | JSON_COMPACT | JSON_REAL_PRECISION(12));
}

/* Resumed with other values it would be another run. */
dr_status dr_checkpoint_compare(const dr_checkpoint *c, const json_t *was, const json_t *now)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)now, key, value) /* which changes nothing */
    {
        const json_t *before = json_object_get(was, key);
        if (json_equal(value, before))
            continue;
        char *a = text_of(before), *b = text_of(value);
        dr_status st = dr_fail(DR_EINVAL, "cannot resume from '%s': it was made with %s = %.200s, this run has %.200s",
                               c->at, key, a ? a : "nothing", b ? b : "nothing");
        free(a);
        free(b);
        return st;
    }
    return DR_OK;
}

/* Files without "updates" are of a time when every step updated all. */
static dr_status read_updates(dr_checkpoint *c, const json_t *j, const char *path)
{
    const json_t *all = json_object_get(j, "updates");
    for (int i = 0; i < DR_CHECKPOINT_TRAININGS; i++) {
        const json_t *n = json_array_get(all, (size_t)i);
        c->updates[i] = n ? json_integer_value(n) : all ? 0 : c->step;
        if ((n && !json_is_integer(n)) || c->updates[i] < 0 || c->updates[i] > INT_MAX)
            return dr_fail(DR_EINVAL, "'%s': \"updates\" has no number of updates of optimizer %d", path, i + 1);
    }
    if (all && json_array_size(all) < (size_t)c->trainings)
        return dr_fail(DR_EINVAL, "'%s': \"updates\" is of %zu optimizers, expected %d", path, json_array_size(all),
                       c->trainings);
    return DR_OK;
}

static dr_status read_state(dr_checkpoint *c, const json_t *j, const char *path)
{
    int64_t step = 0;
    json_t *own = json_object_get(j, "own");
    if (!json_object_get(j, "step") || (own && !json_is_object(own)))
        return dr_fail(DR_EINVAL, "'%s' has no \"step\", or its \"own\" is no object", path);
    dr_status st = dr_json_int(j, path, "step", 0, 0, INT_MAX, &step);
    c->step = c->at_step = (int)step;
    if (!st)
        st = read_updates(c, j, path);
    if (st || !own)
        return st;
    json_decref(c->own);
    c->own = json_incref(own);
    return DR_OK;
}

static dr_status load_state(const dr_checkpoint *c, json_t **j, char *path, int64_t *format)
{
    dr_status st = dr_path(path, PATH_MAX, c->at, "state.json");
    if (!st)
        st = dr_json_load(path, j);
    return st ? st : dr_json_int(*j, path, "format", 1, 0, INT_MAX, format);
}

dr_status dr_checkpoint_read(dr_checkpoint *c)
{
    char path[PATH_MAX];
    int64_t format = 1;
    json_t *j = NULL;
    dr_status st = dr_checkpoint_blame(c, load_state(c, &j, path, &format));
    if (!st && format != c->format)
        st = dr_fail(
            DR_EINVAL,
            "cannot resume from '%s': a drape that trains differently wrote it (its format is %lld, expected %d); "
            "go on with that version, or start anew in another folder",
            c->at, (long long)format, c->format);
    if (!st)
        st = dr_checkpoint_compare(c, json_object_get(j, "run"), c->run);
    if (!st)
        st = dr_checkpoint_blame(c, read_state(c, j, path));
    json_decref(j);
    return st;
}

dr_status dr_checkpoint_weights(const dr_checkpoint *c, dr_training *t, const char *init, uint64_t seed)
{
    if (c->at[0])
        return dr_checkpoint_blame(c, dr_training_weights(t, c->at, seed));
    return dr_training_weights(t, init, seed);
}

dr_status dr_checkpoint_moments(const dr_checkpoint *c, dr_training *t)
{
    int i = 0;
    while (i < c->trainings && c->training[i] != t)
        i++;
    DR_ASSERT(i < c->trainings, "a training of another checkpoint than '%s'", c->at);
    return c->at[0] ? dr_checkpoint_blame(c, dr_training_load_moments(t, c->at, c->updates[i])) : DR_OK;
}

dr_status dr_checkpoint_start(dr_checkpoint *c, bool resume)
{
    dr_checkpoint_sweep(c->output, NULL);
    dr_status st = dr_checkpoint_find(c, "latest");
    if (resume)
        return st ? st : dr_checkpoint_read(c);
    if (st)
        return st == DR_ENOENT ? DR_OK : st;
    st = dr_fail(DR_EINVAL, "'%s' is there already: add --resume to go on from it, or choose another output folder",
                 c->at);
    c->at[0] = 0;
    return st;
}
