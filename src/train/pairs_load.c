/* A pair's pictures at the working size, as the published programs bring them there. */
#include "io/fit.h"
#include "io/mask.h"
#include "mask/lay_cloth.h"
#include "train/pairs_dataset.h"

static dr_status load_person(const dr_example *e, const dr_crop *c, dr_image *person, dr_image *mask)
{
    dr_image photo = {0}, grey = {0};
    dr_status st = dr_image_read(&photo, e->image, 3);
    if (!st && (photo.width != e->width || photo.height != e->height))
        st = dr_fail(DR_EINVAL, "photo '%s' is %dx%d, but was %dx%d when training began; leave the photos as they are",
                     e->image, photo.width, photo.height, e->width, e->height);
    if (!st)
        st = dr_mask_load(&grey, e->mask, e->width, e->height, e->image, NULL);
    if (!st)
        st = dr_fit_person(DR_FIT_CROP_PAD, &photo, &(dr_raw_mask){&grey, false}, c->width, c->height, person, mask);
    dr_image_clear(&photo);
    dr_image_clear(&grey);
    return st;
}

/* With `seen` also the person as a model is shown her that wants cloth in the hole: of the photo as it is, as try-on
 * takes it. */
static dr_status load_garment(const dr_example *e, const dr_crop *c, const dr_image *person, const dr_image *mask,
                              dr_image *out, dr_image *seen)
{
    dr_image photo = {0};
    dr_status st = dr_image_read(&photo, e->garment, 3);
    if (!st)
        st = dr_fit_garment(DR_FIT_CROP_PAD, &photo, c->width, c->height, out);
    if (!st && seen)
        st = dr_image_copy(seen, person);
    if (!st && seen)
        st = dr_lay_cloth(seen, mask, &photo);
    dr_image_clear(&photo);
    return st;
}

dr_status dr_garment_pair_load(const dr_example *e, const dr_crop *crop, dr_image *person, dr_image *mask,
                               dr_image *garment, dr_image *seen)
{
    dr_image *const all[] = {person, mask, garment, seen};
    int n = seen ? 4 : 3;
    for (int i = 0; i < n; i++)
        *all[i] = (dr_image){0};
    dr_status st = load_person(e, crop, person, mask);
    if (!st)
        st = load_garment(e, crop, person, mask, garment, seen);
    for (int i = 0; i < n; i++) {
        if (st)
            dr_image_clear(all[i]);
        else if (crop->flip)
            dr_image_mirror(all[i]);
    }
    return st;
}
