#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/json.h"
#include "io/torch_bytes.h"
#include "io/torch_file.h"

#include <glib.h>
#include <stdio.h>
#include <sys/resource.h>
#include <time.h>

#define GOLDEN DR_SOURCE_DIR "/tests/golden/torch/"

static dr_status read_copy(const bytes *b, dr_torch_file *f, unsigned char **copy)
{
    *copy = malloc(b->n + 1); /* of its size, so that a look beyond it is seen */
    assert_non_null(*copy);
    memcpy(*copy, b->p, b->n);
    return dr_torch_parse(f, *copy, b->n, "x.ckpt");
}

/* The bytes are taken, and every tensor can be read to its last byte. */
static bool is_read(const bytes *b)
{
    static volatile unsigned sink;
    dr_torch_file f;
    unsigned char *copy;
    dr_status st = read_copy(b, &f, &copy);
    for (size_t i = 0; !st && i < f.count; i++)
        for (size_t k = 0; k < f.entry[i].size; k++)
            sink += ((const unsigned char *)f.entry[i].data)[k];
    if (!st)
        dr_torch_close(&f);
    free(copy);
    return !st;
}

static void refused(bytes b, const char *why)
{
    if (is_read(&b))
        fail_msg("is taken, though '%s'", why);
    if (!strstr(dr_error(), why) || !strstr(dr_error(), "'x.ckpt'"))
        fail_msg("'%s' does not say '%s'", dr_error(), why);
    drop(&b);
}

static void taken(bytes b)
{
    if (!is_read(&b))
        fail_msg("%s", dr_error());
    drop(&b);
}

/* An archive whose pickle is that text. */
#define PICKLE(text) archive(pickle_of(text, sizeof(text) - 1))
static bytes pickle_of(const char *text, size_t n)
{
    bytes b = {0};
    add(&b, text, n);
    return b;
}

/* --- what torch.save wrote --- */

static bytes golden(const char *name)
{
    char path[512], *data;
    bytes b = {0};
    snprintf(path, sizeof path, GOLDEN "%s", name);
    assert_int_equal(dr_file_read(path, 1 << 20, &data, &b.n), DR_OK);
    b.p = (unsigned char *)data;
    return b;
}

static void same_facts(const char *file, const dr_st_entry *e, const json_t *want)
{
    static const char *const names[] = {"float32", "float16", "bfloat16", "int32", "int64",
                                        "uint8",   "bool",    "float64",  "int16", "int8"};
    char *hash = g_compute_checksum_for_data(G_CHECKSUM_SHA256, e->data, e->size);
    const json_t *shape = json_object_get(want, "shape");
    if (!want || strcmp(hash, json_string_value(json_object_get(want, "sha256"))) != 0)
        fail_msg("%s: '%s' has other bytes", file, e->name);
    assert_string_equal(names[e->dtype], json_string_value(json_object_get(want, "dtype")));
    assert_int_equal(e->rank, json_array_size(shape));
    for (int i = 0; i < e->rank; i++)
        assert_int_equal(e->dim[i], json_integer_value(json_array_get(shape, (size_t)i)));
    g_free(hash);
}

static void every_golden_file_gives_pytorchs_tensors(void **state)
{
    (void)state;
    json_t *all;
    const char *file;
    json_t *want;
    assert_int_equal(dr_json_load(GOLDEN "expected.json", &all), DR_OK);
    json_object_foreach(all, file, want)
    {
        bytes b = golden(file);
        dr_torch_file f;
        assert_true(dr_is_torch_zip(b.p, b.n) != dr_is_torch_legacy(b.p, b.n));
        if (dr_torch_parse(&f, b.p, b.n, file))
            fail_msg("%s", dr_error());
        assert_int_equal(f.count, json_object_size(want));
        for (size_t i = 0; i < f.count; i++) {
            same_facts(file, &f.entry[i], json_object_get(want, f.entry[i].name));
            assert_true(i == 0 || strcmp(f.entry[i - 1].name, f.entry[i].name) < 0);
        }
        dr_torch_close(&f);
        drop(&b);
    }
    json_decref(all);
}

