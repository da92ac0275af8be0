#include "base/path.h"
#include "learn/run.h"

#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define STEPS 20 /* of the run that is killed */

/* --- going on --------------------------------------------------------------------------------------- */

static void a_resumed_run_goes_on_bit_for_bit(void **state)
{
    (void)state;
    char output[512];
    run whole, halves;
    snprintf(output, sizeof output, "%s", scratch("halves"));
    start(&whole, scratch("whole"), false);
    steps(&whole, 8);
    start(&halves, output, false);
    steps(&halves, 5);
    save(&halves);
    end(&halves);
    assert_int_equal(resume(&halves, output, false), DR_OK);
    assert_int_equal(halves.c.step, 5);
    assert_true(json_real_value(json_object_get(halves.c.own, "skill")) == 5 / 8.0);
    steps(&halves, 8);
    toy_same(&whole.toy, &halves.toy);
    end(&whole);
    end(&halves);
}

static void two_sets_of_parameters_keep_together(void **state)
{
    (void)state;
    char output[512];
    run whole, halves;
    snprintf(output, sizeof output, "%s", scratch("pair"));
    start(&whole, scratch("pair-whole"), true);
    steps(&whole, 9);
    start(&halves, output, true);
    steps(&halves, 5);
    save(&halves);
    end(&halves);
    assert_true(dr_exists(in(output, "checkpoint-5/first/model.safetensors")));
    assert_true(dr_exists(in(output, "checkpoint-5/critic/first/model.safetensors")));
    assert_true(dr_exists(in(output, "checkpoint-5/critic/optimizer.safetensors")));
    assert_int_equal(resume(&halves, output, true), DR_OK);
    assert_int_equal(halves.critic.t.adamw.step, 2); /* steps 0 and 3 */
    steps(&halves, 9);
    toy_same(&whole.toy, &halves.toy);
    toy_same(&whole.critic, &halves.critic);
    assert_int_equal(halves.critic.t.adamw.step, 3);
    end(&whole);
    end(&halves);
}

static void checkpoints_of_before_have_no_format_and_count_updates_by_steps(void **state)
{
    (void)state;
    char output[512];
    run r, again;
    snprintf(output, sizeof output, "%s", scratch("before"));
    start(&r, output, false);
    steps(&r, 4);
    save(&r);
    for (const char *const *key = (const char *[]){"format", "updates", "own", "written_by", NULL}; *key; key++)
        edit_state(in(output, "checkpoint-4/state.json"), *key, NULL);
    assert_int_equal(resume(&again, output, false), DR_OK);
    toy_same(&r.toy, &again.toy);
    end(&r);
    end(&again);
}

static void to_start_anew_over_checkpoints_is_refused(void **state)
{
    (void)state;
    char output[512];
    run r;
    snprintf(output, sizeof output, "%s", scratch("there"));
    start(&r, output, false);
    steps(&r, 1);
    save(&r);
    end(&r);
    begin(&r, output, false, 0.5);
    assert_int_equal(dr_checkpoint_start(&r.c, false), DR_EINVAL);
    says("checkpoint-1' is there already: add --resume");
    end(&r);
    assert_int_equal(resume(&r, scratch("nothing"), false), DR_ENOENT);
    says("no checkpoint in");
    end(&r);
}

static void a_checkpoint_is_found_by_name_and_by_path(void **state)
{
    (void)state;
    char output[512], path[600];
    run r, other;
    snprintf(output, sizeof output, "%s", scratch("named"));
    start(&r, output, false);
    for (int n = 9; n <= 10; n++) { /* 10 is later than 9, whatever their names' order */
        steps(&r, n);
        save(&r);
    }
    dr_mkdirs(in(output, "checkpoint-x"));
    dr_mkdirs(in(output, "checkpoint-11.old"));
    assert_int_equal(dr_checkpoint_find(&r.c, "latest"), DR_OK);
    assert_string_equal(r.c.at, in(output, "checkpoint-10"));
    assert_int_equal(dr_checkpoint_find(&r.c, "checkpoint-9"), DR_OK);
    assert_string_equal(r.c.at, in(output, "checkpoint-9"));
    dr_path(path, sizeof path, output, "checkpoint-9");
    begin(&other, scratch("elsewhere"), false, 0.5);
    assert_int_equal(dr_checkpoint_find(&other.c, path), DR_OK);
    assert_int_equal(dr_checkpoint_read(&other.c), DR_OK);
    assert_int_equal(load(&other), DR_OK);
    save(&other); /* of the same step, but not in this run's folder */
    assert_true(dr_exists(scratch("elsewhere/checkpoint-9/state.json")));
    assert_int_equal(dr_checkpoint_find(&other.c, "checkpoint-3"), DR_ENOENT);
    says("no checkpoint 'checkpoint-3', neither in");
    assert_string_equal(other.c.at, "");
    end(&other);
    end(&r);
}

