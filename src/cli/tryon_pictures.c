/* The pictures of `drape tryon`: masks and photos, one after another. */
#include "base/choice.h"
#include "cli/commands.h"
#include "cli/files.h"
#include "cli/mask_words.h"
#include "cli/tryon_cli.h"
#include "cli/unworn.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- callbacks ---------------------------------------------------------------------------------- */

static void on_progress(void *user, drape_stage stage, int done, int total)
{
    static const char *const labels[] = {"reading prompt", "encoding", "denoising", "decoding"};
    dr_tryon_cli *c = user;
    c->begun = true;
    if (done == 0) {
        if (c->bar_open)
            dr_progress_end(&c->bar);
        dr_progress_start(&c->bar, labels[stage], total, c->quiet);
        c->bar_open = true;
    }
    dr_progress_set(&c->bar, done, NULL);
}

void dr_tryon_on_note(void *user, const char *text)
{
    dr_tryon_cli *c = user;
    if (c->bar_open)
        dr_progress_end(&c->bar);
    c->bar_open = false;
    fprintf(stderr, "drape tryon: note: %s\n", text);
}

static void on_preview(void *user, int step, const drape_image *picture)
{
    const dr_tryon_cli *c = user;
    (void)step;
    if (drape_image_write(picture, c->preview_path, NULL))
        fprintf(stderr, "drape tryon: %s\n", drape_error()); /* the picture itself goes on */
}

static void on_warning(void *user, const char *message)
{
    dr_tryon_cli *c = user;
    if (!c->warned)
        fprintf(stderr, "drape tryon: warning: %s\n", message);
    c->warned = true;
}

/* --- masks --------------------------------------------------------------------------------------- */

static const char *given_mask(const dr_tryon_cli *c, int i)
{
    return c->masks.item[c->masks.count == 1 ? 0 : i];
}

/* A category that is left open is that of the garment at hand. */
static drape_status make_mask(dr_tryon_cli *c, const char *image, const char *category, const drape_image *photo,
                              drape_image *mask)
{
    drape_mask_options o = c->mask;
    o.category = category           ? (drape_category)dr_choice_index(dr_mask_categories(), category)
                 : c->garments.item ? c->garments.item[c->garment].info.mask
                                    : DRAPE_UPPER;
    o.name = image;
    drape_status st = c->labels.data ? DRAPE_OK : drape_mask_labels(c->parser, photo, &o, &c->labels);
    c->at_fault = st && st != DRAPE_ENOMEM;
    if (!st)
        st = drape_mask_from_labels(&c->labels, &o, mask);
    if (c->images.count == 1) { /* room for the large models */
        drape_parser_free(c->parser);
        c->parser = NULL;
    }
    return st;
}

static drape_status read_mask(dr_tryon_cli *c, int i, const drape_image *photo, drape_image *mask)
{
    char warnings[1024] = "", *path = dr_mask_for(&c->masks, c->images.item[i], i);
    drape_status st = DRAPE_ENOENT;
    if (path && c->o.fit != DRAPE_FIT_REGION)
        st = drape_image_read_stored(mask, path, true, &c->o.hard_mask);
    else if (path)
        st = drape_mask_read_for(mask, path, photo, c->images.item[i], warnings, sizeof warnings);
    if (!st && warnings[0])
        fprintf(stderr, "drape tryon: warning: %s\n", warnings);
    free(path);
    return st;
}

int dr_tryon_masks_per_photo(const dr_tryon_cli *c)
{
    return c->garments.paths.count > 1 ? c->garments.paths.count : 1;
}

static drape_status get_mask(dr_tryon_cli *c, int i, const drape_image *photo, drape_image *mask)
{
    const char *category, *image = c->images.item[i];
    dr_results kept = {"--save-mask", c->save_mask, dr_tryon_masks_per_photo(c)};
    c->o.hard_mask = false;
    drape_status st = dr_mask_is_auto(given_mask(c, i), &category) ? make_mask(c, image, category, photo, mask)
                                                                   : read_mask(c, i, photo, mask);
    if (st || !c->save_mask)
        return st;
    char *path = dr_output_name(&kept, image, c->images.count, kept.pictures > 1 ? c->garment : 0);
    st = path ? drape_image_write(mask, path, NULL) : DRAPE_EIO;
    free(path);
    return st;
}

/* --- one picture -------------------------------------------------------------------------------- */

int dr_tryon_pictures_per_photo(const dr_tryon_cli *c)
{
    return c->num_images * dr_tryon_masks_per_photo(c);
}

static drape_status write_result(const dr_tryon_cli *c, const drape_pipeline *p, const drape_image *out,
                                 const char *path)
{
    char *text = drape_tryon_parameters(p, &c->o, out->width, out->height);
    drape_status st = drape_image_write(out, path, text);
    free(text);
    return st;
}

