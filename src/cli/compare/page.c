/* The page: its parts (data/compare and modules of the studio) with what was compared as JSON in the middle.
 *
 * Nothing of a name, a path or a message is ever markup: the JSON has no '<', '>' or '&', and the page's script puts
 * texts into the page as texts. The policy in its head allows this one script and style, by their hashes, and nothing
 * from elsewhere. */
#include "cli/compare/compare.h"

#include "base/file.h"
#include "base/path.h"

#include <glib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern const unsigned char dr_compare_html[], dr_compare_css[], dr_compare_js[];
extern const size_t dr_compare_html_size, dr_compare_css_size, dr_compare_js_size;

enum { LARGEST_SIDE = 1600 }; /* pixels of a picture in the page; the files have them all */

/* --- pictures ------------------------------------------------------------------------------------------- */

/* As an address: a JPEG of at most LARGEST_SIDE pixels a side. */
static json_t *address(const drape_image *im)
{
    drape_image small = {0};
    const drape_image *shown = im;
    int longer = im->width > im->height ? im->width : im->height;
    void *bytes = NULL;
    size_t size = 0;
    dr_status st = DR_OK;
    if (longer > LARGEST_SIDE) {
        int w = (int)((double)im->width * LARGEST_SIDE / longer + 0.5);
        int h = (int)((double)im->height * LARGEST_SIDE / longer + 0.5);
        st = (dr_status)drape_image_resize(im, w > 0 ? w : 1, h > 0 ? h : 1, &small);
        shown = &small;
    }
    if (!st)
        st = (dr_status)drape_image_encode(shown, ".jpg", NULL, &bytes, &size);
    char *base64 = st ? NULL : g_base64_encode(bytes, size), *text = NULL;
    if (base64)
        text = g_strconcat("data:image/jpeg;base64,", base64, NULL);
    json_t *j = text ? json_string(text) : NULL;
    g_free(base64);
    g_free(text);
    free(bytes);
    drape_image_free(&small);
    return j;
}

static dr_status add_picture(json_t *to, const char *key, const drape_image *im)
{
    json_t *src = address(im);
    if (!src)
        return DR_ENOMEM;
    json_object_set_new(to, key, json_pack("{s:o, s:i, s:i}", "src", src, "width", im->width, "height", im->height));
    return DR_OK;
}

/* The record's entry of a picture gets the picture. A seed is text here: it may have more digits than JavaScript's
 * numbers. */
static dr_status add_result(const dr_comparison *c, const dr_cell *cell, json_t *entry)
{
    char seed[32];
    drape_image picture = {0};
    char *path = dr_comparison_path(c, cell->file);
    dr_status st = path ? (dr_status)drape_image_read(&picture, path) : DR_ENOMEM;
    if (!st)
        st = add_picture(entry, "picture", &picture);
    snprintf(seed, sizeof seed, "%llu", (unsigned long long)cell->seed);
    json_object_set_new(entry, "seed", json_string(seed));
    drape_image_free(&picture);
    free(path);
    return st;
}

static dr_status add_results(const dr_comparison *c, json_t *record)
{
    dr_status st = DR_OK;
    const json_t *methods = json_object_get(record, "methods");
    for (int i = 0; i < c->rows; i++) {
        const json_t *results = json_object_get(json_array_get(methods, (size_t)i), "results");
        size_t n = 0;
        for (int k = 0; !st && k < c->seeds; k++)
            if (c->row[i].cell[k].done)
                st = add_result(c, &c->row[i].cell[k], json_array_get(results, n++));
    }
    return st;
}

static dr_status add_inputs(const dr_comparison *c, json_t *record)
{
    drape_image seen = {0};
    json_t *garments = json_array();
    dr_status st = add_picture(record, "person", &c->scene.person);
    if (!st)
        st = (dr_status)drape_mask_overlay(&c->scene.person, &c->scene.mask, &seen);
    if (!st)
        st = add_picture(record, "masked", &seen);
    if (!st && c->reference.data)
        st = add_picture(record, "truth", &c->reference);
    for (int i = 0; !st && i < c->garment_paths.count; i++) {
        json_t *g = json_object();
        st = add_picture(g, "picture", &c->garments[i]);
        json_array_append_new(garments, g);
    }
    json_object_set_new(record, "garment_pictures", garments);
    drape_image_free(&seen);
    return st;
}

