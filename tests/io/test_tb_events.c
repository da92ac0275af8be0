#include "io/tb_events.h"

#include "base/file.h"
#include "base/path.h"

#include <dirent.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

static char dir[64];

static int make_dir(void **state)
{
    (void)state;
    strcpy(dir, "/tmp/drape-test-XXXXXX");
    return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
    char command[100];
    (void)state;
    snprintf(command, sizeof command, "rm -rf '%s'", dir);
    return system(command);
}

/* The one file in the folder. */
static unsigned char *read_events(size_t *size)
{
    char path[512] = "", *data;
    DIR *d = opendir(dir);
    assert_non_null(d);
    for (struct dirent *e; (e = readdir(d));)
        if (e->d_name[0] != '.') {
            assert_string_equal(path, "");
            assert_int_equal(strncmp(e->d_name, "events.out.tfevents.", 20), 0);
            dr_path(path, sizeof path, dir, e->d_name);
        }
    closedir(d);
    assert_int_equal(dr_file_read(path, 1 << 20, &data, size), DR_OK);
    return (unsigned char *)data;
}

/* Bit by bit from the polynomial. */
static uint32_t crc32c(const void *data, size_t n)
{
    const unsigned char *p = data;
    uint32_t c = ~0u;
    for (size_t i = 0; i < 8 * n; i++)
        c = ((c ^ p[i / 8] >> i % 8) & 1) ? c >> 1 ^ 0x82f63b78u : c >> 1;
    return ~c;
}

static uint32_t masked(const void *data, size_t n)
{
    uint32_t c = crc32c(data, n);
    return (c >> 15 | c << 17) + 0xa282ead8u;
}

