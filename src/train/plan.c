#include "train/plan.h"

#include "base/rng.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* Endless passes over 0..n-1, each in a new order, as a shuffling data loader gives them. */
typedef struct shuffle {
    int64_t *order;
    int n, next;
} shuffle;

static dr_status shuffle_init(shuffle *s, int n)
{
    *s = (shuffle){.n = n, .next = n};
    s->order = n > 0 ? malloc((size_t)n * sizeof *s->order) : NULL;
    return n > 0 && !s->order ? dr_fail(DR_ENOMEM, "out of memory") : DR_OK;
}

static int shuffle_next(shuffle *s, dr_rng *rng)
{
    if (s->next == s->n) {
        dr_rng_perm(rng, s->n, s->order);
        s->next = 0;
    }
    return (int)s->order[s->next++];
}

static int random_place(dr_rng *rng, int room, bool center)
{
    if (room <= 0)
        return 0;
    if (center)
        return room / 2 + (room % 2 && room / 2 % 2); /* torchvision: round(room / 2.0), half to even */
    int places = room + 1 < DR_PLAN_PLACES ? room + 1 : DR_PLAN_PLACES;
    return (int)(dr_rng_below(rng, places) * room / (places > 1 ? places - 1 : 1));
}

/* A place for a crop of c's size, and whether it is mirrored. Pairs have one place alone (io/fit.h). */
static void draw_place(dr_crop *c, const drape_train_options *o, const dr_example *e, dr_rng *rng)
{
    int width, height;
    dr_resized_size(e->width, e->height, c->width, c->height, &width, &height);
    c->x = e->garment ? 0 : random_place(rng, width - c->width, o->center_crop);
    c->y = e->garment ? 0 : random_place(rng, height - c->height, o->center_crop);
    c->flip = o->flip && dr_rng_below(rng, 2) == 1;
}

static dr_plan_item draw_instance(const drape_train_options *o, const dr_dataset *d, int example, int cell, dr_rng *rng)
{
    const dr_example *e = &d->example[example];
    dr_plan_item item = {.example = example, .crop = {.width = o->resolution, .height = o->resolution}};
    if (e->garment)
        item.crop = (dr_crop){.width = o->width, .height = o->height};
    else if (o->bucket)
        dr_bucket_size(e->width, e->height, o->resolution, cell > 64 ? cell : 64, &item.crop.width, &item.crop.height);
    draw_place(&item.crop, o, e, rng);
    return item;
}

/* Class images have the size of the photos that they share a batch with. */
static dr_plan_item draw_class(const drape_train_options *o, const dr_dataset *d, int example, const dr_crop *like,
                               dr_rng *rng)
{
    dr_plan_item item = {
        .class_image = true, .example = example, .crop = {.width = like->width, .height = like->height}};
    draw_place(&item.crop, o, &d->example[example], rng);
    return item;
}

void dr_plan_clear(dr_plan *p)
{
    free(p->item);
    free(p->batch);
    *p = (dr_plan){0};
}

static int ceil_div(int a, int b)
{
    return (a + b - 1) / b;
}

/* A batch has one size of picture: with buckets the photos of other sizes wait for their own batch. */
static bool fits(const dr_plan *p, const dr_micro_batch *b, const dr_plan_item *item)
{
    const dr_crop *first = &p->item[b->first].crop;
    return b->instances == 0 || (first->width == item->crop.width && first->height == item->crop.height);
}

