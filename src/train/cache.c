#include "train/cache.h"

#include "base/path.h"
#include "io/prepare.h"
#include "models/tokenizer.h"
#include "train/dataset_lint.h"
#include "train/pairs.h"

#include <stdlib.h>
#include <string.h>

void dr_cache_clear(dr_cache *c)
{
    for (int i = 0; i < c->count; i++) {
        free(c->entry[i].moments);
        free(c->entry[i].masked);
        free(c->entry[i].mask);
        free(c->entry[i].garment);
    }
    for (int i = 0; c->text && i < c->instances + c->classes; i++)
        free(c->text[i]);
    free(c->entry);
    free(c->of_item);
    free(c->text);
    dr_vae_unload(&c->model);
    *c = (dr_cache){0};
}

static int find(const dr_cache *c, const dr_plan_item *item)
{
    for (int i = 0; i < c->count; i++)
        if (dr_plan_same(&c->entry[i].item, item))
            return i;
    return -1;
}

/* Lists the different crops among the items that are still to come. */
static dr_status list_entries(dr_cache *c, const dr_plan *plan, int first_item)
{
    c->of_item = malloc((size_t)(plan->item_count + 1) * sizeof *c->of_item);
    c->entry = calloc((size_t)(plan->item_count + 1), sizeof *c->entry);
    if (!c->of_item || !c->entry)
        return dr_fail(DR_ENOMEM, "out of memory");
    for (int i = 0; i < plan->item_count; i++) {
        c->of_item[i] = i < first_item ? -1 : find(c, &plan->item[i]);
        if (i >= first_item && c->of_item[i] < 0) {
            c->entry[c->count].item = plan->item[i];
            c->of_item[i] = c->count++;
        }
    }
    dr_encoded *fit = realloc(c->entry, (size_t)(c->count + 1) * sizeof *fit);
    c->entry = fit ? fit : c->entry;
    return DR_OK;
}

static dr_status encode(dr_tape *g, const dr_vae *vae, const dr_image *photo, const dr_image *mask, float **out)
{
    size_t pixels = (size_t)photo->width * (size_t)photo->height;
    *out = NULL;
    dr_tape_reset(g);
    float *rgb = dr_arena_alloc(&g->arena, 3 * pixels * sizeof *rgb);
    if (!rgb)
        return DR_ENOMEM;
    dr_image_to_f32(photo, rgb);
    if (mask)
        dr_masked_f32(rgb, mask, rgb);
    dr_tensor *m = dr_vae_encode(g, vae, dr_input(g, rgb, 4, (int64_t[]){1, photo->height, photo->width, 3}));
    dr_status st = dr_tape_status(g);
    *out = st ? NULL : malloc(dr_nbytes(m));
    if (!st && !*out)
        st = dr_fail(DR_ENOMEM, "out of memory for the latents of %zu pixels", pixels);
    if (!st)
        dr_tensor_get(g, m, *out);
    return st;
}

/* A class photo has no garment mask: a box over its middle half stands for one, the same at every step. */
static dr_status middle_box(dr_image *mask, int width, int height)
{
    dr_status st = dr_image_alloc(mask, width, height, 1);
    if (st)
        return st;
    memset(mask->data, 0, (size_t)width * (size_t)height);
    for (int y = height / 4; y < height - height / 4; y++)
        memset(mask->data + (size_t)y * (size_t)width + width / 4, 255, (size_t)(width - 2 * (width / 4)));
    return DR_OK;
}

/* The pictures of an entry; `garment` and `seen` stay empty where it has none, or the model wants none. */
static dr_status load_entry(const dr_cache *c, const dr_encoded *e, const dr_example *example, bool any_white,
                            dr_image *photo, dr_image *mask, dr_image *garment, dr_image *seen)
{
    if (example->garment)
        return dr_garment_pair_load(example, &e->item.crop, photo, mask, garment, c->lay_cloth ? seen : NULL);
    dr_status st = dr_example_load(example, &e->item.crop, any_white, photo, example->mask ? mask : NULL);
    return !st && !example->mask ? middle_box(mask, photo->width, photo->height) : st;
}

/* `lost`: the part of the mask that the latents' grid does not show. */
static dr_status encode_entry(const dr_cache *c, dr_encoded *e, const dr_example *example, bool any_white, dr_tape *g,
                              const dr_vae *vae, double *lost)
{
    dr_image photo = {0}, mask = {0}, garment = {0}, seen = {0};
    int f = dr_vae_factor(&vae->config);
    e->w = e->item.crop.width / f;
    e->h = e->item.crop.height / f;
    dr_status st = load_entry(c, e, example, any_white, &photo, &mask, &garment, &seen);
    if (!st)
        st = encode(g, vae, &photo, NULL, &e->moments);
    if (!st)
        st = seen.data ? encode(g, vae, &seen, NULL, &e->masked) : encode(g, vae, &photo, &mask, &e->masked);
    if (!st && garment.data)
        st = encode(g, vae, &garment, NULL, &e->garment);
    if (!st) {
        e->mask = calloc((size_t)dr_encoded_rows(e) * (size_t)e->w, sizeof *e->mask);
        if (e->mask)
            (any_white ? dr_mask_to_latent_any : dr_mask_to_latent)(&mask, e->w, e->h, e->mask);
        else
            st = dr_fail(DR_ENOMEM, "out of memory");
    }
    *lost = st || any_white || !example->mask ? 0 : dr_mask_lost(&mask, e->w, e->h);
    dr_image_clear(&photo);
    dr_image_clear(&mask);
    dr_image_clear(&garment);
    dr_image_clear(&seen);
    return st;
}

