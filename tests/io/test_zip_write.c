#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/crc32.h"
#include "io/zip.h"
#include "io/zip_write.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char folder[] = "/tmp/test_zip_write.XXXXXX";

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

static const dr_zip_entry *found(const dr_zip *z, const char *name)
{
    const dr_zip_entry *e = dr_zip_find(z, "", name, strlen(name));
    assert_non_null(e);
    return e;
}

static uint32_t le32(const unsigned char *p)
{
    return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static void entries_lie_aligned_with_their_checksums(void **state)
{
    (void)state;
    dr_zip_writer w;
    dr_zip z;
    dr_map map;
    assert_int_equal(dr_zip_create(&w, "x.zip", 3), DR_OK);
    assert_int_equal(dr_zip_begin(&w, "box/long/name", 9), DR_OK);
    assert_int_equal(dr_zip_put(&w, "1234", 4), DR_OK);
    assert_int_equal(dr_zip_put(&w, "56789", 5), DR_OK);
    assert_int_equal(dr_zip_begin(&w, "box/empty", 0), DR_OK);
    assert_int_equal(dr_zip_begin(&w, "box/z", 1), DR_OK);
    assert_int_equal(dr_zip_put(&w, "z", 1), DR_OK);
    assert_false(dr_exists("x.zip")); /* not before it is complete */
    assert_int_equal(dr_zip_commit(&w), DR_OK);

    assert_int_equal(dr_map_open(&map, "x.zip"), DR_OK);
    unlink("x.zip");
    if (dr_zip_open(&z, map.data, map.size, "x.zip"))
        fail_msg("%s", dr_error());
    assert_int_equal(z.count, 3);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal((z.entry[i].data - map.data) % 64, 0);
    assert_memory_equal(found(&z, "long/name")->data, "123456789", 9);
    assert_int_equal(found(&z, "empty")->size, 0);
    assert_int_equal(le32(map.data + found(&z, "long/name")->from + 14), 0xcbf43926);
    assert_int_equal(le32(map.data + found(&z, "empty")->from + 14), 0);
    assert_int_equal(le32(map.data + found(&z, "z")->from + 14), dr_crc32(0, "z", 1));
    dr_zip_close(&z);
    dr_map_close(&map);
}

static size_t put(int fd, uint64_t at, const unsigned char *record, size_t n)
{
    assert_int_equal(pwrite(fd, record, n, (off_t)at), n);
    return n;
}

/* A file that is all holes but for the records: nobody writes 5 GiB. */
static void sizes_and_places_over_4_gib_are_told(void **state)
{
    (void)state;
    unsigned char record[DR_ZIP_RECORD_MAX];
    dr_zip_item item[] = {{.name = "box/just-below", .size = 0xfffffffe},
                          {.name = "box/just-full", .size = 0xffffffff},
                          {.name = "box/large", .size = (uint64_t)5 << 30},
                          {.name = "box/behind", .size = 3}};
    uint64_t at = 0, data[4];
    int fd = open("x.zip", O_RDWR | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0);
    for (int i = 0; i < 4; i++) {
        item[i].from = at;
        at += put(fd, at, record, dr_zip_local(record, &item[i]));
        data[i] = at;
        assert_int_equal(at % 64, 0);
        at += item[i].size;
    }
    uint64_t from = at;
    for (int i = 0; i < 4; i++)
        at += put(fd, at, record, dr_zip_central(record, &item[i]));
    put(fd, at, record, dr_zip_end(record, 4, from, at - from));
    close(fd);

    dr_zip z;
    dr_map map;
    assert_int_equal(dr_map_open(&map, "x.zip"), DR_OK);
    unlink("x.zip");
    if (dr_zip_open(&z, map.data, map.size, "x.zip"))
        fail_msg("%s", dr_error());
    for (int i = 0; i < 4; i++) {
        const dr_zip_entry *e = found(&z, item[i].name + 4);
        assert_true(e->from == item[i].from && e->size == item[i].size && e->data == map.data + data[i]);
    }
    dr_zip_close(&z);
    dr_map_close(&map);
}

static void more_entries_than_16_bits_count_are_told(void **state)
{
    (void)state;
    enum { MANY = 65536 };
    dr_zip_writer w;
    dr_zip z;
    dr_map map;
    char name[DR_ZIP_NAME];
    assert_int_equal(dr_zip_create(&w, "x.zip", MANY), DR_OK);
    for (int i = 0; i < MANY; i++) {
        snprintf(name, sizeof name, "box/%d", i);
        assert_int_equal(dr_zip_begin(&w, name, 0), DR_OK);
    }
    assert_int_equal(dr_zip_commit(&w), DR_OK);
    assert_int_equal(dr_map_open(&map, "x.zip"), DR_OK);
    unlink("x.zip");
    if (dr_zip_open(&z, map.data, map.size, "x.zip"))
        fail_msg("%s", dr_error());
    assert_int_equal(z.count, MANY);
    dr_zip_close(&z);
    dr_map_close(&map);
}

static void what_cannot_be_written_leaves_nothing(void **state)
{
    (void)state;
    dr_zip_writer w;
    assert_int_equal(dr_zip_create(&w, "no/such/folder/x.zip", 1), DR_EIO);
    assert_int_equal(dr_zip_create(&w, "x.zip", 1), DR_OK);
    assert_int_equal(dr_zip_begin(&w, "box/a", 100), DR_OK);
    dr_zip_abort(&w);
    dr_zip_abort(&w);
    assert_false(dr_exists("x.zip"));
    if (access("/dev/full", W_OK) != 0)
        skip();
    assert_int_equal(dr_zip_create(&w, "x.zip", 1), DR_OK);
    w.out.f = freopen("/dev/full", "wb", w.out.f);
    assert_int_equal(dr_zip_begin(&w, "box/a", 1), DR_OK); /* still in the buffer */
    assert_int_equal(dr_zip_put(&w, "a", 1), DR_OK);
    assert_int_equal(dr_zip_commit(&w), DR_EIO);
    assert_non_null(strstr(dr_error(), "cannot write 'x.zip': No space left"));
    assert_false(dr_exists("x.zip"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(entries_lie_aligned_with_their_checksums),
        cmocka_unit_test(sizes_and_places_over_4_gib_are_told),
        cmocka_unit_test(more_entries_than_16_bits_count_are_told),
        cmocka_unit_test(what_cannot_be_written_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, into_own_folder, out_again);
}
