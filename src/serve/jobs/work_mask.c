/* A mask job: the photo's labels, and a mask from them or from a rough one. */
#include "serve/jobs/work.h"

#include "base/json.h"
#include "serve/jobs/pictures.h"

#include <string.h>

static dr_status make(dr_work *w, const drape_image *photo, drape_image *mask)
{
    drape_mask_options o = dr_work_mask_options(w, w->settings);
    const char *rough_id = dr_json_text(w->settings, "refine");
    char warnings[1024] = "";
    drape_image labels = {0}, rough = {0};
    if (!rough_id)
        return (dr_status)drape_mask(*w->parser, photo, &o, mask);
    dr_status st = dr_studio_read_mask(w->s, rough_id, photo, warnings, sizeof warnings, &rough);
    dr_work_warn(w, warnings);
    if (!st)
        st = (dr_status)drape_mask_labels(*w->parser, photo, &o, &labels);
    if (!st)
        st = (dr_status)drape_mask_refine(&rough, photo, &labels, &o, mask);
    drape_image_free(&labels);
    drape_image_free(&rough);
    return st;
}

dr_status dr_work_mask(dr_work *w)
{
    dr_blob b;
    drape_image photo = {0}, mask = {0};
    dr_status st = dr_work_parser(w);
    if (!st)
        st = dr_studio_read(w->s, dr_json_text(w->settings, "photo"), "the photo", &photo);
    if (!st) {
        dr_work_progress(w, DR_WORK_MASK, 0, 1, -1, -1);
        st = make(w, &photo, &mask);
    }
    if (!st)
        st = dr_studio_keep_image(w->s, &mask, NULL, &b);
    if (!st)
        st = dr_work_result(w, dr_result_json(&b, "mask"));
    drape_image_free(&photo);
    drape_image_free(&mask);
    return st;
}
