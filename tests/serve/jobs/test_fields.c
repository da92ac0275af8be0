/* JSON bodies against tables. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "drape.h"
#include "serve/jobs/fields.h"
#include "serve/jobs/kinds.h"
#include "serve/jobs/settings.h"
#include "serve/store/ids.h"

#include <string.h>

#include "serve/scratch.h"

#define ID "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static const dr_field inner[] = {{"x", DR_FIELD_INT, NULL, 1, 9}, {"word", DR_FIELD_STRING, "\"none\"", 0, 5}, {NULL}};
static const dr_field table[] = {
    {"n", DR_FIELD_INT, "7", 1, 10},
    {"v", DR_FIELD_NUMBER, "1.5", 0, 2, .above = true},
    {"b", DR_FIELD_BOOL, "true"},
    {"c", DR_FIELD_CHOICE, "\"up\"", .choices = "up|down"},
    {"image", DR_FIELD_IMAGE, "null"},
    {"id", DR_FIELD_ID, "null"},
    {"o", DR_FIELD_OBJECT, "null", .of = inner},
    {"l", DR_FIELD_LIST, "[]", 0, 3, .of = inner},
    {"m", DR_FIELD_INT, "0", 0, 64, .multiple = 8},
    {NULL},
};

static dr_status try(const char *text, json_t **out, char *field)
{
    json_t *in = json_of(text);
    field[0] = 0;
    dr_status st = dr_fields_read(table, in, out, field);
    json_decref(in);
    return st;
}

static void refused(const char *text, const char *at, const char *why)
{
    char field[DR_FIELD_PATH];
    json_t *out;
    assert_int_equal(try(text, &out, field), DR_EINVAL);
    assert_null(out);
    assert_string_equal(field, at);
    if (!strstr(dr_error(), why))
        fail_msg("'%s' does not say '%s'", dr_error(), why);
}

static void what_is_left_out_has_its_default(void **state)
{
    char field[DR_FIELD_PATH];
    json_t *out, *want = json_of("{'n':7,'v':1.5,'b':true,'c':'up','image':null,'id':null,'o':null,'l':[],'m':0}");
    (void)state;
    assert_int_equal(try("{}", &out, field), DR_OK);
    assert_true(json_equal(out, want));
    json_decref(out);
    assert_int_equal(try("{'n':null,'l':null}", &out, field), DR_OK);
    assert_true(json_equal(out, want));
    json_decref(out);
    json_decref(want);
}

static void values_within_bounds_are_taken(void **state)
{
    char field[DR_FIELD_PATH];
    json_t *out,
        *want = json_of("{'n':10,'v':2,'b':false,'c':'down','image':'" ID "','id':'17','o':{'x':9,'word':'abcde'},"
                        "'l':[{'x':1,'word':'none'}],'m':56}");
    (void)state;
    assert_int_equal(try("{'n':10.0,'v':2,'b':false,'c':'down','image':'" ID "','id':'17','o':{'x':9,'word':'abcde'},"
                         "'l':[{'x':1}],'m':56}",
                         &out, field),
                     DR_OK);
    assert_true(json_equal(out, want));
    assert_string_equal(field, "");
    json_decref(out);
    json_decref(want);
}

static void faults_are_named_with_their_path(void **state)
{
    (void)state;
    refused("{'n':0}", "n", "n is 0, must be 1 to 10");
    refused("{'n':11}", "n", "11");
    refused("{'n':1.5}", "n", "whole number");
    refused("{'n':'1'}", "n", "whole number");
    refused("{'n':1e300}", "n", "must be");
    refused("{'v':0}", "v", "above 0");
    refused("{'v':true}", "v", "number");
    refused("{'b':1}", "b", "true or false");
    refused("{'c':'sideways'}", "c", "up|down");
    refused("{'c':'u'}", "c", "up|down");
    refused("{'c':'up|down'}", "c", "up|down");
    refused("{'image':'../../etc/passwd'}", "image", "64 hexadecimal");
    refused("{'image':'" ID "0'}", "image", "64 hexadecimal");
    refused("{'id':'-1'}", "id", "number as a string");
    refused("{'id':'0'}", "id", "number as a string");
    refused("{'id':'07'}", "id", "number as a string");
    refused("{'m':12}", "m", "multiple of 8");
    refused("{'o':{'x':1,'word':'\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9'}}", "o.word", "6 characters");
    refused("{'id':'9999999999999999999'}", "id", "number as a string");
    refused("{'o':{}}", "o.x", "missing");
    refused("{'o':[]}", "o", "object");
    refused("{'l':[{'x':1},{'x':2},{'x':3},{'x':4}]}", "l", "4 entries");
    refused("{'l':[{'x':1},{'x':20}]}", "l[1].x", "20");
    refused("{'l':[{'x':1},7]}", "l[1]", "object");
    refused("{'other':1}", "other", "no field 'other'");
    refused("[]", "", "object");
}

static void lengths_are_counted_in_characters(void **state)
{
    char field[DR_FIELD_PATH];
    json_t *out;
    (void)state;
    assert_int_equal(try("{'o':{'x':1,'word':'\u00e9\u20ac\u00e9\u00e9\u00e9'}}", &out, field), DR_OK);
    json_decref(out);
    assert_int_equal(dr_characters("a\xc3\xa9\xe2\x82\xac"), 3);
}

static void numbers_of_a_query_are_whole_and_nothing_else(void **state)
{
    int v = 0;
    (void)state;
    assert_true(dr_query_int("200", 1, 200, &v));
    assert_int_equal(v, 200);
    assert_true(dr_query_int("-3", -5, 5, &v));
    static const char *const wrong[] = {"", "-", "5x", "x", " 5", "5.0", "1e2", "201", "0", "99999999999999999999"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        if (dr_query_int(wrong[i], 1, 200, &v))
            fail_msg("'%s'", wrong[i]);
}

static void names_of_files_never_pass_as_pictures(void **state)
{
    (void)state;
    assert_true(dr_is_image_id(ID));
    assert_false(dr_is_image_id(NULL));
    assert_false(dr_is_image_id(""));
    assert_false(dr_is_image_id("../" ID));
    assert_false(dr_is_image_id(ID "/"));
    assert_false(dr_is_image_id("0123456789ABCDEF0123456789abcdef0123456789abcdef0123456789abcdef"));
    assert_int_equal(dr_job_number("17"), 17);
    assert_int_equal(dr_job_number("17x"), 0);
    assert_int_equal(dr_job_number(""), 0);
}

static void every_default_of_a_job_is_within_its_own_bounds(void **state)
{
    static const char *const minimal[] = {"{'type':'tryon','photo':'" ID "'}", "{'type':'mask','photo':'" ID "'}",
                                          "{'type':'train','name':'x','photos':[{'photo':'" ID "','mask':'" ID "'}]}"};
    static const char *const types[] = {"tryon", "mask", "train"};
    (void)state;
    for (int i = 0; i < 3; i++) {
        char field[DR_FIELD_PATH] = "";
        json_t *in = json_of(minimal[i]), *once, *twice;
        assert_int_equal(dr_fields_read(dr_kind_of(types[i])->fields, in, &once, field), DR_OK);
        assert_int_equal(dr_fields_read(dr_kind_of(types[i])->fields, once, &twice, field), DR_OK);
        assert_true(json_equal(once, twice));
        json_decref(in);
        json_decref(once);
        json_decref(twice);
    }
    assert_null(dr_kind_of("other"));
    assert_null(dr_kind_of(NULL));
    char names[64];
    dr_kind_names(names, sizeof names);
    assert_string_equal(names, "tryon|mask|train");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_left_out_has_its_default),
        cmocka_unit_test(values_within_bounds_are_taken),
        cmocka_unit_test(faults_are_named_with_their_path),
        cmocka_unit_test(lengths_are_counted_in_characters),
        cmocka_unit_test(numbers_of_a_query_are_whole_and_nothing_else),
        cmocka_unit_test(names_of_files_never_pass_as_pictures),
        cmocka_unit_test(every_default_of_a_job_is_within_its_own_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
