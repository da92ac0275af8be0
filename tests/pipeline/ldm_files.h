/* Small pipelines of the kinds that single files hold, made by `init` and `convert`, and files changed in their names.
 * For the tests of single files and conversion. */
#ifndef DR_TESTS_LDM_FILES_H
#define DR_TESTS_LDM_FILES_H

#include "base/file.h"
#include "io/tensor_file.h"
#include "pipeline/convert.h"
#include "pipeline/folder.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char ldm_folder[] = "/tmp/drape-test-XXXXXX";

static const char *at(const char *name)
{
    static char path[4][256];
    static int turn;
    turn = (turn + 1) % 4;
    snprintf(path[turn], sizeof path[turn], "%s/%s", ldm_folder, name);
    return path[turn];
}

/* Kinds as published, in small: %s are dtype, channels in, heads, linear projections, activation. Two levels, attention
 * in the first one; the vocabulary makes up most of it. */
static const char ldm_arch[] =
    "{\"dtype\": \"%s\", \"seed\": %d, \"pad_token\": \"!\","
    "\"unet\": {\"sample_size\": 64, \"in_channels\": %d, \"out_channels\": 4, \"layers_per_block\": 1,"
    "  \"block_out_channels\": [64, 128], \"attention_head_dim\": %s, \"cross_attention_dim\": 64,"
    "  \"use_linear_projection\": %s,"
    "  \"down_block_types\": [\"CrossAttnDownBlock2D\", \"DownBlock2D\"],"
    "  \"up_block_types\": [\"UpBlock2D\", \"CrossAttnUpBlock2D\"]},"
    "\"vae\": {\"block_out_channels\": [32, 64, 32], \"sample_size\": 512,"
    "  \"down_block_types\": [\"DownEncoderBlock2D\", \"DownEncoderBlock2D\", \"DownEncoderBlock2D\"],"
    "  \"up_block_types\": [\"UpDecoderBlock2D\", \"UpDecoderBlock2D\", \"UpDecoderBlock2D\"]},"
    "\"text_encoder\": {\"vocab_size\": 49408, \"hidden_size\": 64, \"intermediate_size\": 96, \"num_hidden_layers\": "
    "2,"
    "  \"num_attention_heads\": 1, \"hidden_act\": \"%s\"},"
    "\"scheduler\": {\"class\": \"PNDMScheduler\", \"beta_start\": 0.00085, \"beta_end\": 0.012,"
    "  \"beta_schedule\": \"scaled_linear\", \"steps_offset\": 1}}";

static inline void make_folder(const char *name, bool sd2, const char *dtype, int channels, int seed)
{
    char text[4096];
    dr_init_options o = DR_INIT_DEFAULTS;
    o.arch = at("arch.json");
    snprintf(text, sizeof text, ldm_arch, dtype, seed, channels, sd2 ? "[1, 2]" : "8", sd2 ? "true" : "false",
             sd2 ? "gelu" : "quick_gelu");
    assert_int_equal(dr_file_write(o.arch, text, strlen(text)), DR_OK);
    if (dr_pipeline_init_folder(at(name), &o))
        fail_msg("%s", dr_error());
}

static inline void converted(const char *in, const char *out, const dr_convert_options *o)
{
    const dr_convert_options plain = DR_CONVERT_DEFAULTS;
    if (dr_convert(at(in), at(out), o ? o : &plain))
        fail_msg("%s", dr_error());
}

/* A file's entries, to be changed and written as another one. */
typedef struct ldm_edit {
    dr_tensor_file file;
    dr_st_entry entry[2048];
    char name[2048][256];
    size_t count;
} ldm_edit;

static inline ldm_edit *edit_open(const char *name)
{
    ldm_edit *e = calloc(1, sizeof *e);
    assert_non_null(e);
    assert_int_equal(dr_tensor_file_open(&e->file, at(name)), DR_OK);
    for (size_t i = 0; i < e->file.count; i++) {
        snprintf(e->name[i], sizeof e->name[i], "%s", e->file.entry[i].name);
        e->entry[i] = e->file.entry[i];
        e->entry[i].name = e->name[i];
    }
    e->count = e->file.count;
    return e;
}

/* "a" in every name becomes "b" (its first place). */
static inline int edit_rename(ldm_edit *e, const char *a, const char *b)
{
    int n = 0;
    for (size_t i = 0; i < e->count; i++) {
        char text[256], *place = strstr(e->name[i], a);
        if (!place)
            continue;
        snprintf(text, sizeof text, "%.*s%s%s", (int)(place - e->name[i]), e->name[i], b, place + strlen(a));
        snprintf(e->name[i], sizeof e->name[i], "%s", text);
        n++;
    }
    assert_true(n > 0);
    return n;
}

static inline dr_st_entry *edit_find(ldm_edit *e, const char *name)
{
    for (size_t i = 0; i < e->count; i++)
        if (strcmp(e->name[i], name) == 0)
            return &e->entry[i];
    fail_msg("no '%s'", name);
    return NULL;
}

static inline void edit_add(ldm_edit *e, const char *name, const dr_st_entry *like)
{
    e->entry[e->count] = *like;
    snprintf(e->name[e->count], sizeof e->name[e->count], "%.255s", name);
    e->entry[e->count].name = e->name[e->count];
    e->count++;
}

static inline void edit_remove(ldm_edit *e, const char *start)
{
    size_t n = 0;
    for (size_t i = 0; i < e->count; i++)
        if (strncmp(e->name[i], start, strlen(start)) != 0) {
            memmove(e->name[n], e->name[i], sizeof e->name[i]);
            e->entry[n] = e->entry[i];
            e->entry[n].name = e->name[n];
            n++;
        }
    assert_true(n < e->count);
    e->count = n;
}

/* Without metadata: as another program would have written it. */
static inline void edit_save(ldm_edit *e, const char *name)
{
    dr_st_writer w;
    if (dr_st_create(&w, at(name), e->entry, e->count, NULL, 0))
        fail_msg("%s", dr_error());
    for (size_t i = 0; i < e->count; i++)
        assert_int_equal(dr_st_put(&w, e->entry[i].data, e->entry[i].size), DR_OK);
    assert_int_equal(dr_st_commit(&w), DR_OK);
    dr_tensor_file_close(&e->file);
    free(e);
}

static inline bool same_files(const char *a, const char *b)
{
    dr_map x, y;
    bool same = dr_map_open(&x, at(a)) == DR_OK && dr_map_open(&y, at(b)) == DR_OK && x.size == y.size &&
                memcmp(x.data, y.data, x.size) == 0;
    dr_map_close(&x);
    dr_map_close(&y);
    return same;
}

#endif
