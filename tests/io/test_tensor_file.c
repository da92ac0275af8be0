#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "io/tensor_file.h"
#include "io/torch_bytes.h"

#include <unistd.h>

#define GOLDEN DR_SOURCE_DIR "/tests/golden/"

static void the_form_is_told_by_the_content(void **state)
{
    (void)state;
    static const struct {
        const char *path, *name;
        dr_tensor_file_kind kind;
    } files[] = {
        {GOLDEN "lora/base.safetensors", NULL, DR_TF_SAFETENSORS},
        {GOLDEN "torch/types.pth", "bf16", DR_TF_TORCH_ZIP},
        {GOLDEN "torch/types-old.pth", "bf16", DR_TF_TORCH_LEGACY},
        {GOLDEN "torch/protocol-1-old.pth", "bf16", DR_TF_TORCH_LEGACY},
        {GOLDEN "gguf/types.gguf", "Q4_K", DR_TF_GGUF},
    };
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        dr_tensor_file f;
        unlink("model.png");
        assert_int_equal(symlink(files[i].path, "model.png"), 0);
        if (dr_tensor_file_open(&f, "model.png"))
            fail_msg("%s", dr_error());
        assert_int_equal(f.kind, files[i].kind);
        assert_string_equal(f.path, "model.png");
        const char *name = files[i].name ? files[i].name : f.entry[0].name;
        assert_string_equal(dr_tensor_file_find(&f, name)->name, name);
        assert_null(dr_tensor_file_find(&f, "no such"));
        dr_tensor_file_close(&f);
        assert_null(dr_tensor_file_find(&f, name));
    }
    unlink("model.png");
}

/* A safetensors header of n bytes, padded with spaces. */
static bytes padded(size_t n)
{
    static const char header[] = "{\"w\":{\"dtype\":\"I8\",\"shape\":[2],\"data_offsets\":[0,2]},"
                                 "\"s\":{\"dtype\":\"I16\",\"shape\":[1],\"data_offsets\":[2,4]}}";
    bytes b = {0};
    add_le(&b, n, 8);
    add(&b, header, sizeof header - 1);
    while (b.n < n + 8)
        ADD(&b, " ");
    ADD(&b, "\1\2\3\4");
    return b;
}

/* 640 bytes of header are 80 02 in the file, as a pickle begins. */
static void a_header_of_any_length_is_no_pickle(void **state)
{
    (void)state;
    static const size_t sizes[] = {0x0280, 0x0480, 0x8b1f, 0x5a4d, 0x2123};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        bytes b = padded(sizes[i]);
        dr_tensor_file f;
        if (dr_tensor_file_parse(&f, b.p, b.n, "x"))
            fail_msg("%s", dr_error());
        assert_int_equal(f.kind, DR_TF_SAFETENSORS);
        assert_int_equal(dr_tensor_file_find(&f, "w")->dtype, DR_I8);
        assert_int_equal(dr_tensor_file_find(&f, "s")->dtype, DR_I16);
        dr_tensor_file_close(&f);
        drop(&b);
    }
}

static void says(const void *data, size_t n, const char *why)
{
    dr_tensor_file f;
    unsigned char *copy = malloc(n + 1);
    assert_non_null(copy);
    memcpy(copy, data, n);
    assert_int_not_equal(dr_tensor_file_parse(&f, copy, n, "x.ckpt"), DR_OK);
    free(copy);
    if (!strstr(dr_error(), why) || !strstr(dr_error(), "'x.ckpt'"))
        fail_msg("'%s' does not say '%s'", dr_error(), why);
    if (strchr(dr_error(), '\n'))
        fail_msg("'%s' is more than one sentence", dr_error());
}
#define SAYS(text, why) says(text, sizeof(text) - 1, why)

static void what_is_no_file_of_tensors_is_called_what_it_is(void **state)
{
    (void)state;
    char tar[512] = "archive/data.pkl", zeros[4096] = "";
    memcpy(tar + 257, "ustar", 5);
    SAYS("", "the file is empty");
    SAYS("<!DOCTYPE html><html><head>", "it is a web page");
    SAYS("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 4265146304\n",
         "a git-lfs pointer and not the file of 4265146304 bytes");
    SAYS("\x89PNG\r\n\x1a\n....", "a picture (PNG)");
    SAYS("\xff\xd8\xff\xe0....", "a picture (JPEG)");
    SAYS("RIFF....WEBPVP8 ", "a picture (WebP)");
    SAYS("GGUF\3\0\0\0", "ends with the file, at byte 8; it was cut short");
    SAYS("\x89HDF\r\n\x1a\n", "an HDF5 file");
    SAYS("\x93NUMPY\1\0", "an array of NumPy");
    SAYS("\x1f\x8b\x08\0", "compressed by gzip");
    SAYS("7z\xbc\xaf\x27\x1c", "a 7-Zip archive");
    SAYS("Rar!\x1a\7\0", "a RAR archive");
    says(tar, sizeof tar, "a tar archive");
    says(zeros, sizeof zeros, "nothing but zeros");
    SAYS("{\"model\": 1}", "a JSON file");
    SAYS("Access to model someone/something is restricted. Log in.", "it is text and no file of weights, 'Access to");
    SAYS("cos\nsystem\n(S'true'\ntR.", "it is text and no file of weights, 'cos?system");
    SAYS("\1\2\3\4\5\6\7\x08", "neither as a safetensors file nor as a PyTorch checkpoint");
    SAYS("PK\3\4\0\0\0\0\0\0", "was cut short");
    SAYS("PK\5\6\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", "there is no data.pkl");
    SAYS("\x80\2", "has no end");
    SAYS("\x80\4N.", "a Python pickle, but none of PyTorch's");
    SAYS("\x10\0\0\0\0\0\0\0{\"a\":", "cut short");
}

static void what_is_no_file_is_told(void **state)
{
    (void)state;
    dr_tensor_file f;
    assert_int_equal(dr_tensor_file_open(&f, "no-such-file.ckpt"), DR_ENOENT);
    dr_tensor_file_close(&f);
    assert_int_equal(dr_tensor_file_open(&f, "/"), DR_EINVAL);
    assert_non_null(strstr(dr_error(), "not a regular file"));
    dr_tensor_file_close(&f);
}

static char folder[] = "/tmp/drape-test-XXXXXX";

static int into_own_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) && chdir(folder) == 0 ? 0 : -1;
}

static int out_again(void **state)
{
    (void)state;
    return rmdir(folder); /* fails if a test left a file behind */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_form_is_told_by_the_content),
        cmocka_unit_test(a_header_of_any_length_is_no_pickle),
        cmocka_unit_test(what_is_no_file_of_tensors_is_called_what_it_is),
        cmocka_unit_test(what_is_no_file_is_told),
    };
    return cmocka_run_group_tests(tests, into_own_folder, out_again);
}
