/* Pulling from a small hub on this machine that misbehaves on request. */
#include "io/hub.h"

#include "base/file.h"
#include "base/path.h"
#include "hub_server.h"
#include "io/http_parse.h"
#include "io/hub_listing.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>

#include <cmocka.h>

enum { UNET_SIZE = 400000 };
#define UNET "unet/diffusion_pytorch_model.safetensors"

static unsigned char unet[UNET_SIZE], small[5000];

#define TEXT(path, text)                                                                                               \
    {                                                                                                                  \
        path, (const unsigned char *)(text), sizeof(text) - 1, false                                                   \
    }
static const hub_file pipeline[] = {
    TEXT(".gitattributes", "*.safetensors filter=lfs\n"),
    TEXT("README.md", "a card"),
    TEXT("model_index.json", "{\"_class_name\": \"StableDiffusionInpaintPipeline\"}"),
    {"sd-v1-5-inpainting.ckpt", small, 600, true},
    {"safety_checker/model.safetensors", small, 700, true},
    TEXT("scheduler/scheduler_config.json", "{}"),
    TEXT("text_encoder/config.json", "{\"hidden_size\": 8}"),
    {"text_encoder/model.safetensors", small, 3000, true},
    {"text_encoder/model.fp16.safetensors", small, 1500, true},
    TEXT("tokenizer/merges.txt", "#version: 0.2\n"),
    TEXT("tokenizer/special_tokens_map.json", ""), /* no bytes at all */
    TEXT("tokenizer/vocab.json", "{\"a\": 0}"),
    TEXT("unet/config.json", "{\"in_channels\": 9}"),
    {"unet/diffusion_pytorch_model.bin", unet, 900, true},
    {"unet/diffusion_pytorch_model.fp16.safetensors", unet, 2000, true},
    {UNET, unet, UNET_SIZE, true},
    TEXT("vae/config.json", "{}"),
    {"vae/diffusion_pytorch_model.safetensors", small, 4000, true},
};
enum { FILES = sizeof pipeline / sizeof *pipeline, WANTED = 11 };

typedef struct fixture {
    hub_server hub;
    char dir[64], endpoint[64];
    dr_hub_options o;
    /* callbacks */
    uint64_t cancel_at; /* bytes of the UNet; 0 = never */
    bool cancelled;
    int notes;
    uint64_t last_done;
} fixture;

static void on_progress(void *user, const dr_hub_progress *p)
{
    fixture *t = user;
    t->notes += p->note != NULL;
    t->last_done = p->done;
    assert_true(p->file_done <= p->file_total);
    assert_true(p->done <= p->total);
    if (t->cancel_at && strcmp(p->path, UNET) == 0 && p->file_done >= t->cancel_at)
        t->cancelled = true;
}

static bool is_cancelled(void *user)
{
    return ((fixture *)user)->cancelled;
}

