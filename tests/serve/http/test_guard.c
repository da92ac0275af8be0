/* Who may ask, how much at once, and forms. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "serve/http/guard.h"
#include "serve/http/limits.h"
#include "serve/http/multipart.h"

#include <string.h>

static dr_caller nobody;

static dr_verdict ask(const char *token, const char *host, const char *origin, const char *site,
                      const char *authorization, const char *cookie)
{
    dr_guard g = {"studio.local", 7860, token};
    dr_credentials c = {host, origin, site, NULL, authorization, cookie};
    return dr_guard_check(&g, &c, "POST", &nobody);
}

static void only_our_own_names_are_answered(void **state)
{
    static const char *const ours[] = {"127.0.0.1:7860", "localhost:7860", "LOCALHOST",
                                       "[::1]:7860",     "127.8.8.8:7860", "studio.local:7860"};
    static const char *const others[] = {NULL,
                                         "",
                                         ":7860",
                                         "evil.example",
                                         "evil.example:7860",
                                         "127.0.0.1:80",
                                         "[::1",
                                         "127.0.0.1.evil.example",
                                         "localhost.evil.example",
                                         "127.0.0.1:7860x",
                                         "[::2]:7860",
                                         "10.0.0.1:7860"};
    (void)state;
    for (size_t i = 0; i < sizeof ours / sizeof *ours; i++)
        assert_int_equal(ask(NULL, ours[i], NULL, NULL, NULL, NULL), DR_ALLOWED);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        assert_int_equal(ask(NULL, others[i], NULL, NULL, NULL, NULL), DR_WRONG_HOST);
}

static dr_verdict ask_listed(const char *list, const char *token, const char *host, const char *origin)
{
    dr_guard g = {"studio.local", 7860, token, list};
    dr_credentials c = {host, origin, "cross-site", "cors"};
    return dr_guard_check(&g, &c, "POST", &nobody);
}

static void pages_of_listed_sites_may_ask(void **state)
{
    static const char host[] = "127.0.0.1:7860", list[] = "http://a.example, https://b.example:3000";
    (void)state;
    assert_int_equal(ask_listed(list, NULL, host, "http://a.example"), DR_ALLOWED);
    assert_int_equal(ask_listed(list, NULL, host, "https://B.example:3000"), DR_ALLOWED);
    assert_int_equal(ask_listed("*", NULL, host, "http://c.example"), DR_ALLOWED);
    assert_int_equal(ask_listed("*", NULL, host, "null"), DR_ALLOWED);
    assert_int_equal(ask_listed(list, "secret-token", host, "http://a.example"), DR_WRONG_TOKEN);
    assert_int_equal(ask_listed(list, NULL, "a.example:7860", "http://a.example"), DR_WRONG_HOST);
    assert_int_equal(ask_listed("*", NULL, host, NULL), DR_WRONG_ORIGIN); /* a picture in a page, say */
    static const char *const others[] = {"null",
                                         "",
                                         "http://a.example:80",
                                         "https://a.example",
                                         "http://a.exampl",
                                         "http://b.example:3000",
                                         "http://a.example.evil.example",
                                         ","};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        assert_int_equal(ask_listed(list, NULL, host, others[i]), DR_WRONG_ORIGIN);
    assert_int_equal(ask_listed(NULL, NULL, host, "http://a.example"), DR_WRONG_ORIGIN);
}

static void a_list_of_origins_has_no_paths(void **state)
{
    static const char *const good[] = {"*", "http://localhost:3000", "http://a, https://[::1]:5",
                                       "moz-extension://a-b"};
    static const char *const bad[] = {"",           ",",   "localhost:3000", "http://", "http://a/",
                                      "http://a/b", "a b", "http://a;"};
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        assert_true(dr_are_origins(good[i]));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (dr_are_origins(bad[i]))
            fail_msg("'%s'", bad[i]);
}