/* One line per photo, however many crops of it there are. */
static void add_lost(dr_findings *doubts, const dr_cache *c, int i, const dr_dataset *d, double lost)
{
    for (int k = 0; k < i; k++)
        if (!c->entry[k].item.class_image && c->entry[k].item.example == c->entry[i].item.example)
            return;
    if (lost >= 0.005)
        dr_findings_add(doubts,
                        "%.0f %% of mask '%s' is too thin for the latents' grid and will not be learned: "
                        "--mask_any_white takes it in",
                        lost > 0.01 ? 100 * lost : 1, dr_path_name(d->example[c->entry[i].item.example].mask));
}

/* `n` values that one rank has, to all. */
static dr_status hand_out(const dr_cache *c, int root, float **values, size_t n)
{
    if (n && !*values)
        *values = malloc(n * sizeof **values);
    if (n && !*values)
        return dr_fail(DR_ENOMEM, "out of memory for %zu latents", n);
    return n ? dr_ranks_broadcast(c->ranks, root, *values, n * sizeof **values) : DR_OK;
}

/* What rank i % ranks has encoded. */
static dr_status hand_out_entry(const dr_cache *c, int i, double *lost)
{
    dr_encoded *e = &c->entry[i];
    int root = i % dr_ranks_size(c->ranks);
    struct {
        int h, w, garment;
        double lost;
    } head = {e->h, e->w, e->garment != NULL, *lost};
    dr_status st = dr_ranks_broadcast(c->ranks, root, &head, sizeof head);
    e->h = head.h;
    e->w = head.w;
    *lost = head.lost;
    size_t cells = (size_t)e->h * (size_t)e->w, moments = 2 * (size_t)c->vae.latent * cells;
    if (!st)
        st = hand_out(c, root, &e->moments, moments);
    if (!st)
        st = hand_out(c, root, &e->masked, moments);
    if (!st)
        st = hand_out(c, root, &e->garment, head.garment ? moments : 0);
    return st ? st : hand_out(c, root, &e->mask, head.garment ? 2 * cells : cells);
}

/* In order, so that doubts come as they would from one. */
static dr_status hand_out_all(const dr_cache *c, double *lost, const dr_dataset *instances, dr_findings *doubts)
{
    dr_status st = DR_OK;
    for (int i = 0; !st && i < c->count; i++) {
        st = c->ranks ? hand_out_entry(c, i, &lost[i]) : DR_OK;
        if (!st && !c->entry[i].item.class_image)
            add_lost(doubts, c, i, instances, lost[i]);
    }
    return st;
}

static bool is_here(const dr_cache *c, int i)
{
    return i % dr_ranks_size(c->ranks) == dr_ranks_rank(c->ranks);
}

static const dr_example *example_of(const dr_cache *c, const dr_encoded *e)
{
    return &(e->item.class_image ? c->photos.classes : c->photos.instances)->example[e->item.example];
}

/* Of an entry that is encoded later: doubts are told before the first step. */
static dr_status look_at_mask(const dr_cache *c, const dr_encoded *e, double *lost)
{
    dr_image photo = {0}, mask = {0}, garment = {0}, seen = {0};
    const dr_example *example = example_of(c, e);
    int f = dr_vae_factor(&c->vae);
    if (c->photos.any_white || !example->mask)
        return DR_OK;
    dr_status st = load_entry(c, e, example, false, &photo, &mask, &garment, &seen);
    if (!st)
        *lost = dr_mask_lost(&mask, e->item.crop.width / f, e->item.crop.height / f);
    dr_image_clear(&photo);
    dr_image_clear(&mask);
    dr_image_clear(&garment);
    dr_image_clear(&seen);
    return st;
}

/* The first `count` entries, of which this rank has its part; the others are looked at. */
static dr_status encode_first(dr_cache *c, dr_tape *g, int count, double *lost, const dr_cache_callbacks *cb)
{
    dr_status st = DR_OK;
    g->cancelled = cb->cancelled;
    g->user = cb->user;
    for (int i = 0; !st && i < c->count; i++) {
        dr_encoded *e = &c->entry[i];
        if (i < count && cb->progress)
            cb->progress(cb->user, i, count);
        if (i >= count)
            st = look_at_mask(c, e, &lost[i]);
        else if (is_here(c, i))
            st = encode_entry(c, e, example_of(c, e), c->photos.any_white, g, &c->model.net, &lost[i]);
    }
    g->cancelled = NULL;
    return st;
}

