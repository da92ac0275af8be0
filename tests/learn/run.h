/* A run that takes milliseconds, with checkpoints. */
#ifndef TESTS_LEARN_RUN_H
#define TESTS_LEARN_RUN_H

#include "learn/toy.h"

#include "base/json.h"
#include "base/path.h"
#include "learn/checkpoint.h"

/* A run of one training or, with a critic, of two. */
typedef struct run {
    toy toy, critic;
    char folders[4][64];
    dr_checkpoint c;
} run;

/* Sets up without weights: what a checkpoint says about the run is to be seen first. */
__attribute__((unused)) static void begin(run *r, const char *output, bool critic, double rate)
{
    toy_open(&r->toy, "", &r->folders[0]);
    toy_open(&r->critic, "critic", &r->folders[2]);
    r->c = (dr_checkpoint){.output = output,
                           .training = {&r->toy.t, &r->critic.t},
                           .trainings = critic ? 2 : 1,
                           .keep = 2,
                           .format = 1,
                           .run = json_pack("{s:f, s:s}", "rate", rate, "name", "toy"),
                           .own = json_pack("{s:f}", "skill", 0.0)};
}

__attribute__((unused)) static dr_status load(run *r)
{
    dr_status st = DR_OK;
    dr_training_options o = TOY_OPTIONS;
    for (int i = 0; !st && i < r->c.trainings; i++) {
        st = dr_checkpoint_weights(&r->c, r->c.training[i], NULL, 5 + (uint64_t)i);
        if (!st)
            st = dr_training_init(r->c.training[i], &o);
        if (!st)
            st = dr_checkpoint_moments(&r->c, r->c.training[i]);
    }
    return st;
}

__attribute__((unused)) static void end(run *r)
{
    toy_close(&r->toy);
    toy_close(&r->critic);
    dr_checkpoint_clear(&r->c);
}

__attribute__((unused)) static dr_status resume(run *r, const char *output, bool critic)
{
    begin(r, output, critic, 0.5);
    dr_status st = dr_checkpoint_start(&r->c, true);
    return st ? st : load(r);
}

__attribute__((unused)) static void start(run *r, const char *output, bool critic)
{
    begin(r, output, critic, 0.5);
    assert_int_equal(dr_checkpoint_start(&r->c, false), DR_OK);
    assert_int_equal(load(r), DR_OK);
}

/* The critic learns every third step only. */
__attribute__((unused)) static void step(run *r)
{
    toy_step(&r->toy, 1, r->c.step);
    if (r->c.trainings == 2 && r->c.step % 3 == 0)
        toy_step(&r->critic, 2, r->c.step);
    r->c.step++;
    json_object_set_new(r->c.own, "skill", json_real(r->c.step / 8.0));
}

__attribute__((unused)) static void steps(run *r, int until)
{
    while (r->c.step < until)
        step(r);
}

__attribute__((unused)) static void save(run *r)
{
    assert_int_equal(dr_checkpoint_save(&r->c), DR_OK);
}

__attribute__((unused)) static const char *in(const char *output, const char *name)
{
    static char path[4][1024];
    static int next;
    char *p = path[next++ % 4];
    dr_path(p, sizeof path[0], output, name);
    return p;
}

__attribute__((unused)) static void says(const char *words)
{
    if (!strstr(dr_error(), words))
        fail_msg("'%s' is not in '%s'", words, dr_error());
}

__attribute__((unused)) static void edit_state(const char *path, const char *key, json_t *value)
{
    json_t *j;
    assert_int_equal(dr_json_load(path, &j), DR_OK);
    if (value)
        json_object_set_new(j, key, value);
    else
        json_object_del(j, key);
    assert_int_equal(dr_json_save(path, j), DR_OK);
    json_decref(j);
}

#endif