static int setup(void **state)
{
    fixture *t = calloc(1, sizeof *t);
    snprintf(t->dir, sizeof t->dir, "/tmp/drape-test-hub-XXXXXX");
    for (size_t i = 0; i < UNET_SIZE; i++)
        unet[i] = (unsigned char)(i * 2654435761u >> 13);
    for (size_t i = 0; i < sizeof small; i++)
        small[i] = (unsigned char)(i * 40503u >> 7);
    if (!t || !mkdtemp(t->dir) || !hub_start(&t->hub, pipeline, FILES))
        return -1;
    snprintf(t->endpoint, sizeof t->endpoint, "http://127.0.0.1:%d/", t->hub.port);
    t->o = (dr_hub_options){.repo = "org/tiny",
                            .out_dir = t->dir,
                            .endpoint = t->endpoint,
                            .backoff_ms = 5,
                            .stall_s = 5,
                            .progress = on_progress,
                            .cancelled = is_cancelled,
                            .user = t};
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

/* --- helpers ---------------------------------------------------------------------------------------- */

static char *in_dir(const fixture *t, const char *name)
{
    static char path[512];
    dr_path(path, sizeof path, t->dir, name);
    return path;
}

static bool there(const fixture *t, const char *name)
{
    return dr_exists(in_dir(t, name));
}

static void assert_file(const fixture *t, const char *name, const void *data, size_t size)
{
    char *text;
    size_t n;
    assert_int_equal(dr_file_read(in_dir(t, name), 1 << 20, &text, &n), DR_OK);
    assert_int_equal(n, size);
    assert_memory_equal(text, data, size);
    free(text);
}

static size_t size_of(const fixture *t, const char *name)
{
    struct stat s;
    assert_int_equal(stat(in_dir(t, name), &s), 0);
    return (size_t)s.st_size;
}

static void put(const fixture *t, const char *name, const void *data, size_t size)
{
    FILE *f = fopen(in_dir(t, name), "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(data, 1, size, f), size);
    fclose(f);
}

static dr_status pull(fixture *t, dr_hub_result *r)
{
    dr_status st = dr_hub_pull(&t->o, r);
    hub_settle(&t->hub);
    return st;
}

static void pull_fine(fixture *t, dr_hub_result *r)
{
    dr_hub_result mine;
    dr_status st = pull(t, r ? r : &mine);
    if (st)
        print_error("%s\n", dr_error());
    assert_int_equal(st, DR_OK);
    assert_file(t, UNET, unet, UNET_SIZE);
    assert_false(there(t, UNET ".part"));
}

static void assert_fails(fixture *t, dr_status code, const char *said)
{
    dr_status st = pull(t, NULL);
    if (st != code || !strstr(dr_error(), said))
        print_error("status %d: %s\n", (int)st, dr_error());
    assert_int_equal(st, code);
    assert_non_null(strstr(dr_error(), said));
}

static void set_fault(fixture *t, hub_fault f)
{
    t->hub.fault[0] = f;
}

/* --- the whole, and what is taken ------------------------------------------------------------------------ */

static void a_pull_brings_what_the_pipeline_needs_and_no_more(void **state)
{
    fixture *t = *state;
    dr_hub_result r;
    t->hub.paged = true;
    pull_fine(t, &r);
    assert_int_equal(r.kind, DR_HUB_PIPELINE);
    assert_string_equal(r.commit, HUB_COMMIT);
    assert_int_equal(r.files, WANTED);
    assert_int_equal(r.fetched, WANTED);
    assert_file(t, "text_encoder/model.safetensors", small, 3000);
    assert_file(t, "tokenizer/special_tokens_map.json", "", 0);
    assert_file(t, "unet/config.json", "{\"in_channels\": 9}", 18);
    static const char *const unwanted[] = {"README.md", "sd-v1-5-inpainting.ckpt", "safety_checker",
                                           "unet/diffusion_pytorch_model.bin",
                                           "unet/diffusion_pytorch_model.fp16.safetensors"};
    for (size_t i = 0; i < sizeof unwanted / sizeof *unwanted; i++)
        assert_false(there(t, unwanted[i]));
}

static void a_second_pull_fetches_nothing(void **state)
{
    fixture *t = *state;
    dr_hub_result r;
    pull_fine(t, NULL);
    int bodies = t->hub.bodies;
    pull_fine(t, &r);
    assert_int_equal(t->hub.bodies, bodies);
    assert_int_equal(r.fetched, 0);
    assert_int_equal(r.bytes_fetched, 0);
    assert_int_equal(remove(in_dir(t, DR_HUB_RECORD)), 0); /* then it hashes, and comes to the same */
    pull_fine(t, &r);
    assert_int_equal(t->hub.bodies, bodies);
    assert_int_equal(r.fetched, 0);
}

static void a_variant_falls_back_to_plain_where_a_part_lacks_it(void **state)
{
    fixture *t = *state;
    t->o.variant = "fp16";
    assert_int_equal(pull(t, NULL), DR_OK);
    assert_file(t, "unet/diffusion_pytorch_model.fp16.safetensors", unet, 2000);
    assert_file(t, "text_encoder/model.fp16.safetensors", small, 1500);
    assert_file(t, "vae/diffusion_pytorch_model.safetensors", small, 4000);
    assert_false(there(t, UNET));
    t->o.variant = "bf16";
    assert_fails(t, DR_EINVAL, "no part of it has the variant 'bf16'");
}

#define SEGFORMER "{\"model_type\": \"segformer\"}"

static void a_parser_folder_is_recognised(void **state)
{
    fixture *t = *state;
    static const hub_file parser[] = {
        TEXT("config.json", SEGFORMER),          {"model.safetensors", small, 2500, true},
        {"onnx/model.onnx", small, 100, true},   TEXT("preprocessor_config.json", "{ }"),
        {"optimizer.pt", small, 100, true},      {"pytorch_model.bin", small, 100, true},
        {"training_args.bin", small, 100, true},
    };
    dr_hub_result r;
    t->hub.file = parser;
    t->hub.files = 7;
    assert_int_equal(pull(t, &r), DR_OK);
    assert_int_equal(r.kind, DR_HUB_PARSER);
    assert_int_equal(r.files, 3);
    assert_file(t, "model.safetensors", small, 2500);
    t->o.kind = DR_HUB_PIPELINE;
    assert_fails(t, DR_EINVAL, "expected an inpainting pipeline");
}

/* A repo of a set is told what it is to be: its files are those of other kinds, too. */
static void a_part_alone_comes_when_it_is_asked_for(void **state)
{
    fixture *t = *state;
    static const hub_file vae[] = {TEXT("config.json", "{\"latent_channels\": 4}"),
                                   {"diffusion_pytorch_model.bin", small, 100, true},
                                   {"diffusion_pytorch_model.safetensors", small, 300, true}};
    static const hub_file attention[] = {TEXT("config.json", ""),
                                         {"SCHP/model.pth", small, 100, true},
                                         {"mix-48k-1024/attention/model.safetensors", small, 700, true},
                                         {"other-16k-512/attention/model.safetensors", small, 800, true}};
    dr_hub_result r;
    t->hub.file = attention;
    t->hub.files = 4;
    t->o.kind = DR_HUB_ATTENTION;
    t->o.variant = "mix-48k-1024";
    assert_int_equal(pull(t, &r), DR_OK);
    assert_int_equal(r.files, 1);
    assert_file(t, "mix-48k-1024/attention/model.safetensors", small, 700);
    t->o.variant = "mix-1k-64";
    assert_fails(t, DR_EINVAL, "it has no 'mix-1k-64/attention/model.safetensors'");
    t->hub.file = vae;
    t->hub.files = 3;
    t->o.kind = DR_HUB_VAE;
    t->o.variant = "";
    assert_int_equal(pull(t, &r), DR_OK);
    assert_int_equal(r.files, 2);
    assert_file(t, "diffusion_pytorch_model.safetensors", small, 300);
    t->hub.file = pipeline;
    t->hub.files = FILES;
    t->o.kind = DR_HUB_UNET;
    t->o.variant = "fp16";
    assert_int_equal(pull(t, &r), DR_OK);
    assert_int_equal(r.files, 4);
    assert_file(t, "unet/diffusion_pytorch_model.fp16.safetensors", unet, 2000);
    assert_false(there(t, "text_encoder/config.json"));
}

static void weights_that_are_only_pickled_are_refused(void **state)
{
    fixture *t = *state;
    static const hub_file parser[] = {TEXT("config.json", SEGFORMER),
                                      TEXT("preprocessor_config.json", "{}"),
                                      {"pytorch_model.bin", small, 100, true}};
    t->hub.file = parser;
    t->hub.files = 3;
    assert_fails(t, DR_EINVAL, "pickled");
    assert_int_equal(t->hub.bodies, 0);
}

static void shards_come_with_their_index(void **state)
{
    fixture *t = *state;
    static const hub_file parser[] = {TEXT("config.json", SEGFORMER),
                                      {"model-00001-of-00002.safetensors", small, 100, true},
                                      {"model-00002-of-00002.safetensors", small, 200, true},
                                      TEXT("model.safetensors.index.json", "{}"),
                                      TEXT("preprocessor_config.json", "{}")};
    t->hub.file = parser;
    t->hub.files = 5;
    assert_int_equal(pull(t, NULL), DR_OK);
    assert_file(t, "model-00002-of-00002.safetensors", small, 200);
    t->hub.file = parser + 1; /* without config.json it is nothing we know */
    t->hub.files = 4;
    assert_fails(t, DR_EINVAL, "neither model_index.json");
    static const hub_file single[] = {{"sd-v1-5-Q8_0.gguf", small, 100, true}, TEXT("README.md", "x")};
    t->hub.file = single;
    t->hub.files = 2;
    assert_fails(t, DR_EINVAL, "has single files, such as 'sd-v1-5-Q8_0.gguf'");
}

static void a_model_that_is_no_parser_is_refused_before_its_weights(void **state)
{
    fixture *t = *state;
    static const hub_file other[] = {TEXT("config.json", "{\"model_type\": \"bert\"}"),
                                     {"model.safetensors", small, 2500, true},
                                     TEXT("preprocessor_config.json", "{}")};
    t->hub.file = other;
    t->hub.files = 3;
    assert_fails(t, DR_EINVAL, "\"model_type\" is \"bert\"");
    assert_false(there(t, "model.safetensors"));
    t->hub.files = 2;
    assert_fails(t, DR_EINVAL, "it has no 'preprocessor_config.json'");
}

static void a_model_of_another_kind_is_refused_before_its_weights(void **state)
{
    fixture *t = *state;
    hub_file copy[FILES];
    memcpy(copy, pipeline, sizeof copy);
    for (int i = 0; i < FILES; i++)
        if (strcmp(copy[i].path, "unet/config.json") == 0)
            copy[i].data = (const unsigned char *)"{\"in_channels\": 8}";
    t->hub.file = copy;
    assert_fails(t, DR_EINVAL, "takes 8 channels, expected 9");
    assert_false(there(t, UNET));
    assert_false(there(t, UNET ".part"));
}

/* Stands for drape's own look at configs, tokenizer and scheduler. */
static dr_status refuse(void *user, dr_hub_kind kind, const char *dir)
{
    const fixture *t = user;
    assert_int_equal(kind, DR_HUB_PIPELINE);
    assert_string_equal(dir, t->dir);
    assert_true(there(t, "model_index.json") && there(t, "vae/config.json") && there(t, "tokenizer/vocab.json"));
    return dr_fail(DR_EINVAL, "its scheduler is not supported");
}

static void the_callers_look_comes_before_any_weights(void **state)
{
    fixture *t = *state;
    hub_file copy[FILES];
    memcpy(copy, pipeline, sizeof copy);
    for (int i = 0; i < FILES; i++)
        if (strcmp(copy[i].path, UNET) == 0)
            copy[i].size = 3; /* smaller than any other file */
    t->hub.file = copy;
    t->o.check = refuse;
    assert_fails(t, DR_EINVAL, "cannot pull 'org/tiny': drape could not use it: its scheduler is not supported");
    assert_false(there(t, UNET) || there(t, UNET ".part") || there(t, "text_encoder/model.safetensors"));
}

/* --- cut connections ------------------------------------------------------------------------------------ */

static void a_cut_connection_is_carried_on_where_it_broke(void **state)
{
    fixture *t = *state;
    dr_hub_result r;
    set_fault(t, (hub_fault){.path = UNET, .kind = HUB_CUT, .times = 2, .at = 100000});
    pull_fine(t, &r);
    assert_int_equal(t->hub.ranges, 2);
    assert_int_equal(t->hub.range_from, 200000);
    assert_int_equal(t->notes, 2);
    assert_int_equal(t->last_done, r.bytes_fetched); /* no byte twice */
}

static void a_part_of_an_earlier_pull_is_carried_on(void **state)
{
    fixture *t = *state;
    set_fault(t, (hub_fault){.path = UNET, .kind = HUB_CUT, .at = 150000});
    t->o.tries = 1;
    assert_fails(t, DR_ENET, "gave up after 1 tries");
    assert_int_equal(size_of(t, UNET ".part"), 150000);
    assert_false(there(t, UNET));
    set_fault(t, (hub_fault){0});
    pull_fine(t, NULL);
    assert_int_equal(t->hub.range_from, 150000);
}

static void a_server_without_ranges_sends_all_again(void **state)
{
    fixture *t = *state;
    static const hub_fault_kind kind[] = {HUB_NO_RANGE, HUB_OTHER_RANGE, HUB_NOT_RANGE};
    for (int i = 0; i < 3; i++) {
        mkdir(in_dir(t, "unet"), 0777);
        put(t, UNET ".part", unet, 1000);
        remove(in_dir(t, UNET));
        set_fault(t, (hub_fault){.path = UNET, .kind = kind[i]});
        t->notes = 0;
        pull_fine(t, NULL);
        assert_int_equal(t->hub.range_from, 1000);
        assert_int_equal(t->notes, kind[i] != HUB_NO_RANGE); /* the others need a second request */
    }
}

static void a_part_with_other_bytes_is_thrown_away(void **state)
{
    fixture *t = *state;
    mkdir(in_dir(t, "unet"), 0777);
    put(t, UNET ".part", small, 3000);
    pull_fine(t, NULL);
    assert_int_equal(t->hub.range_from, 3000);
    remove(in_dir(t, UNET));
    static unsigned char longer[UNET_SIZE + 5];
    put(t, UNET ".part", longer, sizeof longer);
    pull_fine(t, NULL);
}

static void a_cancelled_pull_leaves_parts_and_carries_on(void **state)
{
    fixture *t = *state;
    t->cancel_at = 50000;
    assert_int_equal(pull(t, NULL), DR_ECANCELLED);
    assert_false(there(t, UNET));
    size_t kept = size_of(t, UNET ".part");
    assert_true(kept >= 50000 && kept < UNET_SIZE);
    assert_file(t, UNET ".part", unet, kept);
    t->cancel_at = 0;
    t->cancelled = false;
    pull_fine(t, NULL);
    assert_int_equal(t->hub.range_from, kept);
}

/* --- wrong answers ----------------------------------------------------------------------------------------- */

static void a_wrong_size_is_refused(void **state)
{
    fixture *t = *state;
    set_fault(t, (hub_fault){.path = UNET, .kind = HUB_LONGER});
    assert_fails(t, DR_EINVAL, "400010 bytes of it, its listing says 400000");
    set_fault(t, (hub_fault){.path = UNET, .kind = HUB_ENDLESS});
    assert_fails(t, DR_EINVAL, "more than the 400000 bytes");
    assert_false(there(t, UNET));
}

static void a_wrong_hash_is_refused(void **state)
{
    fixture *t = *state;
    set_fault(t, (hub_fault){.path = UNET, .kind = HUB_FLIP});
    assert_fails(t, DR_EINVAL, "has not the SHA-256");
    assert_false(there(t, UNET));
    assert_false(there(t, UNET ".part"));
}

static void a_wrong_git_hash_is_refused(void **state)
{
    fixture *t = *state;
    set_fault(t, (hub_fault){.path = "vae/config.json", .kind = HUB_FLIP});
    assert_fails(t, DR_EINVAL, "has not the git hash");
    assert_false(there(t, "vae/config.json"));
}

static void errors_that_pass_are_sat_out(void **state)
{
    fixture *t = *state;
    t->hub.fault[0] = (hub_fault){.path = UNET, .kind = HUB_STATUS, .times = 2, .status = 500};
    t->hub.fault[1] = (hub_fault){.path = "/tree/", .kind = HUB_STATUS, .times = 2, .status = 503};
    pull_fine(t, NULL);
    assert_int_equal(t->notes, 4);
}

static void errors_that_stay_end_after_the_tries(void **state)
{
    fixture *t = *state;
    set_fault(t, (hub_fault){.path = "/revision/", .kind = HUB_STATUS, .status = 500});
    assert_fails(t, DR_ENET, "answered 500; gave up after 5 tries");
    assert_int_equal(t->hub.requests, 5);
}

static void retry_after_is_honoured(void **state)
{
    fixture *t = *state;
    struct timespec a, b;
    set_fault(t, (hub_fault){.path = "/tree/", .kind = HUB_STATUS, .times = 1, .status = 429, .retry_after = 1});
    clock_gettime(CLOCK_MONOTONIC, &a);
    pull_fine(t, NULL);
    clock_gettime(CLOCK_MONOTONIC, &b);
    assert_true((double)(b.tv_sec - a.tv_sec) + 1e-9 * (double)(b.tv_nsec - a.tv_nsec) >= 1.0);
    set_fault(t, (hub_fault){.path = "/tree/", .kind = HUB_STATUS, .status = 429, .retry_after = 100000});
    assert_fails(t, DR_ENET, "asks to wait 100000 s");
}

static void a_gated_repo_asks_for_a_token(void **state)
{
    fixture *t = *state;
    t->hub.token = "hf_right";
    assert_fails(t, DR_ENET, "set HF_TOKEN");
    assert_int_equal(t->hub.requests, 1);
    t->o.token = "hf_wrong";
    assert_fails(t, DR_ENET, "the token does not open it");
    t->o.token = " hf_right\n";
    pull_fine(t, NULL);
    t->o.token = "two\r\nheaders";
    assert_fails(t, DR_EINVAL, "cannot use the token");
}

static void what_is_not_there_names_repo_and_revision(void **state)
{
    fixture *t = *state;
    t->o.revision = "refs/pr/7";
    set_fault(t, (hub_fault){.path = "/revision/refs%2Fpr%2F7", .kind = HUB_STATUS, .status = 404});
    assert_fails(t, DR_ENOENT, "no repo 'org/tiny', or it has no revision 'refs/pr/7'");
    assert_int_equal(t->hub.requests, 1);
}

static void endless_headers_are_cut_off(void **state)
{
    fixture *t = *state;
    set_fault(t, (hub_fault){.path = "/tree/", .kind = HUB_HEADERS});
    assert_fails(t, DR_ENET, "endless headers");
}

static void the_token_stays_with_the_endpoint(void **state)
{
    fixture *t = *state;
    hub_server cdn;
    char to[64];
    assert_true(hub_start(&cdn, pipeline, FILES));
    snprintf(to, sizeof to, "http://127.0.0.1:%d", cdn.port);
    t->hub.token = t->o.token = "hf_secret";
    set_fault(t, (hub_fault){.path = ".safetensors", .kind = HUB_REDIRECT, .to = to});
    pull_fine(t, NULL);
    assert_int_equal(cdn.bodies, 3);
    assert_int_equal(cdn.authorized, 0);
    assert_int_equal(t->hub.authorized, t->hub.requests);
    hub_stop(&cdn);
}

static void a_redirect_in_a_circle_ends(void **state)
{
    fixture *t = *state;
    char to[64];
    snprintf(to, sizeof to, "http://127.0.0.1:%d", t->hub.port);
    set_fault(t, (hub_fault){.path = "/tree/", .kind = HUB_REDIRECT, .to = to});
    assert_fails(t, DR_ENET, "in a circle");
    set_fault(t, (hub_fault){.path = "/tree/", .kind = HUB_REDIRECT, .to = "file:///etc"});
    assert_fails(t, DR_EINVAL, "must be http:// or https://");
}

/* --- hostile listings ------------------------------------------------------------------------------------ */

#define GOOD(path) "{\"type\":\"file\",\"path\":\"" path "\",\"size\":1,\"oid\":\"" HUB_COMMIT "\"}"

static void hostile_listings_are_refused(void **state)
{
    fixture *t = *state;
    static const struct {
        const char *listing, *said;
    } bad[] = {
        {"[" GOOD("../evil") "]", "leads out of the folder"},
        {"[" GOOD("unet/../../evil") "]", "leads out of the folder"},
        {"[" GOOD("unet//x") "]", "leads out of the folder"},
        {"[" GOOD("unet/") "]", "leads out of the folder"},
        {"[" GOOD("/etc/passwd") "]", "is absolute"},
        {"[" GOOD("") "]", "is empty"},
        {"[" GOOD("unet/\\u001b[2J") "]", "control character"},
        {"[" GOOD("config.json") "," GOOD("config.json") "]", "twice"},
        {"[{\"type\":\"file\",\"path\":\"a\",\"size\":-1,\"oid\":\"" HUB_COMMIT "\"}]", "\"size\" is -1"},
        {"[{\"type\":\"file\",\"path\":\"a\",\"size\":900000000000,\"oid\":\"" HUB_COMMIT "\"}]", "\"size\" is 9"},
        {"[{\"type\":\"file\",\"path\":\"a\",\"size\":1}]", "not a hash"},
        {"[{\"type\":\"file\",\"path\":\"a\",\"size\":1,\"oid\":\"../..\"}]", "not a hash"},
        {"[{\"type\":\"file\",\"path\":7}]", "no \"path\""},
        {"{\"error\":\"x\"}", "not a list"},
        {"[1]", "no \"path\""},
        {"[[[[", "not valid JSON"},
        {"", "not valid JSON"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        t->hub.listing = bad[i].listing;
        assert_fails(t, DR_EINVAL, bad[i].said);
        for (const char *p = dr_error(); *p; p++)
            assert_true(*p >= ' ');
    }
    assert_int_equal(t->hub.bodies, 0);
    assert_false(there(t, DR_HUB_RECORD));
}

static void symbolic_links_in_the_folder_are_not_followed(void **state)
{
    fixture *t = *state;
    char target[128];
    dr_path(target, sizeof target, t->dir, "elsewhere");
    mkdir(target, 0777);
    assert_int_equal(symlink(target, in_dir(t, "unet")), 0);
    assert_fails(t, DR_EINVAL, "is a symbolic link");
    assert_int_equal(rmdir(target), 0); /* still empty */
    assert_int_equal(remove(in_dir(t, "unet")), 0);
    mkdir(in_dir(t, "unet"), 0777);
    dr_path(target, sizeof target, t->dir, "target");
    assert_int_equal(symlink(target, in_dir(t, UNET ".part")), 0);
    assert_fails(t, DR_EIO, "is a symbolic link");
    assert_false(there(t, "target"));
}

/* --- the folder ------------------------------------------------------------------------------------------ */

static void files_of_others_are_not_overwritten(void **state)
{
    fixture *t = *state;
    mkdir(in_dir(t, "unet"), 0777);
    put(t, UNET, "my own training", 15);
    assert_fails(t, DR_EINVAL, "is not the file of 'org/tiny'");
    assert_file(t, UNET, "my own training", 15);
    assert_int_equal(t->hub.bodies, 0);
    t->o.overwrite = true;
    pull_fine(t, NULL);
    t->o.overwrite = false;
    t->o.repo = "org/other";
    assert_fails(t, DR_EINVAL, "holds a pull of 'org/tiny', not of 'org/other'");
}

static void a_file_changed_since_its_pull_is_noticed(void **state)
{
    fixture *t = *state;
    const struct timespec then[2] = {{1000, 0}, {1000, 0}};
    pull_fine(t, NULL);
    put(t, "vae/config.json", "[]", 2); /* as long as what was there */
    assert_int_equal(utimensat(AT_FDCWD, in_dir(t, "vae/config.json"), then, 0), 0);
    assert_fails(t, DR_EINVAL, "vae/config.json' is there and is not the file");
    assert_file(t, "vae/config.json", "[]", 2);
    put(t, "vae/config.json", "{}", 2); /* put back: right again, whatever its time */
    pull_fine(t, NULL);
}

static void a_newer_commit_replaces_what_was_pulled(void **state)
{
    fixture *t = *state;
    hub_file copy[FILES];
    dr_hub_result r;
    pull_fine(t, NULL);
    memcpy(copy, pipeline, sizeof copy);
    for (int i = 0; i < FILES; i++)
        if (strcmp(copy[i].path, "vae/config.json") == 0)
            copy[i].data = (const unsigned char *)"[]";
    t->hub.file = copy;
    pull_fine(t, &r);
    assert_int_equal(r.fetched, 1);
    assert_file(t, "vae/config.json", "[]", 2);
}

static void offline_takes_what_is_complete_and_asks_nobody(void **state)
{
    fixture *t = *state;
    dr_hub_result r;
    t->o.offline = true;
    assert_fails(t, DR_ENET, "holds no complete pull");
    assert_int_equal(t->hub.requests, 0);
    t->o.offline = false;
    pull_fine(t, NULL);
    int requests = t->hub.requests;
    t->o.offline = true;
    pull_fine(t, &r);
    assert_int_equal(r.files, WANTED);
    assert_int_equal(r.fetched, 0);
    put(t, UNET, small, 10);
    assert_fails(t, DR_ENET, "not as it was pulled");
    remove(in_dir(t, UNET));
    assert_fails(t, DR_ENET, "is missing");
    t->o.revision = "v2";
    assert_fails(t, DR_ENET, "of revision 'v2'");
    assert_int_equal(t->hub.requests, requests);
}

static void a_full_disk_is_seen_beforehand(void **state)
{
    fixture *t = *state;
    GString *s = g_string_new(
        "[" GOOD("config.json") "," GOOD("preprocessor_config.json") "," GOOD("model.safetensors.index.json"));
    for (int i = 1; i <= 99; i++)
        g_string_append_printf(s,
                               ",{\"type\":\"file\",\"path\":\"model-%05d-of-00099.safetensors\","
                               "\"size\":270000000000,\"oid\":\"" HUB_COMMIT "\"}",
                               i);
    g_string_append(s, "]");
    t->hub.listing = s->str;
    assert_fails(t, DR_EIO, "26730.0 GB are to be fetched");
    assert_int_equal(t->hub.bodies, 0);
    g_string_free(s, TRUE);
}

static void a_write_that_fails_keeps_the_part(void **state)
{
    fixture *t = *state;
    struct rlimit old, low;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    low = old;
    low.rlim_cur = 120000;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &low), 0);
    dr_status st = pull(t, NULL);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    assert_int_equal(st, DR_EIO);
    assert_non_null(strstr(dr_error(), "cannot write"));
    assert_int_equal(size_of(t, UNET ".part"), 120000);
    assert_false(there(t, UNET));
    pull_fine(t, NULL);
    assert_int_equal(t->hub.range_from, 120000);
}

/* --- options ---------------------------------------------------------------------------------------------- */

static void bad_options_are_refused_before_any_request(void **state)
{
    fixture *t = *state;
    static const char *const repo[] = {"",        "tiny",    "org/",     "/tiny",     "org/a/b",  "org/..",
                                       "../tiny", "org/a b", "org/a--b", "org/a?b=c", "org/.git", "org/a\nb"};
    for (size_t i = 0; i < sizeof repo / sizeof *repo; i++) {
        t->o.repo = repo[i];
        assert_fails(t, DR_EINVAL, "is not a repo name");
    }
    t->o.repo = "org/tiny";
    t->o.revision = "../../x";
    assert_fails(t, DR_EINVAL, "is not a revision");
    t->o.revision = NULL;
    t->o.variant = "../x";
    assert_fails(t, DR_EINVAL, "is not a variant");
    t->o.variant = NULL;
    t->o.endpoint = "http://example.invalid";
    assert_fails(t, DR_EINVAL, "not encrypted");
    t->o.allow_plain = true;
    t->o.token = "hf_secret";
    assert_fails(t, DR_EINVAL, "would send it unencrypted");
    t->o.endpoint = "ftp://127.0.0.1";
    assert_fails(t, DR_EINVAL, "must be http:// or https://");
    t->o.endpoint = "http://user:pass@127.0.0.1";
    assert_fails(t, DR_EINVAL, "without a password");
    assert_null(strstr(dr_error(), "user:pass"));
    assert_int_equal(t->hub.requests, 0);
}

static void the_environment_fills_the_options(void **state)
{
    (void)state;
    dr_hub_options o = {.endpoint = "https://mine"};
    unsetenv("HF_TOKEN");
    unsetenv("HUGGING_FACE_HUB_TOKEN");
    unsetenv("HF_ENDPOINT");
    setenv("HF_HUB_OFFLINE", "0", 1);
    dr_hub_options_from_env(&o);
    assert_null(o.token);
    assert_string_equal(o.endpoint, "https://mine");
    assert_false(o.offline);
    setenv("HF_TOKEN", "hf_x", 1);
    setenv("HF_ENDPOINT", "https://mirror", 1);
    setenv("HF_HUB_OFFLINE", "TRUE", 1);
    dr_hub_options_from_env(&o);
    assert_string_equal(o.token, "hf_x");
    assert_string_equal(o.endpoint, "https://mirror");
    assert_true(o.offline);
    unsetenv("HF_TOKEN");
    unsetenv("HF_ENDPOINT");
    unsetenv("HF_HUB_OFFLINE");
}

static void only_this_machine_is_loopback(void **state)
{
    (void)state;
    assert_true(dr_is_loopback("127.0.0.1"));
    assert_true(dr_is_loopback("localhost"));
    assert_true(dr_is_loopback("[::1]"));
    assert_false(dr_is_loopback("127.0.0.1.example.com"));
    assert_false(dr_is_loopback("localhost.example.com"));
    assert_false(dr_is_loopback("128.0.0.1"));
}

static void content_ranges_are_read_strictly(void **state)
{
    (void)state;
    dr_http_reply r = {0};
    assert_true(dr_parse_content_range("bytes 5-9/10", &r));
    assert_int_equal(r.range_from, 5);
    assert_int_equal(r.range_to, 9);
    assert_int_equal(r.range_total, 10);
    static const char *const bad[] = {"",
                                      "bytes 5-9/*",
                                      "bytes */10",
                                      "bytes 5-9/10x",
                                      "bytes -5/9",
                                      "items 1-2/3",
                                      "bytes 1-2/99999999999999999999"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(dr_parse_content_range(bad[i], &r));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    setenv("no_proxy", "127.0.0.1", 1);
    const struct CMUnitTest tests[] = {
        TEST(a_pull_brings_what_the_pipeline_needs_and_no_more),
        TEST(a_second_pull_fetches_nothing),
        TEST(a_variant_falls_back_to_plain_where_a_part_lacks_it),
        TEST(a_parser_folder_is_recognised),
        TEST(a_model_that_is_no_parser_is_refused_before_its_weights),
        TEST(a_part_alone_comes_when_it_is_asked_for),
        TEST(weights_that_are_only_pickled_are_refused),
        TEST(shards_come_with_their_index),
        TEST(a_model_of_another_kind_is_refused_before_its_weights),
        TEST(the_callers_look_comes_before_any_weights),
        TEST(a_cut_connection_is_carried_on_where_it_broke),
        TEST(a_part_of_an_earlier_pull_is_carried_on),
        TEST(a_server_without_ranges_sends_all_again),
        TEST(a_part_with_other_bytes_is_thrown_away),
        TEST(a_cancelled_pull_leaves_parts_and_carries_on),
        TEST(a_wrong_size_is_refused),
        TEST(a_wrong_hash_is_refused),
        TEST(a_wrong_git_hash_is_refused),
        TEST(errors_that_pass_are_sat_out),
        TEST(errors_that_stay_end_after_the_tries),
        TEST(retry_after_is_honoured),
        TEST(a_gated_repo_asks_for_a_token),
        TEST(what_is_not_there_names_repo_and_revision),
        TEST(endless_headers_are_cut_off),
        TEST(the_token_stays_with_the_endpoint),
        TEST(a_redirect_in_a_circle_ends),
        TEST(hostile_listings_are_refused),
        TEST(symbolic_links_in_the_folder_are_not_followed),
        TEST(files_of_others_are_not_overwritten),
        TEST(a_file_changed_since_its_pull_is_noticed),
        TEST(a_newer_commit_replaces_what_was_pulled),
        TEST(offline_takes_what_is_complete_and_asks_nobody),
        TEST(a_full_disk_is_seen_beforehand),
        TEST(a_write_that_fails_keeps_the_part),
        TEST(bad_options_are_refused_before_any_request),
        cmocka_unit_test(the_environment_fills_the_options),
        cmocka_unit_test(only_this_machine_is_loopback),
        cmocka_unit_test(content_ranges_are_read_strictly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
