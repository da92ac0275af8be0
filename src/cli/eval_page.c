#include "cli/eval_page.h"

#include "base/file.h"
#include "base/json.h"
#include "drape.h"

#include <glib.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PICTURES = 100, TALL = 200 }; /* pairs that are shown, and pixels of a picture */

static const char head[] =
    "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>Results judged</title>\n<style>\n"
    ":root{color-scheme:light "
    "dark;--bg:#f7f6f3;--card:#fff;--ink:#1c1b19;--soft:#5f5b54;--line:#dfdcd5;--dot:#0f766e}\n"
    "@media(prefers-color-scheme:dark){:root{--bg:#161615;--card:#1f1f1d;--ink:#f1efeb;--soft:#aaa69e;--line:#34332f;"
    "--dot:#2bbfae}}\n"
    "body{margin:0 auto;max-width:72rem;padding:2rem 1rem;background:var(--bg);color:var(--ink);"
    "font:16px/1.5 system-ui,sans-serif}\n"
    "h1{font-size:1.5rem;margin:0 0 .5rem}h2{font-size:1.1rem;margin:2.5rem 0 .75rem}p{margin:.25rem "
    "0;color:var(--soft)}\n"
    "table{border-collapse:collapse;font-variant-numeric:tabular-nums;font-size:.9rem}\n"
    "td,th{padding:.25rem .75rem .25rem 0;text-align:right;font-weight:normal;border-bottom:1px solid var(--line)}\n"
    "td:first-child,th:first-child{text-align:left}th{color:var(--soft)}small{color:var(--soft)}\n"
    "article{background:var(--card);border:1px solid var(--line);border-radius:14px;padding:1rem;margin:0 0 1rem}\n"
    "article h3{font-size:1rem;margin:0 0 .5rem;overflow-wrap:anywhere}\n"
    ".pictures{display:flex;flex-wrap:wrap;gap:.75rem}figure{margin:0}figcaption{font-size:.8rem;color:var(--soft)}\n"
    "img{display:block;height:12.5rem;border-radius:9px}.scroll{overflow-x:auto}\n"
    ".numbers{display:grid;grid-template-columns:repeat(auto-fill,minmax(20rem,1fr));gap:0 1.5rem;margin:.75rem 0 0;"
    "font-size:.85rem}\n.numbers div{display:flex;gap:1rem;justify-content:space-between;border-bottom:1px solid "
    "var(--line)}\n"
    "dt{color:var(--soft)}dd{margin:0;font-variant-numeric:tabular-nums}circle{fill:var(--dot);fill-opacity:.45}\n"
    "line{stroke:var(--line)}li{overflow-wrap:anywhere}\n</style></head><body>\n";

/* A page that is being written; the first failure stays. */
typedef struct page {
    dr_out out;
    dr_status status;
} page;

static void put(page *p, const char *text)
{
    if (!p->status)
        p->status = dr_out_write(&p->out, text, strlen(text));
}

