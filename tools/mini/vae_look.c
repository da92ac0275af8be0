/* How good the VAE is: test photos through encoder and decoder. */
#include "mini/vae_run.h"

#include "base/path.h"
#include "pipeline/folder.h"
#include "train/sheet.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define SHEET 8 /* photos on a sheet */

static double psnr_of(const dr_image *a, const dr_image *b)
{
    size_t n = (size_t)a->width * (size_t)a->height * (size_t)a->channels;
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        double d = (double)a->data[i] - (double)b->data[i];
        sum += d * d;
    }
    return 10 * log10(255.0 * 255.0 * (double)n / fmax(sum, 1));
}

/* One photo's middle, and what comes of it by way of the latents' means. Both are yours. */
static dr_status reconstruct(vae_run *r, int photo, dr_image *from, dr_image *to)
{
    int size = r->o->look_size, C = r->net.config.latent;
    mini_crop c = mini_crop_middle(&r->test, photo);
    dr_tape *g = &r->tape;
    dr_status st = mini_crop_cut(from, &r->test.photo[photo].image, &c, size, DR_LANCZOS);
    if (!st)
        st = dr_image_alloc(to, size, size, 3);
    if (st)
        return st;
    dr_tape_reset(g);
    dr_tensor *x = dr_new4(g, 1, size, size, 3);
    st = dr_tape_status(g);
    if (!st)
        st = mini_crops_load(&r->test, &c, 1, size, dr_f32(x));
    if (st)
        return st;
    dr_tensor *y = dr_vae_decode(g, &r->net, dr_slice(g, dr_vae_encode(g, &r->net, x), 0, C));
    st = dr_tape_status(g);
    for (int64_t i = 0; !st && i < dr_numel(y); i++)
        to->data[i] = (uint8_t)lrintf(fminf(fmaxf(dr_f32(y)[i] * 127.5f + 127.5f, 0), 255));
    return st;
}

/* Originals in one row, reconstructions below, side by side as far as there are photos. */
static dr_status write_sheet(const vae_run *r, const dr_image *tiles, int photos)
{
    char path[PATH_MAX], name[64];
    dr_image sheet = {0};
    snprintf(name, sizeof name, "sheet-%06d.png", r->c.step);
    dr_status st = dr_path(path, sizeof path, r->o->output, name);
    if (!st)
        st = dr_contact_sheet(&sheet, tiles, 2 * photos, photos, r->o->look_size);
    if (!st)
        st = dr_image_write(&sheet, path, NULL);
    dr_image_clear(&sheet);
    return st;
}

static dr_status look(vae_run *r, double *psnr)
{
    dr_image tiles[2 * SHEET] = {{0}};
    int shown = r->test.count < SHEET ? r->test.count : SHEET;
    double sum = 0;
    dr_status st = DR_OK;
    for (int i = 0; !st && i < r->test.count; i++) {
        dr_image from = {0}, to = {0};
        st = reconstruct(r, i, &from, &to);
        if (!st)
            sum += psnr_of(&from, &to);
        if (i < shown) {
            tiles[i] = from;
            tiles[shown + i] = to;
        } else {
            dr_image_clear(&from);
            dr_image_clear(&to);
        }
    }
    *psnr = sum / r->test.count;
    if (!st)
        st = write_sheet(r, tiles, shown);
    for (int i = 0; i < 2 * shown; i++)
        dr_image_clear(&tiles[i]);
    return st;
}

dr_status vae_look(vae_run *r, double *psnr)
{
    dr_training_swap(&r->t);
    dr_status st = look(r, psnr);
    dr_training_swap(&r->t);
    return st;
}
