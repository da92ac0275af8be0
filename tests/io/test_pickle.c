#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "io/pickle.h"
#include "io/torch_bytes.h"

#include <stdio.h>
#include <sys/resource.h>

/* A host that takes note of what it is asked for and gives an empty thing. */
static int calls;
static char named[64];

static dr_status name(void *self, dr_pickle *p, const dr_pk *module, const dr_pk *text, dr_pk *out)
{
    (void)self;
    (void)p;
    snprintf(named, sizeof named, "%.*s %.*s", (int)module->n, module->s, (int)text->n, text->s);
    *out = (dr_pk){.kind = DR_PK_NAME};
    return DR_OK;
}

static dr_status call(void *self, dr_pickle *p, const dr_pk *f, const dr_pk *args, bool as_object, dr_pk *out)
{
    (void)self;
    (void)p;
    (void)as_object;
    assert_int_equal(f->kind, DR_PK_NAME);
    assert_int_equal(args->kind, DR_PK_TUPLE);
    calls++;
    *out = (dr_pk){.kind = DR_PK_OBJECT};
    return DR_OK;
}

static dr_status build(void *self, dr_pickle *p, dr_pk *object, const dr_pk *state)
{
    (void)self;
    (void)state;
    return object->kind == DR_PK_OBJECT ? DR_OK : dr_fail(DR_EINVAL, "'%s' has no state", p->path);
}

static dr_status persistent(void *self, dr_pickle *p, const dr_pk *id, dr_pk *out)
{
    (void)self;
    (void)p;
    (void)id;
    *out = (dr_pk){.kind = DR_PK_STORAGE};
    return DR_OK;
}

static const dr_pickle_host host = {NULL, name, call, build, persistent};
static dr_pickle machine;
static dr_pk value;

static dr_status run_limited(const void *data, size_t n, size_t limit)
{
    size_t used;
    unsigned char *copy = malloc(n + 1); /* of its size, so that a look beyond it is seen */
    assert_non_null(copy);
    memcpy(copy, data, n);
    dr_pickle_clear(&machine);
    assert_int_equal(dr_pickle_init(&machine, limit, "x.pkl"), DR_OK);
    dr_status st = dr_pickle_run(&machine, copy, n, &host, &value, &used);
    assert_true(used <= n);
    free(copy);
    return st;
}

#define RUN(text) run_limited(text, sizeof(text) - 1, 1 << 24)
#define IS(text, expected, field, v)                                                                                   \
    do {                                                                                                               \
        assert_int_equal(RUN(text), DR_OK);                                                                            \
        assert_int_equal(value.kind, expected);                                                                        \
        assert_true(value.field == (v));                                                                               \
    } while (0)

static void refused(const void *data, size_t n, const char *why)
{
    if (run_limited(data, n, 1 << 24) == DR_OK)
        fail_msg("is taken, though '%s'", why);
    if (!strstr(dr_error(), why) || !strstr(dr_error(), "x.pkl"))
        fail_msg("'%s' does not say '%s'", dr_error(), why);
}
#define REFUSED(text, why) refused(text, sizeof(text) - 1, why)

static void numbers_are_what_python_makes_of_them(void **state)
{
    (void)state;
    IS("\x80\2N.", DR_PK_NONE, n, 0);
    IS("\x88.", DR_PK_BOOL, i, 1);
    IS("\x89.", DR_PK_BOOL, i, 0);
    IS("I01\n.", DR_PK_BOOL, i, 1);
    IS("I00\n.", DR_PK_BOOL, i, 0);
    IS("I-12\n.", DR_PK_INT, i, -12);
    IS("I9223372036854775807\n.", DR_PK_INT, i, INT64_MAX);
    IS("I-9223372036854775808\n.", DR_PK_INT, i, INT64_MIN);
    IS("I9223372036854775808\n.", DR_PK_LONG, n, 19);
    IS("L5L\n.", DR_PK_INT, i, 5);
    IS("K\xff.", DR_PK_INT, i, 255);
    IS("M\x34\x12.", DR_PK_INT, i, 0x1234);
    IS("J\xff\xff\xff\xff.", DR_PK_INT, i, -1);
    IS("\x8a\0.", DR_PK_INT, i, 0);
    IS("\x8a\1\x80.", DR_PK_INT, i, -128);
    IS("\x8a\2\xff\0.", DR_PK_INT, i, 255);
    IS("\x8a\x08\0\0\0\0\0\0\0\x80.", DR_PK_INT, i, INT64_MIN);
    IS("\x8a\x09\0\0\0\0\0\0\0\0\1.", DR_PK_LONG, n, 9);
    IS("G\x3f\xf8\0\0\0\0\0\0.", DR_PK_FLOAT, f, 1.5);
    REFUSED("I1x\n.", "a number that is none");
    REFUSED("I\n.", "a number that is none");
    REFUSED("I-\n.", "a number that is none");
    REFUSED("L1LL\n.", "a number that is none");
}