static void putf(page *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void putf(page *p, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    char *text = g_strdup_vprintf(fmt, args);
    va_end(args);
    put(p, text);
    g_free(text);
}

/* Names of files are anybody's. */
static void put_text(page *p, const char *text)
{
    char *safe = g_markup_escape_text(text ? text : "", -1);
    put(p, safe);
    g_free(safe);
}

static void put_number(page *p, const json_t *v)
{
    if (json_is_number(v))
        putf(p, "%.4g", json_number_value(v));
    else
        put(p, "&ndash;");
}

/* --- the summary -------------------------------------------------------------------------------------- */

static const drape_eval_metric *metric(const char *name)
{
    int i = drape_eval_metric_index(name);
    return i < 0 ? NULL : drape_eval_metric_at(i);
}

/* A dot for each pair between the least and the most. */
static void put_dots(page *p, const json_t *pairs, const char *name, const json_t *s)
{
    double least = dr_json_number(s, "least"), most = dr_json_number(s, "most");
    size_t i;
    const json_t *pair;
    put(p, "<svg width=\"160\" height=\"16\" role=\"img\"><title>from least to most</title>"
           "<line x1=\"4\" y1=\"8\" x2=\"156\" y2=\"8\"/>");
    json_array_foreach(pairs, i, pair)
    {
        const json_t *v = json_object_get(json_object_get(pair, "numbers"), name);
        if (json_is_number(v) && i < 2000)
            putf(p, "<circle cx=\"%.1f\" cy=\"8\" r=\"3\"/>",
                 4 + 152 * (most > least ? (json_number_value(v) - least) / (most - least) : 0.5));
    }
    put(p, "</svg>");
}

static void put_summary(page *p, const json_t *report)
{
    const char *name;
    json_t *s;
    put(p, "<div class=\"scroll\"><table><tr><th></th><th>mean</th><th>median</th><th>deviation</th><th>least</th>"
           "<th></th><th>most</th><th>of</th></tr>\n");
    json_object_foreach(json_object_get(report, "summary"), name, s)
    {
        const drape_eval_metric *m = metric(name);
        putf(p, "<tr title=\"%s\"><td>%s <small>%s %s</small></td>", m->help, name, m->unit,
             m->better > 0   ? "&uarr;"
             : m->better < 0 ? "&darr;"
                             : "");
        for (int k = 0; k < 6; k++) {
            static const char *const key[] = {"mean", "median", "deviation", "least", NULL, "most"};
            put(p, "<td>");
            if (key[k])
                put_number(p, json_object_get(s, key[k]));
            else
                put_dots(p, json_object_get(report, "pairs"), name, s);
            put(p, "</td>");
        }
        putf(p, "<td>%lld</td></tr>\n", (long long)dr_json_whole(s, "count"));
    }
    put(p, "</table></div>\n");
}

/* --- pairs -------------------------------------------------------------------------------------------- */

static drape_status small(drape_image *out, const char *path)
{
    drape_image whole = {0};
    drape_status st = drape_image_read(&whole, path);
    int width = st ? 0 : (int)lrint((double)whole.width * TALL / whole.height);
    if (!st)
        st = drape_image_resize(&whole, width < 1 ? 1 : width > 4 * TALL ? 4 * TALL : width, TALL, out);
    drape_image_free(&whole);
    return st;
}

/* A picture that cannot be read any more is left out. */
static void put_picture(page *p, const char *path, const char *caption)
{
    drape_image im = {0};
    void *bytes = NULL;
    size_t size = 0;
    if (path && !small(&im, path) && !drape_image_encode(&im, ".jpg", NULL, &bytes, &size)) {
        char *text = g_base64_encode(bytes, size);
        putf(p, "<figure><img alt=\"%s\" src=\"data:image/jpeg;base64,", caption);
        put(p, text);
        putf(p, "\"><figcaption>%s</figcaption></figure>\n", caption);
        g_free(text);
    }
    free(bytes);
    drape_image_free(&im);
}

static void put_pair(page *p, const json_t *pair, bool pictures)
{
    static const char *const parts[] = {"result", "reference", "mask", "garment"};
    const char *name;
    json_t *v;
    put(p, "<article><h3>");
    put_text(p, dr_json_text(pair, "name"));
    put(p, "</h3>\n<div class=\"pictures\">");
    for (int k = 0; pictures && k < 4; k++)
        put_picture(p, dr_json_text(pair, parts[k]), parts[k]);
    put(p, "</div>\n<dl class=\"numbers\">");
    json_object_foreach(json_object_get(pair, "numbers"), name, v)
    {
        putf(p, "<div><dt>%s</dt><dd>", name);
        put_number(p, v);
        put(p, "</dd></div>");
    }
    put(p, "</dl></article>\n");
}

static void put_pairs(page *p, const json_t *report, const char *sorted_by)
{
    size_t i;
    const json_t *pair, *pairs = json_object_get(report, "pairs");
    put(p, "<h2>Pairs, the worst first");
    if (sorted_by)
        putf(p, " <small>by %s</small>", sorted_by);
    put(p, "</h2>\n");
    json_array_foreach(pairs, i, pair) put_pair(p, pair, i < PICTURES);
}

/* --- what is odd -------------------------------------------------------------------------------------- */

static void put_items(page *p, const json_t *items, const char *title, const char *first, const char *second)
{
    size_t i;
    const json_t *item;
    if (json_array_size(items))
        putf(p, "<h2>%s</h2><ul>", title);
    json_array_foreach(items, i, item)
    {
        put(p, "<li>");
        put_text(p, json_is_string(item) ? json_string_value(item) : dr_json_text(item, first));
        if (!json_is_string(item)) {
            put(p, ": ");
            put_text(p, dr_json_text(item, second));
        }
        put(p, "</li>\n");
    }
    if (json_array_size(items))
        put(p, "</ul>\n");
}

dr_status dr_eval_write_page(const json_t *report, const char *sorted_by, const char *path)
{
    page p = {.status = dr_out_open(&p.out, path)};
    if (p.status)
        return p.status;
    put(&p, head);
    put(&p, "<h1>Results judged</h1>\n<p>");
    put_text(&p, dr_json_text(report, "results"));
    put(&p, " beside ");
    put_text(&p, dr_json_text(report, "references"));
    putf(&p, ": %zu pairs.</p>\n<p>&uarr; more is better, &darr; less is; of the others what is near 1 is.</p>\n",
         json_array_size(json_object_get(report, "pairs")));
    put_summary(&p, report);
    put_items(&p, json_object_get(report, "notes"), "Notes", "", "");
    put_items(&p, json_object_get(report, "failed"), "Not judged", "name", "error");
    put_items(&p, json_object_get(report, "missing"), "Without a partner", "file", "missing");
    put_pairs(&p, report, sorted_by);
    put(&p, "</body></html>\n");
    if (p.status)
        dr_out_abort(&p.out);
    return p.status ? p.status : dr_out_commit(&p.out);
}
