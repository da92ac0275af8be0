#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/yaml.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void check_is(const char *yaml, const char *json)
{
    json_t *have, *want;
    if (dr_yaml_parse(yaml, strlen(yaml), "y", &have))
        fail_msg("%s", dr_error());
    want = json_loads(json, 0, NULL);
    assert_non_null(want);
    if (!json_equal(have, want)) {
        char *text = json_dumps(have, JSON_COMPACT);
        fail_msg("%s", text);
    }
    json_decref(have);
    json_decref(want);
}

static void check_refused(const char *yaml, const char *why)
{
    json_t *j;
    assert_int_equal(dr_yaml_parse(yaml, strlen(yaml), "y", &j), DR_EINVAL);
    assert_null(j);
    if (!strstr(dr_error(), why))
        fail_msg("'%s' does not say '%s'", dr_error(), why);
}

static void what_training_configs_have_is_read(void **state)
{
    (void)state;
    check_is("model:\n"
             "  base_learning_rate: 7.5e-05\n"
             "  target: ldm.models.LatentDiffusion # comment: with a colon\n"
             "  params:\n"
             "    linear_start: 0.00085\n"
             "\n"
             "    # a whole line\n"
             "    parameterization: \"v\"\n"
             "    channels: [ 1, 2, 4, 4 ]\n"
             "    empty: []\n"
             "    resolutions:\n"
             "    - 4\n"
             "    - 2\n"
             "    deeper:\n"
             "      - 1.e-6\n"
             "      - 'a # b'\n"
             "    trainable: False\n"
             "    nothing:\n"
             "    null_too: null\n"
             "    path: C:\\models\n",
             "{\"model\": {\"base_learning_rate\": 7.5e-05, \"target\": \"ldm.models.LatentDiffusion\", \"params\": {"
             "\"linear_start\": 0.00085, \"parameterization\": \"v\", \"channels\": [1,2,4,4], \"empty\": [],"
             "\"resolutions\": [4,2], \"deeper\": [1e-6, \"a # b\"], \"trainable\": false, \"nothing\": null,"
             "\"null_too\": null, \"path\": \"C:\\\\models\"}}}");
}

static void lists_may_hold_maps(void **state)
{
    (void)state;
    check_is("---\r\na:\r\n- x: 1\r\n  y: -2\r\n- x: 3\r\n-\r\n  z: 4\r\nb: ~\r\n",
             "{\"a\": [{\"x\": 1, \"y\": -2}, {\"x\": 3}, {\"z\": 4}], \"b\": null}");
}

static void faults_are_told_with_their_line(void **state)
{
    (void)state;
    check_refused("", "empty");
    check_refused("just words\n", "line 1");
    check_refused("- a\n- b\n", "line 1");
    check_refused("a: 1\n   b: 2\n", "line 2");
    check_refused("a:\n  b: 1\n c: 2\n", "line 3");
    check_refused("a: 1\na: 2\n", "twice");
    check_refused("a: [1, 2\n", "line 1");
    check_refused("a: [[1], 2]\n", "line 1");
    check_refused("a: &x 1\n", "line 1");
    check_refused("a: {b: 1}\n", "line 1");
    check_refused("a: \"half\n", "line 1");
    check_refused("a:\n\tb: 1\n", "tab");
    check_refused("<html><body>not found</body></html>", "web page");
}

static void depth_is_bounded(void **state)
{
    (void)state;
    char text[8000];
    size_t at = 0;
    for (int i = 0; i < 80; i++)
        at += (size_t)snprintf(text + at, sizeof text - at, "%*sk:\n", i, "");
    check_refused(text, "too deep");
    at = 0;
    for (int i = 0; i < 2000; i++)
        at += (size_t)snprintf(text + at, sizeof text - at, "- ");
    snprintf(text + at, sizeof text - at, "1\n");
    check_refused(text, "too deep");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_training_configs_have_is_read),
        cmocka_unit_test(lists_may_hold_maps),
        cmocka_unit_test(faults_are_told_with_their_line),
        cmocka_unit_test(depth_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
