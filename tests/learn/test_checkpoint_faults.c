#include "base/path.h"
#include "learn/run.h"

#include <unistd.h>

static void another_run_is_refused_with_both_values(void **state)
{
    (void)state;
    char output[512];
    run r;
    snprintf(output, sizeof output, "%s", scratch("differs"));
    start(&r, output, false);
    steps(&r, 1);
    save(&r);
    end(&r);
    begin(&r, output, false, 0.0008);
    assert_int_equal(dr_checkpoint_start(&r.c, true), DR_EINVAL);
    says("made with rate = 0.5, this run has 0.0008");
    end(&r);
    begin(&r, output, false, 0.5);
    json_object_set_new(r.c.run, "photos", json_pack("[s]", "a.jpg"));
    assert_int_equal(dr_checkpoint_start(&r.c, true), DR_EINVAL);
    says("made with photos = nothing, this run has [\"a.jpg\"]");
    end(&r);
    begin(&r, output, false, 0.5);
    r.c.format = 3;
    assert_int_equal(dr_checkpoint_start(&r.c, true), DR_EINVAL);
    says("its format is 1, expected 3");
    end(&r);
}

static void damage(const char *file, size_t keep)
{
    char *data;
    size_t size;
    assert_int_equal(dr_file_read(file, 1 << 20, &data, &size), DR_OK);
    assert_int_equal(dr_file_write(file, data, keep < size ? keep : size), DR_OK);
    free(data);
}

static void a_damaged_newest_is_refused_and_the_one_before_named(void **state)
{
    (void)state;
    static const char *const files[] = {"state.json", "first/model.safetensors", "critic/second/model.safetensors",
                                        "optimizer.safetensors", "critic/ema.safetensors"};
    char output[512], command[1200];
    run r;
    snprintf(output, sizeof output, "%s", scratch("damaged"));
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        for (int cut = 0; cut < 3; cut++) {
            snprintf(command, sizeof command, "rm -rf '%s'", output);
            assert_int_equal(system(command), 0);
            start(&r, output, true);
            for (int n = 1; n <= 2; n++) {
                steps(&r, n);
                save(&r);
            }
            end(&r);
            char file[1100];
            dr_path(file, sizeof file, in(output, "checkpoint-2"), files[i]);
            if (cut == 2)
                assert_int_equal(unlink(file), 0);
            else
                damage(file, cut ? 20 : 0);
            assert_int_not_equal(resume(&r, output, true), DR_OK);
            says("cannot resume from '");
            says("damaged/checkpoint-2'");
            says(strrchr(files[i], '/') && cut == 2 ? ""
                 : strrchr(files[i], '/')           ? strrchr(files[i], '/') + 1
                                                    : files[i]);
            says("remove that folder to go on from '");
            says("damaged/checkpoint-1'");
            end(&r);
            snprintf(command, sizeof command, "rm -r '%s/checkpoint-2'", output);
            assert_int_equal(system(command), 0);
            assert_int_equal(resume(&r, output, true), DR_OK);
            assert_int_equal(r.c.step, 1);
            end(&r);
        }
}

static void a_damaged_only_one_is_refused(void **state)
{
    (void)state;
    char output[512];
    run r;
    snprintf(output, sizeof output, "%s", scratch("only"));
    start(&r, output, false);
    steps(&r, 1);
    save(&r);
    end(&r);
    damage(in(output, "checkpoint-1/ema.safetensors"), 10);
    assert_int_equal(resume(&r, output, false), DR_EINVAL);
    says("cannot resume from '");
    assert_null(strstr(dr_error(), "remove that folder"));
    end(&r);
}

/* state.json is whoever's: nothing in it may be believed. */
static void a_state_that_cannot_be_is_refused(void **state)
{
    (void)state;
    const struct {
        const char *key;
        json_t *value;
    } bad[] = {{"step", NULL},
               {"step", json_integer(-1)},
               {"step", json_integer(1LL << 40)},
               {"step", json_string("1")},
               {"own", json_integer(3)},
               {"format", json_string("new")},
               {"updates", json_array()},
               {"updates", json_integer(3)},
               {"updates", json_pack("[i]", -2)},
               {"run", json_array()},
               {"run", NULL}};
    char output[512];
    run r;
    snprintf(output, sizeof output, "%s", scratch("untrue"));
    start(&r, output, false);
    steps(&r, 1);
    save(&r);
    end(&r);
    char *text;
    size_t size;
    assert_int_equal(dr_file_read(in(output, "checkpoint-1/state.json"), 1 << 20, &text, &size), DR_OK);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(dr_file_write(in(output, "checkpoint-1/state.json"), text, size), DR_OK);
        edit_state(in(output, "checkpoint-1/state.json"), bad[i].key, bad[i].value);
        assert_int_equal(resume(&r, output, false), DR_EINVAL);
        says("cannot resume from '");
        end(&r);
    }
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(another_run_is_refused_with_both_values),
        cmocka_unit_test(a_damaged_newest_is_refused_and_the_one_before_named),
        cmocka_unit_test(a_damaged_only_one_is_refused),
        cmocka_unit_test(a_state_that_cannot_be_is_refused),
    };
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