/* Draws one micro batch; true when it was the last of a pass over the photos. */
static bool draw_batch(dr_plan *p, const drape_train_options *o, const dr_dataset *instances, const dr_dataset *classes,
                       int cell, shuffle *own, shuffle *prior, dr_rng *rng)
{
    dr_micro_batch *b = &p->batch[p->batch_count++];
    *b = (dr_micro_batch){.first = p->item_count};
    int left = own->n - own->next % own->n; /* of this pass; a pass ends with a smaller batch */
    int want = left < o->train_batch_size ? left : o->train_batch_size;
    for (int i = 0; i < want; i++) {
        dr_plan_item item = draw_instance(o, instances, shuffle_next(own, rng), cell, rng);
        if (!fits(p, b, &item)) {
            own->next--;
            break;
        }
        p->item[p->item_count++] = item;
        b->instances++;
    }
    for (int i = 0; classes && i < b->instances; i++)
        p->item[p->item_count++] = draw_class(o, classes, shuffle_next(prior, rng), &p->item[b->first].crop, rng);
    b->class_images = classes ? b->instances : 0;
    return own->next == own->n;
}

/* Until there are enough steps, or passes. */
static void draw(dr_plan *p, const drape_train_options *o, const dr_dataset *instances, const dr_dataset *classes,
                 int cell, shuffle *own, shuffle *prior, dr_rng *rng)
{
    int passes = 0, since_step = 0;
    bool over = false;
    while (!over) {
        bool pass_over = draw_batch(p, o, instances, classes, cell, own, prior, rng);
        passes += pass_over;
        since_step++;
        if (since_step == o->gradient_accumulation_steps || pass_over) {
            p->batch[p->batch_count - 1].last = true;
            p->steps++;
            since_step = 0;
            over = o->max_train_steps > 0 ? p->steps == o->max_train_steps : passes == o->num_train_epochs;
        }
    }
}

/* Room for the most micro batches there can be: with buckets every photo may be one by itself. */
static dr_status make_room(dr_plan *p, const drape_train_options *o, const dr_dataset *instances, bool classes)
{
    int64_t per_pass = o->bucket ? instances->count : ceil_div(instances->count, o->train_batch_size);
    int64_t batches = o->max_train_steps > 0 ? (int64_t)o->max_train_steps * o->gradient_accumulation_steps
                                             : o->num_train_epochs * per_pass;
    int64_t passes = o->max_train_steps > 0 ? batches : o->num_train_epochs; /* at most */
    int64_t photos = passes * instances->count < batches * o->train_batch_size ? passes * instances->count
                                                                               : batches * o->train_batch_size;
    if (batches > INT_MAX || photos > INT_MAX / 2)
        return dr_fail(DR_EINVAL, "a run over %lld photos is too long; take fewer steps or epochs", (long long)photos);
    p->item = calloc((size_t)photos * (classes ? 2 : 1), sizeof *p->item);
    p->batch = calloc((size_t)batches, sizeof *p->batch);
    return p->item && p->batch ? DR_OK : dr_fail(DR_ENOMEM, "out of memory planning %lld batches", (long long)batches);
}

dr_status dr_plan_make(dr_plan *p, const drape_train_options *o, const dr_dataset *instances, const dr_dataset *classes,
                       int cell)
{
    shuffle own = {0}, prior = {0};
    dr_rng rng;
    dr_rng_seed(&rng, o->seed ^ 0x9e3779b9u); /* apart from the noise, so that both can be told from the seed */
    *p = (dr_plan){0};
    dr_status st = make_room(p, o, instances, classes != NULL);
    if (!st)
        st = shuffle_init(&own, instances->count);
    if (!st && classes)
        st = shuffle_init(&prior, classes->count);
    if (!st)
        draw(p, o, instances, classes, cell, &own, &prior, &rng);
    free(own.order);
    free(prior.order);
    if (st)
        dr_plan_clear(p);
    return st;
}

int dr_plan_batch_of_step(const dr_plan *p, int step)
{
    int i = 0;
    for (int done = 0; i < p->batch_count && done < step; i++)
        done += p->batch[i].last;
    return i;
}

bool dr_plan_same(const dr_plan_item *a, const dr_plan_item *b)
{
    return a->class_image == b->class_image && a->example == b->example && a->crop.width == b->crop.width &&
           a->crop.height == b->crop.height && a->crop.x == b->crop.x && a->crop.y == b->crop.y &&
           a->crop.flip == b->crop.flip;
}