static uint32_t get32(const unsigned char *p)
{
    return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static void put32(unsigned char *p, uint32_t v)
{
    for (int i = 0; i < 4; i++)
        p[i] = (unsigned char)(v >> 8 * i);
}

/* Checks both sums of each record, then sets the wall time to 1.5. Returns the number of records. */
static int check_records(unsigned char *p, size_t size)
{
    static const unsigned char wall_time[] = {0x09, 0, 0, 0, 0, 0, 0, 0xf8, 0x3f};
    int n = 0;
    for (size_t at = 0; at < size; n++) {
        assert_true(at + 12 < size);
        size_t length = get32(p + at);
        assert_int_equal(get32(p + at + 8), masked(p + at, 8));
        at += 12;
        assert_true(at + length + 4 <= size);
        assert_int_equal(get32(p + at + length), masked(p + at, length));
        memcpy(p + at, wall_time, sizeof wall_time);
        put32(p + at + length, masked(p + at, length));
        at += length + 4;
    }
    return n;
}

/* RFC 3720, appendix B.4 */
static void the_sum_used_here_is_crc_32c(void **state)
{
    unsigned char bytes[32] = {0};
    (void)state;
    assert_int_equal(crc32c("123456789", 9), 0xe3069283);
    assert_int_equal(crc32c(bytes, 32), 0x8a9136aa);
    for (int i = 0; i < 32; i++)
        bytes[i] = (unsigned char)i;
    assert_int_equal(crc32c(bytes, 32), 0x46dd794e);
}

/* tensorboard 2.21: RecordWriter over event_pb2.Event(wall_time=1.5, ...) of file_version "brain.Event:2"; of
 * simple_value 0.25 at step 300, tag "loss"; of an image 2 wide, 300 high, 20 times "png bytes", at step 2^33;
 * of session_log START at step 300. */
static void the_bytes_are_tensorboards(void **state)
{
    static const unsigned char want[] = {
        0x18, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0xa3, 0x7f, 0x4b, 0x22, 0x09, 0x00, 0x00, 0x00, 0x00, 0x00,
        0x00, 0xf8, 0x3f, 0x1a, 0x0d, 0x62, 0x72, 0x61, 0x69, 0x6e, 0x2e, 0x45, 0x76, 0x65, 0x6e, 0x74, 0x3a, 0x32,
        0x2a, 0x28, 0x64, 0x6c, 0x1b, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x1a, 0x0d, 0x9e, 0x13, 0x09, 0x00,
        0x00, 0x00, 0x00, 0x00, 0x00, 0xf8, 0x3f, 0x10, 0xac, 0x02, 0x2a, 0x0d, 0x0a, 0x0b, 0x0a, 0x04, 0x6c, 0x6f,
        0x73, 0x73, 0x15, 0x00, 0x00, 0x80, 0x3e, 0x99, 0x08, 0xde, 0xed, 0xdd, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
        0x00, 0x62, 0x03, 0x73, 0xde, 0x09, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0xf8, 0x3f, 0x10, 0x80, 0x80, 0x80,
        0x80, 0x20, 0x2a, 0xcb, 0x01, 0x0a, 0xc8, 0x01, 0x0a, 0x05, 0x76, 0x61, 0x6c, 0x2f, 0x30, 0x22, 0xbe, 0x01,
        0x08, 0xac, 0x02, 0x10, 0x02, 0x18, 0x03, 0x22, 0xb4, 0x01, 0x70, 0x6e, 0x67, 0x20, 0x62, 0x79, 0x74, 0x65,
        0x73, 0x70, 0x6e, 0x67, 0x20, 0x62, 0x79, 0x74, 0x65, 0x73, 0x70, 0x6e, 0x67, 0x20, 0x62, 0x79, 0x74, 0x65,
        0x73, 0x70, 0x6e, 0x67, 0x20, 0x62, 0x79, 0x74, 0x65, 0x73, 0x70, 0x6e, 0x67, 0x20, 0x62, 0x79, 0x74, 0x65,
        0x73, 0x70, 0x6e, 0x67, 0x20, 0x62, 0x79, 0x74, 0x65, 0x73, 0x70, 0x6e, 0x67, 0x20, 0x62, 0x79, 0x74, 0x65,
        0x73, 0x70, 0x6e, 0x67, 0x20, 0x62, 0x79, 0x74, 0x65, 0x73, 0x70, 0x6e, 0x67, 0x20, 0x62, 0x79, 0x74, 0x65,
        0x73, 0x70, 0x6e, 0x67, 0x20, 0x62, 0x79, 0x74, 0x65, 0x73, 0x70, 0x6e, 0x67, 0x20, 0x62, 0x79, 0x74, 0x65,
        0x73, 0x70, 0x6e, 0x67, 0x20, 0x62, 0x79, 0x74, 0x65, 0x73, 0x70, 0x6e, 0x67, 0x20, 0x62, 0x79, 0x74, 0x65,
        0x73, 0x70, 0x6e, 0x67, 0x20, 0x62, 0x79, 0x74, 0x65, 0x73, 0x70, 0x6e, 0x67, 0x20, 0x62, 0x79, 0x74, 0x65,
        0x73, 0x70, 0x6e, 0x67, 0x20, 0x62, 0x79, 0x74, 0x65, 0x73, 0x70, 0x6e, 0x67, 0x20, 0x62, 0x79, 0x74, 0x65,
        0x73, 0x70, 0x6e, 0x67, 0x20, 0x62, 0x79, 0x74, 0x65, 0x73, 0x70, 0x6e, 0x67, 0x20, 0x62, 0x79, 0x74, 0x65,
        0x73, 0x70, 0x6e, 0x67, 0x20, 0x62, 0x79, 0x74, 0x65, 0x73, 0xcc, 0x3e, 0x91, 0xfd, 0x10, 0x00, 0x00, 0x00,
        0x00, 0x00, 0x00, 0x00, 0x95, 0xfb, 0xfe, 0x18, 0x09, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0xf8, 0x3f, 0x10,
        0xac, 0x02, 0x3a, 0x02, 0x08, 0x01, 0x71, 0x3b, 0x78, 0x8a};
    char png[181] = "";
    dr_tb *t;
    size_t size;
    (void)state;
    for (int i = 0; i < 20; i++)
        strcat(png, "png bytes");
    assert_int_equal(dr_tb_open(&t, dir), DR_OK);
    assert_int_equal(dr_tb_scalar(t, "loss", 300, 0.25f), DR_OK);
    assert_int_equal(dr_tb_image(t, "val/0", (int64_t)1 << 33, 2, 300, png, 180), DR_OK);
    assert_int_equal(dr_tb_purge(t, 300), DR_OK);
    unsigned char *got = read_events(&size); /* before it is closed */
    assert_int_equal(size, sizeof want);
    assert_int_equal(check_records(got, size), 4);
    assert_memory_equal(got, want, sizeof want);
    free(got);
    dr_tb_close(t);
}

static void a_full_disk_leaves_whole_records(void **state)
{
    struct rlimit was, tight;
    dr_tb *t;
    size_t before, after;
    (void)state;
    assert_int_equal(dr_tb_open(&t, dir), DR_OK);
    free(read_events(&before));
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &was), 0);
    signal(SIGXFSZ, SIG_IGN);
    tight = (struct rlimit){before + 20, was.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &tight), 0);
    dr_status st = dr_tb_scalar(t, "loss", 1, 1);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &was), 0);
    assert_int_equal(st, DR_EIO);
    free(read_events(&after));
    assert_int_equal(after, before);
    assert_int_equal(dr_tb_scalar(t, "loss", 2, 1), DR_OK);
    unsigned char *got = read_events(&after);
    assert_int_equal(check_records(got, after), 2);
    free(got);
    dr_tb_close(t);
}

static void two_writers_of_one_second_have_two_files(void **state)
{
    char path[128];
    dr_tb *a, *b;
    (void)state;
    assert_int_equal(dr_tb_open(&a, dir), DR_OK);
    assert_int_equal(dr_tb_open(&b, dir), DR_OK);
    dr_tb_close(a);
    dr_tb_close(b);
    dr_path(path, sizeof path, dir, "file");
    assert_int_equal(dr_file_write(path, "x", 1), DR_OK);
    assert_int_equal(dr_tb_open(&a, path), DR_EIO);
    assert_null(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_sum_used_here_is_crc_32c),
        cmocka_unit_test_setup_teardown(the_bytes_are_tensorboards, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(a_full_disk_leaves_whole_records, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(two_writers_of_one_second_have_two_files, make_dir, remove_dir),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