static void contiguous_tensors_are_not_copied(void **state)
{
    (void)state;
    bytes b = golden("views.pth");
    dr_torch_file f;
    assert_int_equal(dr_torch_parse(&f, b.p, b.n, "views.pth"), DR_OK);
    int inside = 0;
    for (size_t i = 0; i < f.count; i++) {
        const unsigned char *p = f.entry[i].data;
        inside += f.entry[i].size && p >= b.p && p + f.entry[i].size <= b.p + b.n;
    }
    assert_int_equal(inside, 3); /* whole, flat, once */
    dr_torch_close(&f);
    drop(&b);
}

static void no_part_of_a_file_is_one(void **state)
{
    (void)state;
    static const char *const files[] = {"views.pth", "views-old.pth", "protocol-1-old.pth"};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        bytes b = golden(files[i]);
        for (size_t whole = b.n; b.n > 0;) {
            b.n--;
            if (is_read(&b))
                fail_msg("%zu of %zu bytes are taken", b.n, whole);
        }
        drop(&b);
    }
}

static void no_changed_byte_leads_out_of_the_file(void **state)
{
    (void)state;
    static const char *const files[] = {"views.pth", "views-old.pth", "embedding.pt"};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        bytes b = golden(files[i]);
        for (size_t k = 0; k < b.n; k++) {
            unsigned char was = b.p[k];
            static const unsigned char other[] = {0, 1, 0x7f, 0x80, 0xff};
            for (size_t v = 0; v < sizeof other; v++) {
                b.p[k] = other[v];
                is_read(&b);
            }
            b.p[k] = was;
        }
        drop(&b);
    }
}

/* --- what is not written --- */

static void a_file_made_here_is_read(void **state)
{
    (void)state;
    bytes b = archive(one("w", FLOATS()));
    dr_torch_file f;
    assert_int_equal(dr_torch_parse(&f, b.p, b.n, "x.ckpt"), DR_OK);
    assert_int_equal(f.count, 1);
    assert_string_equal(f.entry[0].name, "w");
    assert_int_equal(f.entry[0].size, 24);
    for (int i = 0; i < 24; i++)
        assert_int_equal(((const unsigned char *)f.entry[0].data)[i], i);
    dr_torch_close(&f);
    drop(&b);
    taken(archive(one("w", FLOATS(.rank = 0, .offset = 5))));
    taken(archive(one("w", FLOATS(.dim = {0, 1ll << 40}))));
    taken(archive(one("w", FLOATS(.dim = {1, 6}, .stride = {INT64_MAX, 1})))); /* of one row, it counts for nothing */
}

static void names_that_run_things_are_refused(void **state)
{
    (void)state;
    refused(PICKLE("\x80\2}X\1\0\0\0wcos\nsystem\nX\4\0\0\0true\x85Rs."), "asks for 'os.system'");
    refused(PICKLE("\x80\2}X\1\0\0\0wcposix\nsystem\ns."), "asks for 'posix.system'");
    refused(PICKLE("\x80\2}X\1\0\0\0wcbuiltins\nexec\ns."), "asks for 'builtins.exec'");
    refused(PICKLE("\x80\2}X\1\0\0\0wcsubprocess\nPopen\n)\x81}bs."), "asks for 'subprocess.Popen'");
    refused(PICKLE("\x80\4}X\1\0\0\0w\x8c\5torch\x8c\x17serialization.os.system\x93s."),
            "torch.serialization.os.system");
    refused(PICKLE("\x80\4}X\1\0\0\0w\x8c\x17pytorch_lightning.utils\x8c\x09os.system\x93s."), "asks for");
    refused(PICKLE("\x80\4}X\1\0\0\0w\x8c\x17pytorch_lightning.utils\x8c\6system\x93s."), "asks for");
    refused(PICKLE("\x80\4}X\1\0\0\0w\x8c\x17pytorch_lightning.utils\x8c\x09Os.System\x93s."), "asks for");
    refused(PICKLE("\x80\4}X\1\0\0\0w\x8c\x05numpy\x8c\4load\x93s."), "asks for 'numpy.load'");
    refused(PICKLE("\x80\2ctorch._utils_rebuild_tensor_v2\nx\n."), "asks for");
    refused(PICKLE("\x80\2c_codecs\ndecode\n."), "asks for '_codecs.decode'");
    refused(PICKLE("\x80\2cos\x1b[2J\nsystem\n."), "'os?[2J.system'");
}