static dr_status encode_all(dr_cache *c, dr_tape *g, int count, const dr_cache_callbacks *cb)
{
    char text[4096] = "";
    dr_findings doubts;
    dr_findings_init(&doubts, text, sizeof text);
    double *lost = calloc((size_t)c->count + 1, sizeof *lost);
    if (!lost)
        return dr_fail(DR_ENOMEM, "out of memory");
    dr_status st = encode_first(c, g, count, lost, cb);
    if (!st)
        st = hand_out_all(c, lost, c->photos.instances, &doubts);
    free(lost);
    if (!st && cb->progress)
        cb->progress(cb->user, count, count);
    if (!st && text[0] && cb->doubt)
        cb->doubt(cb->user, text);
    return st;
}

/* There is nothing left to encode. */
static void done_with_vae(dr_cache *c, dr_tape *g)
{
    dr_vae_unload(&c->model);
    dr_tape_reset(g);
    dr_tape_trim(g);
}

dr_status dr_cache_images(dr_cache *c, dr_tape *g, const dr_source *s, const dr_plan *plan, int first_batch, int until,
                          const dr_cache_photos *photos, const dr_cache_callbacks *cb)
{
    int first_item = first_batch < plan->batch_count ? plan->batch[first_batch].first : plan->item_count;
    int last_item = until < plan->batch_count ? plan->batch[until].first : plan->item_count, count = 0;
    c->photos = *photos;
    dr_status st = list_entries(c, plan, first_item);
    for (int i = first_item; !st && i < last_item; i++) /* entries are listed as they come up */
        count = c->of_item[i] >= count ? c->of_item[i] + 1 : count;
    DR_ASSERT(st || count == c->count || !c->ranks, "%d of %d entries for all ranks", count, c->count);
    if (!st)
        st = dr_vae_load(&c->model, s);
    if (!st) {
        c->vae = c->model.net.config;
        st = encode_all(c, g, count, cb);
    }
    c->missing = c->count - count;
    if (st || !c->missing)
        done_with_vae(c, g);
    return st;
}

dr_status dr_cache_complete(dr_cache *c, dr_tape *g, int first, int count)
{
    dr_status st = DR_OK;
    double lost;
    for (int i = first; !st && c->missing && i < first + count; i++) {
        dr_encoded *e = &c->entry[c->of_item[i]];
        if (e->mask)
            continue;
        st = encode_entry(c, e, example_of(c, e), c->photos.any_white, g, &c->model.net, &lost);
        if (!st && --c->missing == 0)
            done_with_vae(c, g);
    }
    return st;
}

/* The first example with the same tokens as example i, which may be that itself. */
static int first_with(const int32_t *ids, int i)
{
    int k = 0;
    while (memcmp(ids + k * DR_TOKENS, ids + i * DR_TOKENS, DR_TOKENS * sizeof *ids) != 0)
        k++;
    return k;
}

/* Photos of one garment mostly share a prompt, which is encoded once. */
static dr_status encode_text(dr_cache *c, dr_tape *g, const dr_text_model *text, const int32_t *ids, int i)
{
    size_t n = (size_t)(DR_TOKENS * text->net.config.width);
    int same = first_with(ids, i);
    c->text[i] = malloc(n * sizeof(float));
    if (!c->text[i])
        return dr_fail(DR_ENOMEM, "out of memory");
    if (same < i && c->text[same]) { /* another rank may have it */
        memcpy(c->text[i], c->text[same], n * sizeof(float));
        return DR_OK;
    }
    dr_tape_reset(g);
    dr_tensor *h = dr_clip_forward(g, &text->net, ids + i * DR_TOKENS, 1, DR_TOKENS);
    dr_status st = dr_tape_status(g);
    if (!st)
        dr_tensor_get(g, h, c->text[i]);
    return st;
}

dr_status dr_cache_texts(dr_cache *c, const dr_text_model *text, const int32_t *ids, int instances, int classes)
{
    dr_tape g;
    size_t n = (size_t)(DR_TOKENS * text->net.config.width);
    c->instances = instances;
    c->classes = classes;
    c->text = calloc((size_t)(instances + classes), sizeof *c->text);
    if (!c->text)
        return dr_fail(DR_ENOMEM, "out of memory");
    dr_status st = dr_tape_init(&g);
    g.precision = c->precision;
    for (int i = 0; !st && i < instances + classes; i++)
        st = is_here(c, i) ? encode_text(c, &g, text, ids, i) : DR_OK;
    for (int i = 0; !st && c->ranks && i < instances + classes; i++)
        st = hand_out(c, i % dr_ranks_size(c->ranks), &c->text[i], n);
    dr_tape_clear(&g);
    return st;
}
