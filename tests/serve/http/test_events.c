/* Events: who hears what, and what happens to those who fall behind. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "serve/http/events.h"

#include <stdlib.h>
#include <string.h>

#include "serve/scratch.h"

typedef struct sleeper {
    int pauses, wakes;
} sleeper;

static void on_pause(void *user)
{
    ((sleeper *)user)->pauses++;
}

static void on_wake(void *user)
{
    ((sleeper *)user)->wakes++;
}

static void say(dr_events *e, const char *name, int64_t job, bool only, int value)
{
    json_t *o = json_pack("{s:i}", "n", value);
    dr_events_say(e, name, job, only, o);
    json_decref(o);
}

/* All that there is to read, in pieces of 7 bytes. malloc'ed. */
static char *read_all(dr_stream *l)
{
    char piece[8], *text = calloc(1, 1 << 20);
    ssize_t n;
    assert_non_null(text);
    while ((n = dr_stream_read(l, piece, 7, on_pause)) > 0)
        strncat(text, piece, (size_t)n);
    return text;
}

static void check(dr_stream *l, const char *has, const char *has_not)
{
    char *text = read_all(l);
    if (has && !strstr(text, has))
        fail_msg("'%s' is not in:\n%s", has, text);
    if (has_not && strstr(text, has_not))
        fail_msg("'%s' is in:\n%s", has_not, text);
    free(text);
}

static void everybody_hears_what_concerns_him(void **state)
{
    dr_events *e;
    sleeper s = {0};
    (void)state;
    assert_int_equal(dr_events_new(&e), DR_OK);
    dr_stream *all = dr_stream_new(e, 0, NULL, strdup("hello\n\n"), on_wake, &s);
    dr_stream *one = dr_stream_new(e, 5, NULL, NULL, on_wake, &s);
    check(all, "hello", NULL);
    check(one, NULL, "hello");
    assert_int_equal(s.pauses, 2);
    say(e, "job", 4, false, 1);
    say(e, "job", 5, false, 2);
    say(e, "loss", 5, true, 3);
    say(e, "garments", 0, false, 4);
    assert_int_equal(s.wakes, 2); /* once each, until they read again */
    check(all, "event: job\ndata: {\"n\":2}\n\n", "loss");
    check(one, "event: loss\ndata: {\"n\":3}\n\n", "{\"n\":1}");
    say(e, "garments", 0, false, 5);
    check(one, "garments", NULL);
    dr_stream_free(all);
    dr_stream_free(one);
    dr_events_free(e);
}

static char *first_id(const char *text, char out[64])
{
    sscanf(strstr(text, "id: "), "id: %63s", out);
    return out;
}

static void a_listener_that_comes_back_hears_what_it_missed(void **state)
{
    char id[64];
    dr_events *e;
    sleeper s = {0};
    (void)state;
    assert_int_equal(dr_events_new(&e), DR_OK);
    dr_stream *l = dr_stream_new(e, 0, NULL, NULL, on_wake, &s);
    say(e, "job", 1, false, 1);
    char *text = read_all(l);
    first_id(text, id);
    dr_stream_free(l);
    say(e, "job", 1, false, 2);
    l = dr_stream_new(e, 0, id, strdup("all anew\n\n"), on_wake, &s);
    check(l, "{\"n\":2}", "all anew");
    dr_stream_free(l);
    static const char *const unknown[] = {"1-1", "x", "", "99999999999999-99999999", "-", "18446744073709551615-1"};
    for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++) {
        l = dr_stream_new(e, 0, unknown[i], strdup("all anew\n\n"), on_wake, &s);
        check(l, "all anew", "{\"n\":2}");
        dr_stream_free(l);
    }
    free(text);
    dr_events_free(e);
}

static void one_that_falls_behind_is_told_to_begin_anew(void **state)
{
    char piece[8];
    dr_events *e;
    sleeper s = {0};
    (void)state;
    assert_int_equal(dr_events_new(&e), DR_OK);
    dr_stream *l = dr_stream_new(e, 0, NULL, NULL, on_wake, &s);
    dr_stream *within = dr_stream_new(e, 0, NULL, NULL, on_wake, &s);
    say(e, "job", 1, false, 0);
    assert_int_equal(dr_stream_read(within, piece, 7, on_pause), 7);
    for (int i = 1; i < 3000; i++)
        say(e, "job", 1, false, i);
    assert_int_equal(dr_stream_read(within, piece, 7, on_pause), -1); /* half an event is no event */
    check(l, "event: sync", "{\"n\":2999}");
    say(e, "job", 1, false, 3000);
    check(l, "{\"n\":3000}", NULL);
    dr_events_stop(e);
    assert_int_equal(dr_stream_read(l, piece, 7, on_pause), -1);
    dr_stream_free(l);
    dr_stream_free(within);
    dr_events_free(e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everybody_hears_what_concerns_him),
        cmocka_unit_test(a_listener_that_comes_back_hears_what_it_missed),
        cmocka_unit_test(one_that_falls_behind_is_told_to_begin_anew),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
