/* Single published files, from a small server on this machine. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/path.h"
#include "io/hub_published.h"
#include "io/hub_server.h"

static unsigned char net[300000], lin[700];
static const hub_file published[] = {{"net.pth", net, sizeof net, true}, {"v0.1/alex.pth", lin, sizeof lin, true}};

typedef struct fixture {
    hub_server hub;
    char dir[64], base[128];
    char sum[2][65];
    dr_published list[2];
    dr_hub_options o;
} fixture;

static int setup(void **state)
{
    fixture *t = calloc(1, sizeof *t);
    strcpy(t->dir, "/tmp/drape-test-XXXXXX");
    for (size_t i = 0; i < sizeof net; i++)
        net[i] = (unsigned char)(i * 2654435761u >> 13);
    for (size_t i = 0; i < sizeof lin; i++)
        lin[i] = (unsigned char)(i * 40503u >> 7);
    if (!mkdtemp(t->dir) || !hub_start(&t->hub, published, 2))
        return -1;
    snprintf(t->base, sizeof t->base, "http://127.0.0.1:%d/x/resolve/" HUB_COMMIT, t->hub.port);
    for (int i = 0; i < 2; i++) {
        char *sum = g_compute_checksum_for_data(G_CHECKSUM_SHA256, published[i].data, published[i].size);
        snprintf(t->sum[i], sizeof t->sum[i], "%s", sum);
        g_free(sum);
        t->list[i] = (dr_published){t->base, published[i].path, published[i].size, t->sum[i]};
    }
    t->o = (dr_hub_options){.repo = "backbones", .out_dir = t->dir, .quiet = true, .backoff_ms = 5, .stall_s = 5};
    *state = t;
    return 0;
}

static int teardown(void **state)
{
    fixture *t = *state;
    hub_stop(&t->hub);
    assert_int_equal(dr_remove_tree(t->dir), DR_OK);
    free(t);
    return 0;
}

static dr_status pull(fixture *t, dr_hub_result *r)
{
    dr_status st = dr_hub_pull_published(t->list, 2, &t->o, r);
    hub_settle(&t->hub);
    return st;
}

static void assert_there(const fixture *t, const hub_file *f)
{
    char path[512], *text;
    size_t n;
    dr_path(path, sizeof path, t->dir, f->path);
    assert_int_equal(dr_file_read(path, 1 << 20, &text, &n), DR_OK);
    assert_int_equal(n, f->size);
    assert_memory_equal(text, f->data, n);
    free(text);
}

static void files_come_and_are_not_fetched_twice(void **state)
{
    fixture *t = *state;
    dr_hub_result r;
    assert_int_equal(pull(t, &r), DR_OK);
    assert_int_equal(r.fetched, 2);
    assert_int_equal(r.bytes_fetched, sizeof net + sizeof lin);
    assert_there(t, &published[0]);
    assert_there(t, &published[1]);
    assert_int_equal(pull(t, &r), DR_OK);
    assert_int_equal(r.fetched, 0);
    assert_int_equal(t->hub.bodies, 2);
}

static void a_cut_connection_is_carried_on(void **state)
{
    fixture *t = *state;
    t->hub.fault[0] = (hub_fault){.path = "net.pth", .kind = HUB_CUT, .times = 1, .at = 100000};
    assert_int_equal(pull(t, NULL), DR_OK);
    assert_int_equal(t->hub.range_from, 100000);
    assert_there(t, &published[0]);
}

static void another_file_than_was_published_is_not_kept(void **state)
{
    fixture *t = *state;
    char path[512];
    t->hub.fault[0] = (hub_fault){.path = "net.pth", .kind = HUB_FLIP};
    assert_int_equal(pull(t, NULL), DR_EINVAL);
    assert_non_null(strstr(dr_error(), "cannot fetch 'net.pth' from 'http://127.0.0.1"));
    assert_non_null(strstr(dr_error(), "SHA-256"));
    dr_path(path, sizeof path, t->dir, "net.pth");
    assert_false(dr_exists(path));
}

static void a_file_of_somebody_else_stays(void **state)
{
    fixture *t = *state;
    char path[512];
    dr_path(path, sizeof path, t->dir, "net.pth");
    assert_int_equal(dr_file_write(path, "mine", 4), DR_OK);
    assert_int_equal(pull(t, NULL), DR_EINVAL);
    assert_non_null(strstr(dr_error(), "net.pth' is there and is not the published file"));
    assert_int_equal(t->hub.requests, 0);
    t->o.overwrite = true;
    assert_int_equal(pull(t, NULL), DR_OK);
    assert_there(t, &published[0]);
}

static void offline_nothing_is_asked_for(void **state)
{
    fixture *t = *state;
    t->o.offline = true;
    assert_int_equal(pull(t, NULL), DR_ENET);
    assert_non_null(strstr(dr_error(), "net.pth' is missing"));
    t->o.offline = false;
    assert_int_equal(pull(t, NULL), DR_OK);
    int asked = t->hub.requests;
    t->o.offline = true;
    assert_int_equal(pull(t, NULL), DR_OK);
    assert_int_equal(t->hub.requests, asked);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(files_come_and_are_not_fetched_twice),
        TEST(a_cut_connection_is_carried_on),
        TEST(another_file_than_was_published_is_not_kept),
        TEST(a_file_of_somebody_else_stays),
        TEST(offline_nothing_is_asked_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
