#include "mini/pool.h"

#include "autograd/functions.h"
#include "io/prepare.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* The file: HEAD bytes that begin with the tag, then the slots, each 1 + its example's number (0: empty), words, mask
 * and latents. */
#define HEAD 64
#define CAPTION 128

static size_t slot_size(const mini_pool *p)
{
    size_t n = sizeof(int64_t) + CAPTION + (size_t)p->layout.cells + 2 * (size_t)p->layout.values * sizeof(uint16_t);
    return (n + 63) / 64 * 64;
}

static size_t file_size(const mini_pool *p)
{
    return HEAD + (size_t)p->size * slot_size(p);
}

static int64_t *slot_of(const mini_pool *p, int64_t k)
{
    return (int64_t *)(p->file + HEAD + (size_t)(k % p->size) * slot_size(p));
}

dr_status mini_pool_open(mini_pool *p, const char *path, int size, uint64_t tag)
{
    const dr_vae_config *c = &p->vae->net.config;
    int side = p->wardrobe->size / dr_vae_factor(c), rows = p->flats ? 2 * side : side;
    p->layout = (mini_layout){side, rows, rows * side, rows * side * MINI_CHANNELS};
    p->size = size;
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (fd < 0 || ftruncate(fd, (off_t)file_size(p)) != 0) {
        dr_status st = dr_fail(DR_EIO, "cannot make '%s': %s", path, strerror(errno));
        if (fd >= 0)
            close(fd);
        return st;
    }
    void *m = mmap(NULL, file_size(p), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (m == MAP_FAILED)
        return dr_fail(DR_ENOMEM, "cannot map '%s': %s", path, strerror(errno));
    p->file = m;
    tag = (tag * 31 + (uint64_t)side) * 31 + (uint64_t)rows;
    if (memcmp(p->file, &tag, sizeof tag) != 0) {
        for (int i = 0; i < size; i++)
            *slot_of(p, i) = 0;
        memcpy(p->file, &tag, sizeof tag);
    }
    return dr_tape_init(&p->tape);
}

void mini_pool_close(mini_pool *p)
{
    if (p->file)
        munmap(p->file, file_size(p));
    dr_tape_clear(&p->tape);
    *p = (mini_pool){0};
}

dr_status mini_encode(dr_tape *g, const dr_vae *vae, const dr_image *photo, const dr_image *mask, float *latents)
{
    dr_tape_reset(g);
    dr_tensor *x = dr_new4(g, 1, photo->height, photo->width, 3);
    if (!g->status) {
        dr_image_to_f32(photo, dr_f32(x));
        if (mask)
            dr_masked_f32(dr_f32(x), mask, dr_f32(x));
    }
    dr_tensor *moments = dr_vae_encode(g, vae, x);
    dr_status st = dr_tape_status(g);
    if (!st)
        memset(latents, 0, dr_nbytes(moments) / 2); /* the posterior's mean: its deviation is a hundredth of it */
    if (!st)
        dr_vae_sample(&vae->config, dr_f32(moments), latents, dr_numel(moments) / (2 * MINI_CHANNELS), latents);
    return st;
}

static dr_status encode(mini_pool *p, const dr_image *photo, const dr_image *mask, uint16_t *out)
{
    float latents[MINI_SIZE / 4 * MINI_SIZE / 4 * MINI_CHANNELS]; /* no VAE here has a factor below 4 */
    dr_status st = mini_encode(&p->tape, &p->vae->net, photo, mask, latents);
    for (int i = 0; !st && i < p->layout.side * p->layout.side * MINI_CHANNELS; i++)
        out[i] = dr_f32_to_f16(latents[i]);
    return st;
}

static dr_status draw(const mini_pool *p, int64_t k, mini_example *e, dr_image *garment)
{
    *garment = (dr_image){0};
    return p->flats ? mini_pair_draw(e, garment, p->wardrobe, p->flats, p->aligned, p->seed, k)
                    : mini_example_draw(e, p->wardrobe, p->seed, k);
}

static dr_status fill(mini_pool *p, int64_t k, int64_t *slot, const mini_entry *out)
{
    mini_example e;
    dr_image garment;
    int side = p->layout.side, half = side * side * MINI_CHANNELS;
    float mask[MINI_SIZE / 4 * MINI_SIZE / 4];
    uint16_t *latents = (uint16_t *)out->latents, *masked = (uint16_t *)out->masked;
    dr_status st = draw(p, k, &e, &garment);
    if (st)
        return st;
    *slot = 0; /* until it is whole */
    st = encode(p, &e.photo, NULL, latents);
    if (!st)
        st = encode(p, &e.photo, &e.mask, masked);
    if (!st && garment.data && !(st = encode(p, &garment, NULL, latents + half)))
        memcpy(masked + half, latents + half, (size_t)half * sizeof *latents);
    if (!st) {
        dr_mask_to_latent_any(&e.mask, side, side, mask);
        memset((uint8_t *)out->mask, 0, (size_t)p->layout.cells);
        for (int i = 0; i < side * side; i++)
            ((uint8_t *)out->mask)[i] = mask[i] >= 0.5f;
        memcpy((char *)out->caption, e.caption, CAPTION);
        *slot = k + 1;
        p->encoded++;
    }
    mini_example_clear(&e);
    dr_image_clear(&garment);
    return st;
}

dr_status mini_pool_get(mini_pool *p, int64_t k, mini_entry *out)
{
    int64_t *slot = slot_of(p, k);
    const char *at = (const char *)(slot + 1);
    out->caption = at;
    out->latents = (const uint16_t *)(at += CAPTION);
    out->masked = (const uint16_t *)(at += (size_t)p->layout.values * sizeof(uint16_t));
    out->mask = (const uint8_t *)(at + (size_t)p->layout.values * sizeof(uint16_t));
    return *slot == k + 1 ? DR_OK : fill(p, k, slot, out);
}