/* --- complete or absent ----------------------------------------------------------------------------- */

static void the_oldest_go_beyond_the_limit(void **state)
{
    (void)state;
    char output[512];
    run r;
    snprintf(output, sizeof output, "%s", scratch("limit"));
    start(&r, output, false);
    for (int n = 1; n <= 4; n++) {
        steps(&r, n);
        save(&r);
    }
    assert_false(dr_exists(in(output, "checkpoint-1")));
    assert_false(dr_exists(in(output, "checkpoint-2")));
    assert_true(dr_exists(in(output, "checkpoint-3")));
    assert_true(dr_exists(in(output, "checkpoint-4")));
    r.c.keep = 0;
    steps(&r, 5);
    save(&r);
    assert_true(dr_exists(in(output, "checkpoint-3")));
    end(&r);
}

static void the_same_step_is_not_written_again(void **state)
{
    (void)state;
    char output[512];
    struct stat a, b;
    run r;
    snprintf(output, sizeof output, "%s", scratch("once"));
    start(&r, output, false);
    steps(&r, 2);
    save(&r);
    assert_int_equal(stat(in(output, "checkpoint-2"), &a), 0);
    save(&r);
    end(&r);
    assert_int_equal(resume(&r, output, false), DR_OK);
    save(&r);
    assert_int_equal(stat(in(output, "checkpoint-2"), &b), 0);
    assert_int_equal(a.st_ino, b.st_ino);
    end(&r);
}

/* Resumed from an earlier one, the run comes by a checkpoint of the course that was left. */
static void a_course_that_was_left_is_replaced(void **state)
{
    (void)state;
    char output[512];
    run r;
    snprintf(output, sizeof output, "%s", scratch("left"));
    start(&r, output, false);
    for (int n = 1; n <= 2; n++) {
        steps(&r, n);
        save(&r);
    }
    end(&r);
    put_text("left/checkpoint-2/mark", "of the other course");
    begin(&r, output, false, 0.5);
    assert_int_equal(dr_checkpoint_find(&r.c, "checkpoint-1"), DR_OK);
    assert_int_equal(dr_checkpoint_read(&r.c), DR_OK);
    assert_int_equal(load(&r), DR_OK);
    steps(&r, 2);
    save(&r);
    assert_false(dr_exists(scratch("left/checkpoint-2/mark")));
    assert_true(dr_exists(in(output, "checkpoint-2/state.json")));
    end(&r);
}

static void what_cannot_be_written_leaves_nothing(void **state)
{
    (void)state;
    char output[512];
    run r;
    snprintf(output, sizeof output, "%s", scratch("full"));
    start(&r, output, false);
    steps(&r, 1);
    save(&r);
    steps(&r, 2);
    dr_f32(r.toy.w1)[0] = 1e30f * 1e30f; /* weights beyond numbers are not saved: a failure half way */
    assert_int_equal(dr_checkpoint_save(&r.c), DR_EINVAL);
    says("cannot write checkpoint");
    assert_false(dr_exists(in(output, "checkpoint-2")));
    assert_true(dr_exists(in(output, "checkpoint-1/state.json")));
    char command[600];
    snprintf(command, sizeof command, "test -z \"$(find '%s' -name '*.tmp-*')\"", output);
    assert_int_equal(system(command), 0);
    end(&r);
}