static void whole_models_are_called_so(void **state)
{
    (void)state;
    refused(PICKLE("\x80\2c__main__\nMyModel\n)\x81}b."), "of the class '__main__.MyModel'");
    refused(PICKLE("\x80\2ctorch.nn.modules.conv\nConv2d\n)\x81}b."), "only state dictionaries can be read");
    refused(PICKLE("\x80\2(X\6\0\0\0modulec__main__\nNet\ntQ."), "of the class '__main__.Net'");
    refused(PICKLE("\x80\2(X\6\0\0\0modulectorch\nFloatStorage\ntQ."), "only state dictionaries can be read");
}

static void what_has_no_named_tensors_is_refused(void **state)
{
    (void)state;
    refused(PICKLE("\x80\2}."), "no tensors");
    refused(PICKLE("\x80\2]."), "holds a list");
    refused(PICKLE("\x80\2)."), "holds a tuple");
    refused(PICKLE("\x80\2N."), "a single value");
    refused(PICKLE("\x80\2X\1\0\0\0a."), "holds a text");
    refused(PICKLE("\x80\2ctorch\nSize\n)R."), "a Python object");
    refused(PICKLE("\x80\2}q\0X\x0a\0\0\0state_dicth\0s."), "contains itself as 'state_dict'");
    refused(PICKLE("\x80\2}X\x0a\0\0\0state_dict}ss."), "more values than there are");
    refused(PICKLE("\x80\2}q\0X\1\0\0\0ah\0s."), "no tensors");
    bytes b = {0};
    ADD(&b, "\x80\2");
    add_tensor(&b, FLOATS());
    ADD(&b, ".");
    refused(archive(b), "a tensor without a name");
}

static void names_of_tensors_are_checked(void **state)
{
    (void)state;
    bytes b = {0}, name = {0};
    ADD(&b, "\x80\2}K\7");
    add_tensor(&b, FLOATS());
    ADD(&b, "s.");
    refused(archive(b), "the number 7 in place of a name");
    b = (bytes){0};
    ADD(&b, "\x80\2})");
    add_tensor(&b, FLOATS());
    ADD(&b, "s.");
    refused(archive(b), "no text for a name");
    refused(archive(one("", FLOATS())), "an empty name");
    refused(archive(one("a\xff", FLOATS())), "'a?', is not UTF-8");
    refused(archive(one("a\x1b[2J", FLOATS())), "control characters, 'a?[2J'");
    b = (bytes){0};
    ADD(&b, "\x80\2}X\3\0\0\0a\0b");
    add_tensor(&b, FLOATS());
    ADD(&b, "s.");
    refused(archive(b), "");
    for (int i = 0; i < 1100; i++)
        ADD(&name, "n");
    ADD(&name, "\0");
    refused(archive(one((const char *)name.p, FLOATS())), "more than 1024 bytes");
    drop(&name);
    b = (bytes){0};
    ADD(&b, "\x80\2}(");
    for (int i = 0; i < 2; i++) {
        add_text(&b, "twin");
        add_tensor(&b, FLOATS());
    }
    ADD(&b, "u.");
    refused(archive(b), "two tensors are named 'twin'");
}

