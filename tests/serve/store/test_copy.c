/* From SQLite to PostgreSQL and back; without a server from SQLite to SQLite. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "serve/store/stores.h"

#include <limits.h>
#include <unistd.h>

static dr_store *open_in(const char *name, const char *url)
{
    char dir[PATH_MAX];
    dr_store *s;
    dr_path(dir, sizeof dir, scratch_dir, name);
    if (dr_store_open(&s, &(dr_store_options){.url = url, .dir = dir, .host = "here"}))
        fail_msg("%s", dr_error());
    return s;
}

/* Something of everything. */
static dr_blob fill(dr_store *s, char secret[64])
{
    char settings[200], path[PATH_MAX];
    dr_token t = {.name = "ann", .rights = "use", .priority = 3};
    dr_blob b = put(s, "a picture");
    json_t *line = json_of("{'loss':1}");
    snprintf(settings, sizeof settings, "{'photo':'%s','prompt':'un été'}", b.id);
    int64_t done = add(s, "tryon", settings), adapter = add(s, "train", "{'method':'lora'}"),
            model = add(s, "train", "{'method':'full'}");
    dr_lease l = take(s, done);
    assert_int_equal(dr_store_end(s, &l, &(dr_end){"failed", .status = DR_EIO, .error = "no"}), DR_OK);
    l = take(s, adapter);
    assert_int_equal(dr_store_add_line(s, &l, line), DR_OK);
    assert_int_equal(dr_store_end(s, &l, &(dr_end){"done", .garment = true}), DR_OK);
    l = take(s, model);
    assert_int_equal(dr_store_end(s, &l, &(dr_end){"done", .garment = true}), DR_OK);
    dr_store_train_path(s, adapter, "out", path, sizeof path);
    assert_int_equal(dr_mkdirs(path), DR_OK);
    dr_store_train_path(s, adapter, "out/pytorch_lora_weights.safetensors", path, sizeof path);
    assert_int_equal(dr_file_write(path, "weights", 7), DR_OK);
    dr_store_train_path(s, model, "out/unet", path, sizeof path);
    assert_int_equal(dr_mkdirs(path), DR_OK);
    dr_store_train_path(s, model, "out/unet/w.safetensors", path, sizeof path);
    assert_int_equal(dr_file_write(path, "large weights", 13), DR_OK);
    add_for(s, "ann", 2, "model:sd2\nhost:here");
    add_for(s, "bob", 2, NULL);
    dr_store_set_speed(s, "step|sd2", 1.5);
    assert_int_equal(dr_store_add_token(s, &t, secret), DR_OK);
    assert_int_equal(dr_store_audit(s, "ann", "submit", done, NULL), DR_OK);
    json_decref(line);
    return b;
}

static void check_file(const char *path, const char *want)
{
    char *data;
    size_t n;
    assert_int_equal(dr_file_read(path, 100, &data, &n), DR_OK);
    assert_string_equal(data, want);
    free(data);
}

static void check(dr_store *s, const dr_blob *b, const char *secret)
{
    char path[PATH_MAX];
    dr_job j;
    dr_token t;
    json_t *lines, *audits;
    int64_t last;
    assert_int_equal(dr_store_get(s, 1, &j), DR_OK);
    assert_string_equal(j.state, "failed");
    assert_string_equal(j.error, "no");
    assert_int_equal(j.status, DR_EIO);
    assert_string_equal(json_string_value(json_object_get(j.settings, "prompt")), "un été");
    dr_job_clear(&j);
    assert_int_equal(dr_store_file(s, b->id, path, sizeof path), DR_OK);
    check_file(path, "a picture");
    assert_int_equal(dr_store_get(s, 2, &j), DR_OK);
    assert_int_equal(dr_store_file(s, j.adapter, path, sizeof path), DR_OK);
    check_file(path, "weights");
    dr_job_clear(&j);
    assert_int_equal(dr_store_lines(s, 2, 0, &lines, &last), DR_OK);
    assert_int_equal(json_array_size(lines), 1);
    json_decref(lines);
    assert_int_equal(dr_store_get(s, 3, &j), DR_OK);
    assert_string_equal(j.host, "here");
    dr_job_clear(&j);
    dr_store_train_path(s, 3, "out/unet/w.safetensors", path, sizeof path);
    check_file(path, "large weights");
    check_state(s, 4, "waiting", 0);
    check_state(s, 5, "waiting", 1);
    assert_true(dr_store_speed(s, "step|sd2") == 1.5);
    assert_int_equal(dr_store_token(s, secret, &t), DR_OK);
    assert_string_equal(t.name, "ann");
    assert_int_equal(dr_store_audits(s, 0, 9, &audits), DR_OK);
    assert_int_equal(json_array_size(audits), 1);
    json_decref(audits);
}