static void texts_stay_where_they_are(void **state)
{
    (void)state;
    IS("X\3\0\0\0abc.", DR_PK_STR, n, 3);
    IS("\x8c\0.", DR_PK_STR, n, 0);
    IS("\x8d\1\0\0\0\0\0\0\0a.", DR_PK_STR, n, 1);
    IS("U\1a.", DR_PK_STR, n, 1);
    IS("T\1\0\0\0a.", DR_PK_STR, n, 1);
    IS("C\1a.", DR_PK_BYTES, n, 1);
    IS("B\1\0\0\0a.", DR_PK_BYTES, n, 1);
    IS("\x8e\1\0\0\0\0\0\0\0a.", DR_PK_BYTES, n, 1);
    IS("\x96\1\0\0\0\0\0\0\0a.", DR_PK_BYTES, n, 1);
    REFUSED("X\xf0\xff\xff\xff"
            "abc.",
            "said to have 4294967280 bytes, 4 are left");
    REFUSED("\x8d\xff\xff\xff\xff\xff\xff\xff\xff.", "said to have 18446744073709551615 bytes");
    REFUSED("\x8e\0\0\0\0\0\0\0\x80.", "said to have 9223372036854775808 bytes");
    REFUSED("\x95\2\0\0\0\0\0\0\0.", "ends in the middle");
}

static void containers_keep_what_was_put_in(void **state)
{
    (void)state;
    IS("K\1K\2\x86.", DR_PK_TUPLE, n, 2);
    assert_int_equal(value.node->item[1].i, 2);
    IS("(t.", DR_PK_TUPLE, n, 0);
    IS("(K\1K\2K\3t.", DR_PK_TUPLE, n, 3);
    IS("](K\1K\2eK\3a.", DR_PK_LIST, n, 0);
    const dr_pk_chunk *c = value.node->first;
    uint32_t at = 0;
    for (int i = 1; i <= 3; i++)
        assert_int_equal(dr_pk_next(&c, &at, 1)->i, i);
    assert_null(dr_pk_next(&c, &at, 1));
    static const char dict[] = "}X\1\0\0\0aK\1s(X\1\0\0\0bK\2X\1\0\0\0aK\3u.";
    size_t used; /* not a copy: keys are looked at */
    if (dr_pickle_run(&machine, dict, sizeof dict - 1, &host, &value, &used))
        fail_msg("%s", dr_error());
    assert_int_equal(dr_pk_get(&value, "b")->i, 2);
    assert_int_equal(dr_pk_get(&value, "a")->i, 3); /* as in Python, the last one */
    assert_null(dr_pk_get(&value, "c"));
    IS("\x8f(K\1\x90.", DR_PK_OBJECT, n, 0);
    IS("}q\0"
       "0h\0.",
       DR_PK_DICT, n, 0);
    REFUSED("}q\0h\0", "has no end");
}

static void values_are_kept_by_number(void **state)
{
    (void)state;
    IS("K\7q\0"
       "0h\0.",
       DR_PK_INT, i, 7);
    IS("K\7r\3\0\0\0"
       "0j\3\0\0\0.",
       DR_PK_INT, i, 7);
    IS("K\7\x94K\x08\x94\x86"
       "0h\1.",
       DR_PK_INT, i, 8);
    REFUSED("h\0.", "never kept");
    REFUSED("K\7q\1h\0.", "never kept");
    REFUSED("Nj\xff\xff\xff\xff.", "never kept");
    REFUSED("]r\xf0\xff\xff\xff.", "numbers a value 4294967280");
}

static void other_instructions_are_refused(void **state)
{
    (void)state;
    REFUSED("(ios\nsystem\n.", "INST");
    REFUSED("(N\x6f.", "OBJ");
    REFUSED("\x82\1.", "EXT1");
    REFUSED("\x83\1\0.", "EXT2");
    REFUSED("\x84\1\0\0\0.", "EXT4");
    REFUSED("P0\n.", "PERSID");
    REFUSED("\x8b\0\0\0\0.", "LONG4");
    REFUSED("(\x91.", "FROZENSET");
    REFUSED("N)}\x92.", "NEWOBJ_EX");
    REFUSED("N2.", "DUP");
    REFUSED("\x97.", "0x97, which is no instruction");
    REFUSED("\xff.", "0xff, which is no instruction");
    REFUSED("\x80\6N.", "protocol 6");
}

static void instructions_that_lack_values_are_refused(void **state)
{
    (void)state;
    static const char all[] = "tueaseb0R\x81\x85\x86\x87Q\x90\x93\x94"
                              "1";
    for (size_t i = 0; i < sizeof all - 1; i++) {
        const char alone[] = {all[i], '.'}, behind_mark[] = {'N', '(', all[i], '.'}, two[] = {'N', all[i], '.'};
        assert_int_not_equal(run_limited(alone, 2, 1 << 24), DR_OK);
        if (all[i] != '0' && all[i] != '1') /* which take the mark off */
            assert_int_not_equal(run_limited(behind_mark, 4, 1 << 24), DR_OK);
        run_limited(two, 3, 1 << 24);
    }
    REFUSED("q\0.", "more values than there are");
    REFUSED(".", "no value at its end");
    REFUSED("(.", "values left over");
    REFUSED("NN.", "values left over");
    REFUSED("NN\x86N\x86", "has no end");
    REFUSED("}(Nu.", "a key without a value");
    REFUSED("}]Ns.", "a list or dictionary as a key");
    REFUSED("](NNu.", "no dictionary");
    REFUSED("}Na.", "no list");
    REFUSED("N)R.", "no name");
    REFUSED("cx\ny\nNR.", "no tuple");
    REFUSED("NN\x93.", "a name that is no text");
    REFUSED("KNb.", "");
}