static void tensors_stay_inside_their_storages(void **state)
{
    (void)state;
    refused(archive(one("w", FLOATS(.dim = {2, 4}))), "reaches to element 6 of its storage, which has 6");
    refused(archive(one("w", FLOATS(.offset = 1))), "reaches to element 6");
    refused(archive(one("w", FLOATS(.rank = 0, .offset = 6))), "reaches to element 6");
    refused(archive(one("w", FLOATS(.stride = {30, 1}))), "reaches to element 32");
    refused(archive(one("w", FLOATS(.offset = -4))), "negative offset -4");
    refused(archive(one("w", FLOATS(.dim = {-2, -3}))), "negative size -2");
    refused(archive(one("w", FLOATS(.stride = {-3, 1}))), "negative stride -3");
    refused(archive(one("w", FLOATS(.dim = {1ll << 33, 1ll << 33}))), "too large to be counted");
    refused(archive(one("w", FLOATS(.dim = {1ll << 62, 1}, .stride = {0, 0}))), "too large to be counted");
    refused(archive(one("w", FLOATS(.dim = {3, 2}, .stride = {INT64_MAX, 1}))), "too large to be counted");
    refused(archive(one("w", FLOATS(.offset = INT64_MAX))), "too large to be counted");
    refused(archive(one("w", FLOATS(.rank = 9, .dim = {1, 1, 1, 1, 1, 1, 1, 1, 1}))), "9 axes, at most 8");
    refused(archive(one("w", FLOATS(.dim = {1ll << 40, 1}, .stride = {0, 0}))), "more than the whole file");
}

static void storages_are_there_in_full(void **state)
{
    (void)state;
    refused(archive(one("w", FLOATS(.count = 7))), "storage '0' has 24 bytes, its tensors need 28");
    refused(archive(one("w", FLOATS(.count = -6))), "said to have -6 elements");
    refused(archive(one("w", FLOATS(.count = 1ll << 62))), "said to have 4611686018427387904 elements");
    refused(archive(one("w", FLOATS(.key = "1"))), "the storage '1' of a tensor is not in the archive");
    refused(archive(one("w", FLOATS(.key = "../../../etc/passwd"))), "is not in the archive");
    refused(archive(one("w", FLOATS(.key = ""))), "is not in the archive");
    refused(archive(one("w", FLOATS(.type = "QInt8Storage"))), "tensor 'w' is a QInt8Storage, which is not supported");
    refused(archive(one("w", FLOATS(.type = "Size"))), "type is none of PyTorch's");
    bytes b = {0};
    ADD(&b, "\x80\2}(");
    add_text(&b, "a");
    add_tensor(&b, FLOATS());
    add_text(&b, "b");
    add_tensor(&b, FLOATS(.type = "IntStorage"));
    ADD(&b, "u.");
    refused(archive(b), "storage '0' has two types or two sizes");
    b = (bytes){0};
    ADD(&b, "\x80\2}(");
    add_text(&b, "a");
    add_tensor(&b, FLOATS(.count = 1, .rank = 0));
    add_text(&b, "b");
    add_tensor(&b, FLOATS());
    ADD(&b, "u.");
    refused(archive(b), "storage '0' has two types or two sizes");
}

static void constructors_get_what_they_take(void **state)
{
    (void)state;
    refused(PICKLE("\x80\2ctorch._utils\n_rebuild_tensor_v2\n)R."), "not made of a storage");
    refused(PICKLE("\x80\2ctorch._utils\n_rebuild_tensor_v2\n(NK\0))tR."), "not made of a storage");
    refused(PICKLE("\x80\2ctorch._utils\n_rebuild_tensor_v2\n)\x81."), "as if it were a class");
    refused(PICKLE("\x80\2ctorch._utils\n_rebuild_parameter\n(N\x89)tR."), "not made of a tensor");
    refused(PICKLE("\x80\2ctorch\nFloatStorage\n)R."), "cannot be called");
    refused(PICKLE("\x80\2ccollections\nOrderedDict\n]\x85R."), "made of arguments");
    refused(PICKLE("\x80\2ctorch._tensor\n_rebuild_from_type_v2\n(ctorch._tensor\n_rebuild_from_type_"
                   "v2\nctorch\nTensor\n)NtR."),
            "cannot be called");
    refused(PICKLE("\x80\2]}b."), "gets a state that has none");
    refused(PICKLE("\x80\2NQ."), "an id that is no tuple");
    refused(PICKLE("\x80\2(X\1\0\0\0xtQ."), "not that of a storage");
    bytes b = {0};
    ADD(&b, "\x80\2");
    add_tensor(&b, FLOATS());
    ADD(&b, "}b.");
    refused(archive(b), "gets a state that has none");
}