static void only_our_own_pages_may_ask(void **state)
{
    static const char host[] = "127.0.0.1:7860";
    (void)state;
    assert_int_equal(ask(NULL, host, "http://127.0.0.1:7860", "same-origin", NULL, NULL), DR_ALLOWED);
    static const char *const others[] = {"null",
                                         "",
                                         "http://evil.example",
                                         "http://127.0.0.1",
                                         "http://127.0.0.1:78600",
                                         "http://evil.example/127.0.0.1:7860"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        assert_int_equal(ask(NULL, host, others[i], NULL, NULL, NULL), DR_WRONG_ORIGIN);
    assert_int_equal(ask(NULL, host, NULL, "cross-site", NULL, NULL), DR_WRONG_ORIGIN);
    assert_int_equal(ask(NULL, host, NULL, "same-site", NULL, NULL), DR_WRONG_ORIGIN);
    assert_int_equal(ask("secret-1", host, "http://evil.example", NULL, "Bearer secret-1", NULL), DR_WRONG_ORIGIN);
}

static void the_token_is_taken_in_three_forms_and_nothing_near_it(void **state)
{
    static const char token[] = "secret-1";
    (void)state;
    assert_int_equal(ask(token, "any", NULL, NULL, "Bearer secret-1", NULL), DR_ALLOWED);
    assert_int_equal(ask(token, "any", NULL, NULL, "Basic dXNlcjpzZWNyZXQtMQ==", NULL), DR_ALLOWED);
    assert_int_equal(ask(token, "any", NULL, NULL, NULL, "drape_token=secret-1"), DR_ALLOWED);
    assert_int_equal(ask(token, "any", NULL, NULL, NULL, "a=b; drape_token=secret-1; c=d"), DR_ALLOWED);
    static const char *const wrong[] = {
        NULL,     "Bearer secret-",     "Bearer secret-11", "Bearer ",        "secret-1",
        "Basic ", "Basic c2VjcmV0LTE=", "Basic ????",       "Bearer secret-2"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_int_equal(ask(token, "any", NULL, NULL, wrong[i], NULL), DR_WRONG_TOKEN);
    assert_int_equal(ask(token, "any", NULL, NULL, NULL, "xdrape_token=secret-1"), DR_WRONG_TOKEN);
    assert_int_equal(ask(token, "any", NULL, NULL, NULL, "drape_token="), DR_WRONG_TOKEN);
}

static bool there_are_clients = true;

static bool have_clients(void *user)
{
    (void)user;
    return there_are_clients;
}

static bool is_annas(void *user, const char *token, dr_caller *who)
{
    (void)user;
    if (strcmp(token, "of-anna") != 0)
        return false;
    *who = (dr_caller){.name = "anna", .rights = "use", .priority = 3};
    return true;
}

static dr_verdict ask_as(const char *own, const char *authorization, const char *cookie, dr_caller *who)
{
    dr_guard g = {.host = "studio.local", .port = 7860, .token = own, .has_clients = have_clients, .client = is_annas};
    dr_credentials c = {.host = "any", .authorization = authorization, .cookie = cookie};
    return dr_guard_check(&g, &c, "GET", who);
}

static void a_clients_token_says_who_asks(void **state)
{
    dr_caller who;
    (void)state;
    assert_int_equal(ask_as(NULL, "Bearer of-anna", NULL, &who), DR_ALLOWED);
    assert_string_equal(who.name, "anna");
    assert_string_equal(who.rights, "use");
    assert_int_equal(who.priority, 3);
    assert_int_equal(ask_as(NULL, NULL, "drape_token=of-anna", &who), DR_ALLOWED);
    assert_string_equal(who.name, "anna");
    assert_int_equal(ask_as("secret-1", "Bearer secret-1", NULL, &who), DR_ALLOWED);
    assert_string_equal(who.name, "");
    assert_string_equal(who.rights, "admin");
    assert_int_equal(ask_as(NULL, NULL, NULL, &who), DR_WRONG_TOKEN);
    assert_int_equal(ask_as(NULL, "Bearer of-bert", NULL, &who), DR_WRONG_TOKEN);
    there_are_clients = false; /* then it is as without: names of this machine alone */
    assert_int_equal(ask_as(NULL, NULL, NULL, &who), DR_WRONG_HOST);
    there_are_clients = true;
}

static void a_list_has_whole_entries(void **state)
{
    (void)state;
    assert_true(dr_list_has("10.0.0.1, 10.0.0.2", "10.0.0.2"));
    assert_true(dr_list_has("FE80::1", "fe80::1"));
    assert_false(dr_list_has("10.0.0.12", "10.0.0.1"));
    assert_false(dr_list_has("10.0.0.1", "10.0.0.12"));
    assert_false(dr_list_has("", "10.0.0.1"));
    assert_false(dr_list_has(NULL, "10.0.0.1"));
}

static void one_client_leaves_room_for_others(void **state)
{
    static dr_limits l;
    (void)state;
    dr_limits_init(&l, 1000);
    for (int i = 0; i < DR_LIMIT_POSTS; i++)
        assert_true(dr_limits_enter(&l, "10.0.0.1", DR_LIMIT_POST, 100));
    assert_false(dr_limits_enter(&l, "10.0.0.1", DR_LIMIT_POST, 100));
    assert_true(dr_limits_enter(&l, "10.0.0.2", DR_LIMIT_POST, 100));
    assert_true(dr_limits_enter(&l, "10.0.0.1", DR_LIMIT_STREAM, 100));
    dr_limits_leave(&l, "10.0.0.1", DR_LIMIT_POST);
    assert_true(dr_limits_enter(&l, "10.0.0.1", DR_LIMIT_POST, 100));
}

static void a_minute_has_so_many_requests(void **state)
{
    static dr_limits l;
    int taken = 0;
    (void)state;
    dr_limits_init(&l, 1000);
    for (int i = 0; i < DR_LIMIT_POSTS_A_MINUTE + 5; i++) {
        bool ok = dr_limits_enter(&l, "10.0.0.1", DR_LIMIT_POST, 200);
        taken += ok;
        if (ok)
            dr_limits_leave(&l, "10.0.0.1", DR_LIMIT_POST);
    }
    assert_int_equal(taken, DR_LIMIT_POSTS_A_MINUTE);
    assert_true(dr_limits_enter(&l, "10.0.0.1", DR_LIMIT_POST, 261));
}

static void wrong_tokens_are_counted_for_a_minute(void **state)
{
    static dr_limits l;
    (void)state;
    dr_limits_init(&l, 1000);
    for (int i = 0; i < DR_LIMIT_FAILURES_A_MINUTE; i++) {
        assert_false(dr_limits_failed(&l, "10.0.0.1", 100));
        dr_limits_fail(&l, "10.0.0.1", 100);
    }
    assert_true(dr_limits_failed(&l, "10.0.0.1", 100));
    assert_false(dr_limits_failed(&l, "10.0.0.2", 100));
    assert_false(dr_limits_failed(&l, "10.0.0.1", 161));
}

static void bodies_have_one_bound_together(void **state)
{
    static dr_limits l;
    (void)state;
    dr_limits_init(&l, 1000);
    assert_true(dr_limits_take(&l, 600));
    assert_false(dr_limits_take(&l, 500));
    assert_true(dr_limits_take(&l, 400));
    dr_limits_give(&l, 600);
    assert_true(dr_limits_take(&l, 500));
    assert_false(dr_limits_take(&l, (size_t)-1));
}

/* --- forms --------------------------------------------------------------------------------------- */

static void check_form(const char *type, const char *body, const char *want)
{
    const char *file;
    size_t n;
    dr_status st = dr_multipart_file(type, body, strlen(body), &file, &n);
    assert_int_equal(st, want ? DR_OK : DR_EINVAL);
    if (want) {
        assert_int_equal(n, strlen(want));
        assert_memory_equal(file, want, n);
    }
}

static void the_file_of_a_form_is_found(void **state)
{
    static const char type[] = "multipart/form-data; boundary=XX";
    (void)state;
    check_form(type, "--XX\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\nDATA\r\n--XX--\r\n",
               "DATA");
    check_form(type, "--XX\r\nX: y\r\n\r\nfirst\r\n--XX\r\nX: filename=b\r\n\r\nsecond\r\n--XX--", "second");
    check_form(type, "--XX\r\nX: y\r\n\r\nfirst\r\n--XX--", "first");
    check_form("multipart/form-data; boundary=\"X X\"", "--X X\r\na: b\r\n\r\nDATA\r\n--X X--", "DATA");
    check_form(type, "--XX\r\nX: filename=b\r\n\r\n\r\n--XX--", "");
    check_form(type, "--XX\r\nX: filename=b\r\n\r\nDATA", NULL);
    check_form(type, "--XX\r\nX: filename=b\r\n", NULL);
    check_form(type, "--XX--", NULL);
    check_form(type, "", NULL);
    check_form("multipart/form-data", "--XX\r\nX: y\r\n\r\nfirst\r\n--XX--", NULL);
    check_form("multipart/form-data; boundary=", "--XX", NULL);
    assert_true(dr_is_multipart(type));
    assert_false(dr_is_multipart("image/png"));
    assert_false(dr_is_multipart(NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_our_own_names_are_answered),
        cmocka_unit_test(only_our_own_pages_may_ask),
        cmocka_unit_test(pages_of_listed_sites_may_ask),
        cmocka_unit_test(a_list_of_origins_has_no_paths),
        cmocka_unit_test(the_token_is_taken_in_three_forms_and_nothing_near_it),
        cmocka_unit_test(a_clients_token_says_who_asks),
        cmocka_unit_test(a_list_has_whole_entries),
        cmocka_unit_test(one_client_leaves_room_for_others),
        cmocka_unit_test(a_minute_has_so_many_requests),
        cmocka_unit_test(wrong_tokens_are_counted_for_a_minute),
        cmocka_unit_test(bodies_have_one_bound_together),
        cmocka_unit_test(the_file_of_a_form_is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
