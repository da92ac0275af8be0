/* A wardrobe that travels in an adapter's file. */
#include "pipeline/wardrobe.h"

#include <glib.h>
#include <stdlib.h>
#include <string.h>

static dr_status add_picture(json_t *list, const char *prompt, const dr_wardrobe_garment *g)
{
    void *bytes = NULL;
    size_t n = 0;
    dr_image photo = {0};
    dr_status st = dr_wardrobe_photo(g, &photo);
    if (!st)
        st = dr_image_encode(&photo, "x.jpg", &(dr_image_write_options){.quality = 92}, &bytes, &n);
    dr_image_clear(&photo);
    if (st)
        return st;
    char *text = g_base64_encode(bytes, n);
    if (json_array_append_new(list, json_pack("{s:s, s:s}", "prompt", prompt, "picture", text)))
        st = dr_fail(DR_ENOMEM, "out of memory");
    g_free(text);
    free(bytes);
    return st;
}

dr_status dr_wardrobe_to_text(const dr_wardrobe *w, char **out)
{
    json_t *list = json_array(), *j = json_pack("{s:o}", "garments", list);
    dr_status st = DR_OK;
    *out = NULL;
    for (int i = 0; !st && i < w->count; i++) {
        const char *prompt = dr_json_text(w->garment[i].about, "prompt");
        if (prompt)
            st = add_picture(list, prompt, &w->garment[i]);
    }
    if (!st && !(*out = json_dumps(j, JSON_COMPACT)))
        st = dr_fail(DR_ENOMEM, "out of memory");
    json_decref(j);
    return st;
}

static dr_status take_picture(dr_wardrobe *w, const json_t *g, const char *where)
{
    const char *prompt = dr_json_text(g, "prompt"), *text = dr_json_text(g, "picture");
    dr_image photo = {0};
    gsize n = 0;
    if (!prompt || !text)
        return dr_fail(DR_EINVAL, "'%s': a garment in its '" DR_WARDROBE_KEY "' has no prompt or no picture", where);
    guchar *bytes = g_base64_decode(text, &n);
    dr_status st = dr_image_read_memory(&photo, bytes, n, where, 3);
    g_free(bytes);
    if (!st)
        st = dr_wardrobe_add(w, prompt, &photo);
    dr_image_clear(&photo);
    return st;
}

dr_status dr_wardrobe_from_text(dr_wardrobe *w, const char *text, const char *where)
{
    json_t *j = NULL, *g;
    size_t i;
    dr_status st = dr_json_parse(text, strlen(text), where, &j);
    const json_t *list = json_object_get(j, "garments");
    if (!st && (!json_is_array(list) || json_array_size(list) + (size_t)w->count > DR_WARDROBE_MAX))
        st = dr_fail(DR_EINVAL, "'%s': expected in '" DR_WARDROBE_KEY "' a list of at most %d garments", where,
                     DR_WARDROBE_MAX);
    json_array_foreach(list, i, g)
    {
        if (!st)
            st = take_picture(w, g, where);
    }
    json_decref(j);
    return st;
}