static void archives_of_others_are_called_so(void **state)
{
    (void)state;
    bytes b = {0}, p = one("w", FLOATS());
    zip(&b, &(item){"a/x", "1", 1}, 1);
    refused(b, "there is no data.pkl");
    const item script[] = {{"a/data.pkl", p.p, p.n}, {"a/code/__torch__.py", "", 0}};
    b = (bytes){0};
    zip(&b, script, 2);
    refused(b, "TorchScript");
    const item constants[] = {{"a/data.pkl", p.p, p.n}, {"a/constants.pkl", "", 0}};
    b = (bytes){0};
    zip(&b, constants, 2);
    refused(b, "TorchScript");
    const item big[] = {{"a/data.pkl", p.p, p.n}, {"a/byteorder", "big", 3}};
    b = (bytes){0};
    zip(&b, big, 2);
    refused(b, "big-endian");
    const item odd[] = {{"a/data.pkl", p.p, p.n}, {"a/byteorder", "middle", 6}};
    b = (bytes){0};
    zip(&b, odd, 2);
    refused(b, "neither 'little' nor 'big'");
    const item packed[] = {{"a/data.pkl", p.p, p.n}, {"a/data/0", "xxxx", 4}};
    b = (bytes){0};
    places w = zip(&b, packed, 2);
    set_le(&b, w.central[1] + 10, 8, 2);
    set_le(&b, w.local[1] + 8, 8, 2);
    refused(b, "'data/0' in its zip archive is compressed");
    ADD(&p, "N");
    const item more[] = {{"a/data.pkl", p.p, p.n}};
    b = (bytes){0};
    zip(&b, more, 1);
    refused(b, "1 bytes stand behind the end of its pickle");
    drop(&p);
}

/* The old format: five pickles, then the storage. */
static bytes old(const char *head, size_t head_size, const char *keys, size_t keys_size, int64_t count, size_t size)
{
    bytes b = {0}, p = one("w", FLOATS());
    add(&b, head, head_size);
    add(&b, p.p, p.n);
    add(&b, keys, keys_size);
    add_le(&b, (uint64_t)count, 8);
    for (size_t i = 0; i < size; i++)
        ADD(&b, "x");
    drop(&p);
    return b;
}
#define MAGIC "\x80\2\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19."
#define VERSION "\x80\2M\xe9\3."
#define LITTLE "\x80\2}X\x0d\0\0\0little_endian\x88s."
#define OLD(head, keys, count, size) old(head, sizeof(head) - 1, keys, sizeof(keys) - 1, count, size)
#define KEYS                                                                                                           \
    "\x80\2]X\1\0\0\0"                                                                                                 \
    "0a."

static void the_old_format_is_checked(void **state)
{
    (void)state;
    taken(OLD(MAGIC VERSION LITTLE, KEYS, 6, 24));
    refused(OLD(MAGIC VERSION LITTLE, KEYS, 6, 23), "needs 32 bytes, the file has 31 more");
    refused(OLD(MAGIC VERSION LITTLE, KEYS, -6, 24), "says that it has -6 elements");
    refused(OLD(MAGIC VERSION LITTLE, KEYS, 24, 24), "says that it has 24 elements");
    refused(OLD(MAGIC VERSION LITTLE, "\x80\2].", 6, 24), "'0' of a tensor is not in its list");
    refused(OLD(MAGIC VERSION LITTLE,
                "\x80\2](X\1\0\0\0"
                "0X\1\0\0\0"
                "0e.",
                6, 200),
            "'0', which is there twice");
    refused(OLD(MAGIC VERSION LITTLE,
                "\x80\2](X\1\0\0\0"
                "0X\1\0\0\0"
                "1e.",
                6, 200),
            "'1', which no tensor uses");
    refused(OLD(MAGIC VERSION LITTLE, "\x80\2]K\1a.", 6, 24), "no text");
    refused(OLD(MAGIC VERSION LITTLE, "\x80\2}.", 6, 24), "is no list");
    refused(OLD(MAGIC VERSION "\x80\2}X\x0d\0\0\0little_endian\x89s.", KEYS, 6, 24), "big-endian");
    refused(OLD(MAGIC VERSION "\x80\2}.", KEYS, 6, 24), "in which byte order");
    refused(OLD(MAGIC VERSION "\x80\2cos\nsystem\n)R.", KEYS, 6, 24), "asks for 'os.system'");
    refused(OLD(MAGIC "\x80\2K\1." LITTLE, KEYS, 6, 24), "version");
    refused(OLD("\x80\2K\1." VERSION LITTLE, KEYS, 6, 24), "does not begin with its magic number");
    refused(OLD(MAGIC VERSION "\x80\2(X\7\0\0\0storagetQ.", KEYS, 6, 24), "a storage where none can be");
}