static void names_are_given_to_the_host_and_never_run(void **state)
{
    (void)state;
    calls = 0;
    IS("cos\nsystem\nX\4\0\0\0true\x85R.", DR_PK_OBJECT, n, 0);
    assert_string_equal(named, "os system");
    assert_int_equal(calls, 1);
    IS("\x8c\5posix\x8c\6system\x93)\x81}b.", DR_PK_OBJECT, n, 0);
    assert_string_equal(named, "posix system");
    IS("X\1\0\0\0aQ.", DR_PK_STORAGE, n, 0);
    IS("}}b.", DR_PK_DICT, n, 0); /* attributes of a dictionary */
    REFUSED("]}b.", "has no state");
    REFUSED("cos\nsystem", "ends in the middle");
}

static void repeated(bytes *b, const char *text, size_t n, int times)
{
    for (int i = 0; i < times; i++)
        add(b, text, n);
}

static void values_in_each_other_are_bounded(void **state)
{
    (void)state;
    bytes b = {0};
    repeated(&b, "]", 1, 200000);
    repeated(&b, "a", 1, 199999);
    ADD(&b, ".");
    refused(b.p, b.n, "more than 64 levels deep");
    b.n = 0;
    ADD(&b, ")");
    repeated(&b, "\x85", 1, 200000);
    ADD(&b, ".");
    refused(b.p, b.n, "more than 64 levels deep");
    b.n = 0;
    ADD(&b, ")");
    repeated(&b, "\x85", 1, 60);
    ADD(&b, ".");
    assert_int_equal(run_limited(b.p, b.n, 1 << 24), DR_OK);
    b.n = 0;
    ADD(&b, "]q\0h\0a."); /* in itself */
    assert_int_equal(run_limited(b.p, b.n, 1 << 24), DR_OK);
    drop(&b);
}

/* What the limit is for: pickles of one-byte instructions that make values of many bytes. */
static void memory_is_bounded(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t n;
    } bombs[] = {{"N", 1}, {"]\x94", 2}, {"}\x94", 2}, {"(", 1}, {")", 1}, {"](NNNNNNNNe\x94", 12}, {"]r\0\0\1\0", 6}};
    const size_t limit = 8 << 20;
    for (size_t i = 0; i < sizeof bombs / sizeof *bombs; i++) {
        bytes b = {0};
        repeated(&b, bombs[i].text, bombs[i].n, 4000000 / (int)bombs[i].n);
        struct rusage before, after;
        getrusage(RUSAGE_SELF, &before);
        dr_status st = run_limited(b.p, b.n, limit);
        getrusage(RUSAGE_SELF, &after);
        assert_int_not_equal(st, DR_OK);
#if !defined(__SANITIZE_ADDRESS__)
        long copy = (long)(b.n >> 10), grown = after.ru_maxrss - before.ru_maxrss; /* KiB; the copy is the test's own */
        assert_true(grown < copy + (long)(limit >> 10) + 8192);
#endif
        drop(&b);
    }
}

static void no_part_of_a_pickle_is_one(void **state)
{
    (void)state;
    static const char all[] =
        "\x80\2}q\0(X\1\0\0\0aK\1M\1\0J\1\0\0\0\x87X\1\0\0\0bccollections\nOrderedDict\n)RX\1\0\0\0c"
        "(X\7\0\0\0storageK\1tQX\1\0\0\0dG\0\0\0\0\0\0\0\0X\1\0\0\0e\x8a\1\1u.";
    assert_int_equal(run_limited(all, sizeof all - 1, 1 << 20), DR_OK);
    for (size_t n = 0; n < sizeof all - 1; n++)
        assert_int_not_equal(run_limited(all, n, 1 << 20), DR_OK);
}

static int end(void **state)
{
    (void)state;
    dr_pickle_clear(&machine);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_what_python_makes_of_them),
        cmocka_unit_test(texts_stay_where_they_are),
        cmocka_unit_test(containers_keep_what_was_put_in),
        cmocka_unit_test(values_are_kept_by_number),
        cmocka_unit_test(other_instructions_are_refused),
        cmocka_unit_test(instructions_that_lack_values_are_refused),
        cmocka_unit_test(names_are_given_to_the_host_and_never_run),
        cmocka_unit_test(values_in_each_other_are_bounded),
        cmocka_unit_test(memory_is_bounded),
        cmocka_unit_test(no_part_of_a_pickle_is_one),
    };
    return cmocka_run_group_tests(tests, NULL, end);
}