static void everything_comes_along_there_and_back(void **state)
{
    (void)state;
    char secret[64];
    dr_copied c;
    dr_store *a = open_in("a", "sqlite:"), *b, *back;
    dr_blob blob = fill(a, secret);
    b = test_url() ? open_in("b", test_url()) : open_in("b", "sqlite:");
    if (dr_store_copy(a, b, &c))
        fail_msg("%s", dr_error());
    assert_int_equal(c.jobs, 5);
    assert_int_equal(c.pictures, 2);
    assert_int_equal(c.bytes, 9 + 7);
    assert_int_equal(c.tokens, 1);
    check(b, &blob, secret);
    assert_int_equal(add_for(b, "", 0, NULL), 6); /* and goes on counting */
    assert_int_equal(claim_as(b, "w", 9, "model:sd2").job, 5);
    SQL(b, "UPDATE jobs SET state='waiting' WHERE id=5", NULL);
    back = open_in("back", "sqlite:");
    if (dr_store_copy(b, back, &c))
        fail_msg("%s", dr_error());
    check(back, &blob, secret);
    dr_store_close(a);
    dr_store_close(b);
    dr_store_close(back);
}

static void a_store_with_jobs_is_not_copied_into(void **state)
{
    (void)state;
    dr_copied c;
    dr_store *a = open_in("a", "sqlite:"), *b = test_url() ? open_in("b", test_url()) : open_in("b", "sqlite:");
    add_for(b, "", 0, NULL);
    assert_int_equal(dr_store_copy(a, b, &c), DR_EINVAL);
    check_state(b, 1, "waiting", 0);
    dr_store_close(a);
    dr_store_close(b);
}

static void jobs_that_run_are_not_copied(void **state)
{
    (void)state;
    dr_copied c;
    dr_store *a = open_in("a", "sqlite:"), *b = test_url() ? open_in("b", test_url()) : open_in("b", "sqlite:");
    take(b, add_for(b, "", 0, NULL));
    assert_int_equal(dr_store_copy(b, a, &c), DR_EINVAL);
    assert_non_null(strstr(dr_error(), "end its workers first"));
    dr_store_close(a);
    dr_store_close(b);
}

static void a_damaged_picture_stops_it_and_nothing_stays(void **state)
{
    (void)state;
    char path[PATH_MAX], secret[64];
    dr_copied c;
    dr_store *a = open_in("a", "sqlite:"), *b = test_url() ? open_in("b", test_url()) : open_in("b", "sqlite:");
    dr_blob blob = fill(a, secret);
    dr_store_blob_path(a, blob.id, path, sizeof path);
    assert_int_equal(dr_file_write(path, "another", 7), DR_OK);
    assert_int_equal(dr_store_copy(a, b, &c), DR_EIO);
    assert_non_null(strstr(dr_error(), "is damaged"));
    static const char *const counts[] = {"SELECT COUNT(*) FROM jobs", "SELECT COUNT(*) FROM images",
                                         "SELECT COUNT(*) FROM tokens"};
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(sql_int(b, counts[i]), 0);
    assert_int_equal(dr_file_write(path, "a picture", 9), DR_OK);
    assert_int_equal(dr_store_copy(a, b, &c), DR_OK);
    check(b, &blob, secret);
    dr_store_close(a);
    dr_store_close(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_A_STORE(everything_comes_along_there_and_back),
        WITH_A_STORE(a_store_with_jobs_is_not_copied_into),
        WITH_A_STORE(jobs_that_run_are_not_copied),
        WITH_A_STORE(a_damaged_picture_stops_it_and_nothing_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