static void what_a_kill_left_is_swept_and_nothing_else(void **state)
{
    (void)state;
    const char *const gone[] = {"checkpoint-3.tmp-abcdef", "checkpoint-2.tmp-REMOVE", "result.tmp-abcdef"};
    const char *const kept[] = {"checkpoint-3",       "checkpoint-3.tmp-", "other.tmp-abcdef",
                                "results.tmp-abcdef", "my.tmp-abcdef",     "result.tmp-abcdefg"};
    for (size_t i = 0; i < sizeof gone / sizeof *gone; i++) {
        char name[64];
        snprintf(name, sizeof name, "swept/%s/file", gone[i]);
        dr_mkdirs(in(scratch("swept"), gone[i]));
        put_text(name, "");
    }
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
        dr_mkdirs(in(scratch("swept"), kept[i]));
    dr_checkpoint_sweep(scratch("swept"), (const char *[]){"result", NULL});
    for (size_t i = 0; i < sizeof gone / sizeof *gone; i++)
        assert_false(dr_exists(in(scratch("swept"), gone[i])));
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
        assert_true(dr_exists(in(scratch("swept"), kept[i])));
}

/* --- killed ----------------------------------------------------------------------------------------- */

/* What the killed process does: steps with a checkpoint after each, as far as it gets. */
static int be_killed(const char *output)
{
    run r;
    bool old = dr_exists(in(output, "begun"));
    begin(&r, output, true, 0.5);
    dr_status st = dr_checkpoint_start(&r.c, old);
    if (st == DR_ENOENT && old) { /* killed before the first one */
        end(&r);
        begin(&r, output, true, 0.5);
        st = dr_checkpoint_start(&r.c, false);
    }
    dr_file_write(in(output, "begun"), "", 0);
    if (!st)
        st = load(&r);
    while (!st && r.c.step < STEPS) {
        step(&r);
        st = dr_checkpoint_save(&r.c);
    }
    end(&r);
    if (st)
        fprintf(stderr, "%s\n", dr_error());
    return st ? 1 : 0;
}

static int newest(const char *output)
{
    dr_checkpoint c = {.output = output};
    return dr_checkpoint_find(&c, "latest") ? 0 : atoi(strrchr(c.at, '-') + 1);
}

static void a_kill_at_any_moment_loses_no_step_that_was_safe(void **state)
{
    (void)state;
    char output[512];
    run r, whole;
    int killed = 0;
    snprintf(output, sizeof output, "%s", scratch("killed"));
    dr_mkdirs(output);
    srand(7);
    for (int status = 1, before = 0; status != 0; before = newest(output)) {
        pid_t pid = fork();
        if (pid == 0) {
            execl("/proc/self/exe", "test_checkpoint", output, (char *)NULL);
            _exit(127);
        }
        pid_t ended = 0;
        while (newest(output) <= before && (ended = waitpid(pid, &status, WNOHANG)) == 0)
            nanosleep(&(struct timespec){0, 1000000}, NULL);
        if (!ended) {
            nanosleep(&(struct timespec){0, rand() % 10 * 1000000L}, NULL);
            kill(pid, SIGKILL);
            waitpid(pid, &status, 0);
        }
        assert_true(WIFSIGNALED(status) || WEXITSTATUS(status) == 0);
        assert_true(newest(output) > before || status == 0);
        killed += WIFSIGNALED(status);
    }
    printf("killed %d times\n", killed);
    assert_int_equal(resume(&r, output, true), DR_OK);
    start(&whole, scratch("not-killed"), true);
    steps(&whole, STEPS);
    assert_int_equal(r.c.step, STEPS);
    toy_same(&whole.toy, &r.toy);
    toy_same(&whole.critic, &r.critic);
    end(&r);
    end(&whole);
}

int main(int argc, char **argv)
{
    if (argc == 2)
        return be_killed(argv[1]);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_resumed_run_goes_on_bit_for_bit),
        cmocka_unit_test(two_sets_of_parameters_keep_together),
        cmocka_unit_test(checkpoints_of_before_have_no_format_and_count_updates_by_steps),
        cmocka_unit_test(to_start_anew_over_checkpoints_is_refused),
        cmocka_unit_test(a_checkpoint_is_found_by_name_and_by_path),
        cmocka_unit_test(the_oldest_go_beyond_the_limit),
        cmocka_unit_test(the_same_step_is_not_written_again),
        cmocka_unit_test(a_course_that_was_left_is_replaced),
        cmocka_unit_test(what_cannot_be_written_leaves_nothing),
        cmocka_unit_test(what_a_kill_left_is_swept_and_nothing_else),
        cmocka_unit_test(a_kill_at_any_moment_loses_no_step_that_was_safe),
    };
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
