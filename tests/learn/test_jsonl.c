#include "learn/jsonl.h"

#include <math.h>

#include "train/scratch.h"

static void write_line(dr_jsonl *j, json_t *object)
{
    assert_int_equal(dr_jsonl_write(j, object), DR_OK);
    json_decref(object);
}

static void expect(const char *want)
{
    char *text;
    size_t size;
    assert_int_equal(dr_file_read(scratch("train.jsonl"), 1 << 16, &text, &size), DR_OK);
    assert_string_equal(text, want);
    free(text);
}

static void a_resumed_log_drops_what_comes_again(void **state)
{
    dr_jsonl j;
    (void)state;
    put_text("train.jsonl", "{\"options\":{\"step\":9}}\n{\"step\":1,\"loss\":0.5}\n{\"step\":2,\"loss\":1.0}\n"
                            "{\"step\":3,\"loss\":1.5}\n{\"step\":4,\"lo");
    assert_int_equal(dr_jsonl_open(&j, scratch("train.jsonl"), 2), DR_OK);
    expect("{\"options\":{\"step\":9}}\n{\"step\":1,\"loss\":0.5}\n{\"step\":2,\"loss\":1.0}\n");
    write_line(&j, json_pack("{s:i, s:f}", "step", 3, "loss", 1.5));
    expect("{\"options\":{\"step\":9}}\n{\"step\":1,\"loss\":0.5}\n{\"step\":2,\"loss\":1.0}\n"
           "{\"step\":3,\"loss\":1.5}\n"); /* before it is closed */
    dr_jsonl_close(&j);
    assert_int_equal(dr_jsonl_open(&j, scratch("train.jsonl"), -1), DR_OK);
    expect("");
    dr_jsonl_close(&j);
}

static void what_json_cannot_say_is_null(void **state)
{
    dr_jsonl j;
    (void)state;
    assert_int_equal(dr_jsonl_open(&j, scratch("train.jsonl"), 0), DR_OK);
    write_line(&j, json_pack("{s:o, s:o}", "loss", dr_jsonl_number(NAN), "norm", dr_jsonl_number(0.1)));
    assert_int_equal(dr_jsonl_write(&j, NULL), DR_ENOMEM);
    expect("{\"loss\":null,\"norm\":0.1}\n");
    dr_jsonl_close(&j);
    dr_jsonl_close(&j);
    assert_int_equal(dr_jsonl_open(&j, scratch("nowhere/train.jsonl"), 0), DR_EIO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_resumed_log_drops_what_comes_again, scratch_make, scratch_remove),
        cmocka_unit_test_setup_teardown(what_json_cannot_say_is_null, scratch_make, scratch_remove),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