/* --- the file ---------------------------------------------------------------------------------------------- */

/* JSON that ends no <script>, whatever it says. */
static char *harmless(const json_t *j)
{
    char *text = json_dumps(j, JSON_COMPACT | JSON_ENSURE_ASCII);
    if (!text)
        return NULL;
    GString *out = g_string_sized_new(strlen(text) + 64);
    for (const char *c = text; *c; c++) {
        if (*c == '<' || *c == '>' || *c == '&')
            g_string_append_printf(out, "\\u%04x", (unsigned)*c);
        else
            g_string_append_c(out, *c);
    }
    free(text);
    return g_string_free(out, FALSE);
}

/* 'sha256-...' of a script or a style, as policies have it. */
static char *policy_hash(const unsigned char *text, size_t n)
{
    guint8 digest[32];
    gsize size = sizeof digest;
    GChecksum *sum = g_checksum_new(G_CHECKSUM_SHA256);
    g_checksum_update(sum, text, (gssize)n);
    g_checksum_get_digest(sum, digest, &size);
    g_checksum_free(sum);
    char *base64 = g_base64_encode(digest, size), *out = g_strconcat("'sha256-", base64, "'", NULL);
    g_free(base64);
    return out;
}

static char *policy(void)
{
    char *script = policy_hash(dr_compare_js, dr_compare_js_size);
    char *style = policy_hash(dr_compare_css, dr_compare_css_size);
    char *out = g_strconcat("default-src 'none'; img-src data:; script-src ", script, "; style-src ", style,
                            "; base-uri 'none'; form-action 'none'", NULL);
    g_free(script);
    g_free(style);
    return out;
}

/* The template with each @NAME@ replaced. */
static dr_status fill(dr_out *out, const char *data, const char *rules)
{
    const struct {
        const char *mark, *text;
        size_t size;
    } parts[] = {{"@POLICY@", rules, strlen(rules)},
                 {"@STYLE@", (const char *)dr_compare_css, dr_compare_css_size},
                 {"@DATA@", data, strlen(data)},
                 {"@SCRIPT@", (const char *)dr_compare_js, dr_compare_js_size}};
    const char *at = (const char *)dr_compare_html, *end = at + dr_compare_html_size;
    dr_status st = DR_OK;
    for (size_t i = 0; !st && i < sizeof parts / sizeof *parts; i++) {
        const char *mark = g_strstr_len(at, end - at, parts[i].mark);
        DR_ASSERT(mark, "no %s in the template", parts[i].mark);
        st = dr_out_write(out, at, (size_t)(mark - at));
        if (!st)
            st = dr_out_write(out, parts[i].text, parts[i].size);
        at = mark + strlen(parts[i].mark);
    }
    return st ? st : dr_out_write(out, at, (size_t)(end - at));
}

static dr_status write_page(const dr_comparison *c, const char *file, const json_t *record)
{
    dr_out out = {0};
    char *path = dr_comparison_path(c, file), *data = harmless(record), *rules = policy();
    dr_status st = path && data ? dr_out_open(&out, path) : DR_ENOMEM;
    if (!st)
        st = fill(&out, data, rules);
    if (!st)
        st = dr_out_commit(&out);
    else
        dr_out_abort(&out);
    g_free(rules);
    g_free(data);
    free(path);
    return st;
}

dr_status dr_page_write(const dr_comparison *c, const char *file)
{
    json_t *record = dr_record_json(c);
    dr_status st = record ? add_inputs(c, record) : DR_ENOMEM;
    if (!st)
        st = add_results(c, record);
    if (!st)
        st = write_page(c, file, record);
    json_decref(record);
    return st;
}
