#include "train/plan.h"

#include "base/rng.h"

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
        return (int)((room + 1) / 2); /* torchvision rounds half up: round(room / 2.0) */
    int places = room + 1 < DR_PLAN_PLACES ? room + 1 : DR_PLAN_PLACES;
    return (int)(dr_rng_below(rng, places) * room / (places > 1 ? places - 1 : 1));
}

static dr_crop draw_crop(const dr_train_options *o, const dr_example *e, int cell, dr_rng *rng)
{
    int width, height;
    dr_crop c = {.width = o->resolution, .height = o->resolution};
    if (o->bucket)
        dr_bucket_size(e->width, e->height, o->resolution, cell > 64 ? cell : 64, &c.width, &c.height);
    dr_resized_size(e->width, e->height, c.width, c.height, &width, &height);
    c.x = random_place(rng, width - c.width, o->center_crop);
    c.y = random_place(rng, height - c.height, o->center_crop);
    c.flip = o->flip && dr_rng_below(rng, 2) == 1;
    return c;
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

static void draw(dr_plan *p, const dr_train_options *o, const dr_dataset *instances, const dr_dataset *classes,
                 int cell, shuffle *own, shuffle *prior, dr_rng *rng)
{
    int steps = 0, since_step = 0;
    while (steps < p->steps) {
        dr_micro_batch *b = &p->batch[p->batch_count++];
        *b = (dr_micro_batch){.first = p->item_count};
        int left = instances->count - own->next % own->n; /* of this pass; a pass ends with a smaller batch */
        int want = left < o->train_batch_size ? left : o->train_batch_size;
        for (int i = 0; i < want; i++) {
            dr_plan_item item = {.example = shuffle_next(own, rng)};
            item.crop = draw_crop(o, &instances->example[item.example], cell, rng);
            if (!fits(p, b, &item)) {
                own->next--;
                break;
            }
            p->item[p->item_count++] = item;
            b->instances++;
        }
        for (int i = 0; classes && i < b->instances; i++) {
            dr_plan_item item = {.class_image = true, .example = shuffle_next(prior, rng)};
            item.crop = draw_crop(o, &classes->example[item.example], cell, rng);
            p->item[p->item_count++] = item;
            b->class_images++;
        }
        since_step++;
        bool epoch_over = own->next == own->n;
        b->last = since_step == o->gradient_accumulation_steps || epoch_over;
        if (b->last) {
            steps++;
            since_step = 0;
        }
    }
}

dr_status dr_plan_make(dr_plan *p, const dr_train_options *o, const dr_dataset *instances, const dr_dataset *classes,
                       int cell)
{
    *p = (dr_plan){0};
    int per_epoch = ceil_div(instances->count, o->train_batch_size);
    p->steps_per_epoch = ceil_div(per_epoch, o->gradient_accumulation_steps);
    p->steps = o->max_train_steps > 0 ? o->max_train_steps : o->num_train_epochs * p->steps_per_epoch;
    /* every micro batch has one photo at least, every step at most that many micro batches */
    size_t batches = (size_t)p->steps * (size_t)o->gradient_accumulation_steps;
    size_t items = batches * (size_t)o->train_batch_size * (classes ? 2 : 1);
    shuffle own = {0}, prior = {0};
    dr_rng rng;
    dr_rng_seed(&rng, o->seed ^ 0x9e3779b9u); /* apart from the noise, so that both can be told from the seed */
    p->item = calloc(items, sizeof *p->item);
    p->batch = calloc(batches, sizeof *p->batch);
    dr_status st = p->item && p->batch ? DR_OK : dr_fail(DR_ENOMEM, "out of memory planning %d steps", p->steps);
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