static void report(dr_tryon_cli *c, const char *image, const char *path, const drape_image *out, double seconds)
{
    double peak = (double)dr_rss_peak() / (1024.0 * 1024 * 1024);
    const char *garment = c->garments.item ? c->garments.paths.item[c->garment] : NULL;
    if (c->json)
        json_array_append_new(c->report,
                              json_pack("{s:s, s:s*, s:s, s:I, s:i, s:i, s:f, s:f}", "image", image, "garment", garment,
                                        "output", path, "seed", (json_int_t)c->o.seed, "width", out->width, "height",
                                        out->height, "seconds", seconds, "peak_gib", peak));
    else
        printf("%s\n", path);
    if (!c->quiet)
        fprintf(stderr, "%s: %dx%d, seed %llu, %.1f s, peak memory %.2f GiB\n", path, out->width, out->height,
                (unsigned long long)c->o.seed, seconds, peak);
}

static drape_status dress(dr_tryon_cli *c, drape_pipeline *p, const char *image, const drape_image *photo,
                          const drape_image *mask, const char *path)
{
    drape_image out = {0};
    char *preview = dr_preview_name(path);
    double t0 = dr_now();
    c->preview_path = preview;
    c->begun = false;
    drape_status st = drape_tryon(p, photo, mask, &c->o, &out);
    c->at_fault = st && c->begun;
    if (c->bar_open)
        dr_progress_end(&c->bar);
    c->bar_open = false;
    /* the photo's labels are those of its automatic mask; without one they are found once for all of its pictures */
    const dr_unworn unworn = {&c->parser, c->parser_dir, &c->mask, &c->labels, on_warning, c};
    if (!st)
        st = dr_cli_unworn(&unworn, p, photo, mask, &c->o, &out);
    if (!st)
        st = write_result(c, p, &out, path);
    if (!st)
        report(c, image, path, &out, dr_now() - t0);
    drape_image_free(&out);
    free(preview);
    return st;
}

/* All pictures of one photo with one mask, or one garment; after a failure no other, which another seed would not help.
 */
static drape_status dress_seeds(dr_tryon_cli *c, drape_pipeline *p, int i, const drape_image *photo)
{
    const char *image = c->images.item[i];
    dr_results results = {"--output", c->output, dr_tryon_pictures_per_photo(c)};
    uint64_t first_seed = c->o.seed;
    drape_image mask = {0};
    drape_status st = get_mask(c, i, photo, &mask);
    for (int k = 0; !st && k < c->num_images; k++) {
        char *path = dr_output_name(&results, image, c->images.count, c->garment * c->num_images + k);
        c->o.seed = first_seed + (uint64_t)k;
        st = path ? dress(c, p, image, photo, &mask, path) : DRAPE_EIO;
        free(path);
    }
    c->o.seed = first_seed;
    drape_image_free(&mask);
    return st;
}

static drape_status dress_photo(dr_tryon_cli *c, drape_pipeline *p, int i)
{
    drape_image photo = {0};
    c->warned = false;
    drape_status st = c->o.fit == DRAPE_FIT_REGION ? drape_image_read(&photo, c->images.item[i])
                                                   : drape_image_read_stored(&photo, c->images.item[i], false, NULL);
    for (c->garment = 0; !st && c->garment < dr_tryon_masks_per_photo(c); c->garment++) {
        c->o.garment = c->garments.item ? &c->garments.item[c->garment].image : NULL;
        st = dress_seeds(c, p, i, &photo);
    }
    drape_image_free(&photo);
    drape_image_free(&c->labels);
    return st;
}

int dr_tryon_dress_all(dr_tryon_cli *c, drape_pipeline *p)
{
    int failed = 0;
    for (int i = 0; i < c->images.count; i++) {
        drape_status st = dress_photo(c, p, i);
        if (st == DRAPE_ECANCELLED || c->at_fault)
            return dr_cli_fail(c->cmd, (int)st);
        if (st)
            dr_photo_failed(c->cmd, c->images.item[i], drape_error());
        failed += st != DRAPE_OK;
    }
    return failed ? DR_EXIT_FAILED : 0;
}

void dr_tryon_set_callbacks(dr_tryon_cli *c)
{
    drape_callbacks *cb = &c->o.callbacks;
    cb->warn = on_warning;
    cb->user = c;
    cb->progress = on_progress;
    cb->preview = cb->preview_every ? on_preview : NULL;
    cb->cancel = dr_cli_interrupted;
    c->mask.cancel = dr_cli_interrupted;
    c->garments.o.cancel = dr_cli_interrupted;
}