/* --- memory --- */

static void memory_stays_below_twice_the_file(void **state)
{
    (void)state;
    bytes p = {0};
    ADD(&p, "\x80\2}(");
    for (int i = 0; i < 3000; i++) { /* each as large as the file nearly is, of one row of it */
        char name[16];
        snprintf(name, sizeof name, "w%d", i);
        add_text(&p, name);
        add_tensor(&p, FLOATS(.dim = {200000, 6}, .stride = {0, 1}));
    }
    ADD(&p, "u.");
    unsigned char *space = calloc(1, 5 << 20);
    const item items[] = {{"a/data.pkl", p.p, p.n}, {"a/data/0", space, 5 << 20}};
    bytes b = {0};
    zip(&b, items, 2);
    struct rusage before, after;
    getrusage(RUSAGE_SELF, &before);
    refused(b, "views that would take more than twice the whole file");
    getrusage(RUSAGE_SELF, &after);
    assert_true(after.ru_maxrss - before.ru_maxrss < 3 * (long)(b.n >> 10) + 20000); /* KiB; one is the test's own */
    drop(&p);
    free(space);
}

/* A megabyte of text that is referred to a hundred thousand times must not be looked at as often. */
static void long_texts_in_many_places_take_no_time(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t size;
    } uses[] = {
        {"h\1}", 3}, {"h\1N", 3}, {"h\1h\1\x93", 5}, {"(X\7\0\0\0storagectorch\nHalfStorage\nh\1h\1K\0tQN", 41}};
    for (size_t i = 0; i < sizeof uses / sizeof *uses; i++) {
        bytes b = {0};
        ADD(&b, "\x80\4X");
        add_le(&b, 1 << 20, 4);
        for (int k = 0; k < 1 << 20; k++)
            ADD(&b, "A");
        ADD(&b, "q\1"
                "0}(");
        for (int k = 0; k < 100000; k++)
            add(&b, uses[i].text, uses[i].size);
        ADD(&b, "u.");
        clock_t start = clock();
        refused(archive(b), "");
        assert_true(clock() - start < 4 * CLOCKS_PER_SEC);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_golden_file_gives_pytorchs_tensors),
        cmocka_unit_test(contiguous_tensors_are_not_copied),
        cmocka_unit_test(no_part_of_a_file_is_one),
        cmocka_unit_test(no_changed_byte_leads_out_of_the_file),
        cmocka_unit_test(a_file_made_here_is_read),
        cmocka_unit_test(names_that_run_things_are_refused),
        cmocka_unit_test(whole_models_are_called_so),
        cmocka_unit_test(what_has_no_named_tensors_is_refused),
        cmocka_unit_test(names_of_tensors_are_checked),
        cmocka_unit_test(tensors_stay_inside_their_storages),
        cmocka_unit_test(storages_are_there_in_full),
        cmocka_unit_test(constructors_get_what_they_take),
        cmocka_unit_test(archives_of_others_are_called_so),
        cmocka_unit_test(the_old_format_is_checked),
        cmocka_unit_test(memory_stays_below_twice_the_file),
        cmocka_unit_test(long_texts_in_many_places_take_no_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
