/* Remembering which algorithm is fastest. */
#include "base/file.h"
#include "ops/onednn/tune.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[64];
static int slow_runs, fast_runs;

static dr_status slow(const void *args)
{
    (void)args;
    slow_runs++;
    nanosleep(&(struct timespec){0, 20000000}, NULL);
    return DR_OK;
}

static dr_status fast(const void *args)
{
    (void)args;
    fast_runs++;
    return DR_OK;
}

static dr_status broken(const void *args)
{
    (void)args;
    return dr_fail(DR_EUNSUPPORTED, "not on this machine");
}

static const dr_candidate two[] = {{"slow", slow}, {"fast", fast}};

static char *file_text(void)
{
    char path[4096], *text = NULL;
    size_t size = 0;
    assert_true(dr_tune_path(path, sizeof path));
    return dr_file_read(path, 1 << 20, &text, &size) == DR_OK ? text : NULL;
}

static void write_text(const char *text)
{
    char path[4096];
    assert_true(dr_tune_path(path, sizeof path));
    assert_int_equal(dr_file_write(path, text, strlen(text)), DR_OK);
    dr_tune_reset();
}

static int setup(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/drape-tune-XXXXXX");
    slow_runs = fast_runs = 0;
    return mkdtemp(folder) ? setenv("DRAPE_CACHE_DIR", folder, 1) : -1;
}

static int teardown(void **state)
{
    (void)state;
    char path[4096];
    if (dr_tune_path(path, sizeof path))
        unlink(path);
    dr_tune_reset();
    return rmdir(folder);
}

static void the_fastest_wins_and_stays(void **state)
{
    (void)state;
    assert_int_equal(dr_tune_recall("some shape", two, 2), -1);
    assert_int_equal(dr_tune_measure("some shape", two, 2, NULL), 1);
    assert_true(slow_runs >= 2 && fast_runs >= 2);
    assert_int_equal(dr_tune_recall("some shape", two, 2), 1);
    assert_int_equal(dr_tune_recall("another shape", two, 2), -1);

    int runs = fast_runs;
    assert_int_equal(dr_tune_measure("some shape", two, 2, NULL), 1);
    assert_int_equal(fast_runs, runs);
}

static void the_file_outlives_the_process(void **state)
{
    (void)state;
    dr_tune_measure("some shape", two, 2, NULL);
    dr_tune_measure("another shape", two, 2, NULL);
    dr_tune_reset();
    assert_int_equal(dr_tune_recall("some shape", two, 2), 1);
    assert_int_equal(dr_tune_recall("another shape", two, 2), 1);
    assert_int_equal(dr_tune_recall("a third", two, 2), -1);
}

/* two processes that tune at once keep each other's entries, and the first to write a choice has made it */
static void entries_of_others_are_kept(void **state)
{
    (void)state;
    dr_tune_measure("ours", two, 2, NULL);
    char *text = file_text(), more[1024];
    assert_non_null(text);
    snprintf(more, sizeof more, "%stheirs = slow\n", text);
    free(text);
    char path[4096];
    assert_true(dr_tune_path(path, sizeof path));
    assert_int_equal(dr_file_write(path, more, strlen(more)), DR_OK);
    dr_tune_measure("later", two, 2, NULL);
    dr_tune_reset();
    assert_int_equal(dr_tune_recall("ours", two, 2), 1);
    assert_int_equal(dr_tune_recall("theirs", two, 2), 0);
    assert_int_equal(dr_tune_recall("later", two, 2), 1);
}

static void a_broken_file_is_ignored_and_written_anew(void **state)
{
    (void)state;
    dr_tune_measure("some shape", two, 2, NULL);
    char *good = file_text(), text[4096];
    assert_non_null(good);
    size_t n = strlen(good);

    const char *tails[] = {"no equals sign\n", "= slow\n", "x = \n", "x = y = z\n", "x = slow", "\n"};
    for (size_t i = 0; i < sizeof tails / sizeof *tails; i++) {
        snprintf(text, sizeof text, "%s%s", good, tails[i]);
        write_text(text);
        assert_int_equal(dr_tune_recall("some shape", two, 2), -1);
    }
    memset(text, 'x', 300);
    strcpy(text + 300, " = slow\n");
    write_text(text);
    assert_int_equal(dr_tune_recall("some shape", two, 2), -1);

    snprintf(text, sizeof text, "another %s", good); /* another machine's title */
    write_text(text);
    assert_int_equal(dr_tune_recall("some shape", two, 2), -1);

    assert_int_equal(dr_tune_measure("some shape", two, 2, NULL), 1);
    char *again = file_text();
    assert_non_null(again);
    assert_int_equal(strlen(again), n);
    assert_string_equal(again, good);
    free(good);
    free(again);
}

static void a_choice_unknown_to_this_build_is_measured_again(void **state)
{
    (void)state;
    dr_tune_measure("some shape", two, 2, NULL);
    char *text = file_text(), other[1024];
    assert_non_null(text);
    *strchr(text, '\n') = 0;
    snprintf(other, sizeof other, "%s\nsome shape = quantum\n", text);
    free(text);
    write_text(other);
    assert_int_equal(dr_tune_recall("some shape", two, 2), -1);
    assert_int_equal(dr_tune_measure("some shape", two, 2, NULL), 1);
}

static void a_candidate_that_fails_is_out(void **state)
{
    (void)state;
    const dr_candidate with[] = {{"broken", broken}, {"slow", slow}}, all[] = {{"broken", broken}};
    assert_int_equal(dr_tune_measure("some shape", with, 2, NULL), 1);
    assert_int_equal(dr_tune_measure("hopeless", all, 1, NULL), -1);
    assert_int_equal(dr_tune_recall("hopeless", all, 1), -1);
}

static void a_place_that_cannot_be_written_is_no_failure(void **state)
{
    (void)state;
    setenv("DRAPE_CACHE_DIR", "/proc/nowhere", 1);
    dr_tune_reset();
    assert_int_equal(dr_tune_measure("some shape", two, 2, NULL), 1);
    assert_int_equal(dr_tune_recall("some shape", two, 2), 1);
    assert_string_equal(dr_error(), "");
    dr_tune_reset();
    setenv("DRAPE_CACHE_DIR", folder, 1);
}

static void off_means_off(void **state)
{
    (void)state;
    assert_true(dr_tune_enabled());
    setenv("DRAPE_TUNE", "off", 1);
    assert_false(dr_tune_enabled());
    unsetenv("DRAPE_TUNE");
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(the_fastest_wins_and_stays),
        TEST(the_file_outlives_the_process),
        TEST(entries_of_others_are_kept),
        TEST(a_broken_file_is_ignored_and_written_anew),
        TEST(a_choice_unknown_to_this_build_is_measured_again),
        TEST(a_candidate_that_fails_is_out),
        TEST(a_place_that_cannot_be_written_is_no_failure),
        TEST(off_means_off),
    };
    unsetenv("DRAPE_TUNE");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
