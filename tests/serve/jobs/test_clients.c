/* Who may change which job, what jobs need of a worker, and the numbers on /metrics. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "serve/jobs/clients.h"
#include "serve/jobs/numbers.h"
#include "serve/jobs/taught.h"

#include <string.h>

#include "serve/scratch.h"

static dr_studio studio;

static int open_studio(void **state)
{
    static const char *const models[] = {DR_SOURCE_DIR "/tests/golden/nano"};
    static dr_studio_options o = {.models = models, .model_count = 1};
    if (scratch_make(state))
        return -1;
    o.data = scratch_dir;
    return (int)dr_studio_open(&studio, &o);
}

static int close_studio(void **state)
{
    dr_studio_close(&studio);
    return scratch_remove(state);
}

static int64_t add(const char *client)
{
    int64_t id;
    json_t *o = json_of("{'type': 'mask'}");
    if (dr_store_add(studio.store, &(dr_new_job){.type = "mask", .settings = o, .search = "", .client = client}, &id))
        fail_msg("%s", dr_error());
    json_decref(o);
    return id;
}

static bool may(const char *name, const char *rights, int64_t job)
{
    dr_request r = {0};
    snprintf(r.who.name, sizeof r.who.name, "%s", name);
    snprintf(r.who.rights, sizeof r.who.rights, "%s", rights);
    bool allowed = dr_client_may(&studio, &r, job);
    assert_int_equal(r.answer.status, allowed ? 0 : 403);
    dr_answer_clear(&r.answer);
    return allowed;
}

static void a_client_changes_no_other_ones_job(void **state)
{
    (void)state;
    int64_t hers = add("anna"), nobodys = add(NULL);
    assert_true(may("anna", "use", hers));
    assert_false(may("bert", "use", hers));
    assert_false(may("bert", "use", nobodys));
    assert_true(may("bert", "admin", hers));
    assert_true(may("", "admin", hers));
    assert_true(may("bert", "use", 999999)); /* that it is not there is for whoever asks for it to say */
}

static void a_token_is_known_by_its_secret_and_forgotten_with_it(void **state)
{
    char secret[64];
    dr_caller who;
    (void)state;
    assert_false(dr_clients_exist(&studio));
    assert_false(dr_client_find(&studio, "anything", &who));
    assert_int_equal(
        dr_store_add_token(studio.store, &(dr_token){.name = "anna", .rights = "use", .priority = 7}, secret), DR_OK);
    dr_clients_look(&studio);
    assert_true(dr_clients_exist(&studio));
    for (int i = 0; i < 2; i++) { /* looked up, and remembered */
        assert_true(dr_client_find(&studio, secret, &who));
        assert_string_equal(who.name, "anna");
        assert_int_equal(who.priority, 7);
    }
    secret[0] = secret[0] == 'x' ? 'y' : 'x';
    assert_false(dr_client_find(&studio, secret, &who));
    assert_int_equal(dr_store_remove_token(studio.store, "anna"), DR_OK);
    dr_clients_look(&studio);
    assert_true(dr_clients_exist(&studio)); /* a server that asked for tokens never opens again */
}

static void check_needs(const char *settings, const char *want)
{
    json_t *o = json_of(settings);
    char *needs = dr_job_needs(&studio, o);
    assert_string_equal(needs, want);
    free(needs);
    json_decref(o);
}

static void a_job_says_what_its_worker_must_have(void **state)
{
    (void)state;
    check_needs("{'type': 'mask'}", "parser\n");
    check_needs("{'type': 'tryon', 'model': 'sd2', 'mask': 'x'}", "model:sd2\n");
    check_needs("{'type': 'tryon', 'model': 'sd2', 'auto': {}, 'lora': 'red'}", "model:sd2\nlora:red\nparser\n");
    check_needs("{'type': 'tryon', 'model': 'sd2', 'garment_photo': 'x'}", "dress:sd2\n");
    check_needs("{'type': 'train', 'model': 'sd2', 'method': 'full'}", "model:sd2\n");
    char *offers = dr_worker_offers(&studio);
    assert_non_null(strstr(offers, "model:nano\n"));
    assert_non_null(strstr(offers, "host:"));
    free(offers);
}

static void times_are_told_apart(void **state)
{
    (void)state;
    assert_int_equal(dr_time_bucket(0), 0);
    assert_int_equal(dr_time_bucket(0.1), 0);
    assert_int_equal(dr_time_bucket(0.2), 1);
    assert_int_equal(dr_time_bucket(1e9), dr_time_bucket(1e8));
    char *text = dr_numbers_text(&studio);
    assert_non_null(strstr(text, "\ndrape_store_up 1\n"));
    assert_non_null(strstr(text, "# TYPE drape_job_seconds histogram\n"));
    assert_non_null(strstr(text, "drape_job_seconds_bucket{kind=\"tryon\",le=\"+Inf\"} 0\n"));
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_client_changes_no_other_ones_job, open_studio, close_studio),
        cmocka_unit_test_setup_teardown(a_token_is_known_by_its_secret_and_forgotten_with_it, open_studio,
                                        close_studio),
        cmocka_unit_test_setup_teardown(a_job_says_what_its_worker_must_have, open_studio, close_studio),
        cmocka_unit_test_setup_teardown(times_are_told_apart, open_studio, close_studio),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
