#include "mini/pool.h"

#include "autograd/functions.h"
#include "io/prepare.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static const float no_noise[MINI_LATENTS]; /* the posterior's mean: its deviation is a hundredth of the latents' */

/* The file: one entry of which only `k` is used (the tag), then the entries. */
static size_t file_size(const mini_pool *p)
{
    return (size_t)(p->size + 1) * sizeof(mini_entry);
}

dr_status mini_pool_open(mini_pool *p, const char *path, int size, uint64_t tag)
{
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
    mini_entry *head = m;
    p->entry = head + 1;
    if (head->k != (int64_t)tag) {
        for (int i = 0; i < size; i++)
            p->entry[i].k = 0;
        head->k = (int64_t)tag;
    }
    return dr_tape_init(&p->tape);
}

void mini_pool_close(mini_pool *p)
{
    if (p->entry)
        munmap(p->entry - 1, file_size(p));
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
        dr_vae_sample(&vae->config, dr_f32(moments), no_noise, dr_numel(moments) / (2 * MINI_CHANNELS), latents);
    return st;
}

static dr_status encode(mini_pool *p, const mini_example *e, const dr_image *mask, uint16_t *out)
{
    float latents[MINI_LATENTS];
    dr_status st = mini_encode(&p->tape, &p->vae->net, &e->photo, mask, latents);
    for (int i = 0; !st && i < MINI_LATENTS; i++)
        out[i] = dr_f32_to_f16(latents[i]);
    return st;
}

static dr_status fill(mini_pool *p, int64_t k, mini_entry *out)
{
    mini_example e;
    float mask[MINI_CELLS * MINI_CELLS];
    dr_status st = mini_example_draw(&e, p->wardrobe, p->seed, k);
    if (st)
        return st;
    out->k = 0; /* until it is whole */
    st = encode(p, &e, NULL, out->latents);
    if (!st)
        st = encode(p, &e, &e.mask, out->masked);
    if (!st) {
        dr_mask_to_latent_any(&e.mask, MINI_CELLS, MINI_CELLS, mask);
        for (int i = 0; i < MINI_CELLS * MINI_CELLS; i++)
            out->mask[i] = mask[i] >= 0.5f;
        memcpy(out->caption, e.caption, sizeof out->caption);
        out->k = k + 1;
        p->encoded++;
    }
    mini_example_clear(&e);
    return st;
}

dr_status mini_pool_get(mini_pool *p, int64_t k, const mini_entry **out)
{
    mini_entry *e = &p->entry[k % p->size];
    *out = e;
    return e->k == k + 1 ? DR_OK : fill(p, k, e);
}
