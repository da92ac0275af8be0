#include "mini/made.h"

#include <string.h>

#define MAGIC "drape made 1"

mini_made_head mini_made_begin(int cells, int channels, int64_t count)
{
    return (mini_made_head){.magic = MAGIC, .cells = cells, .channels = channels, .count = count};
}

size_t mini_made_size(const mini_made_head *h)
{
    size_t n = sizeof(mini_made_entry) + (size_t)(h->cells * h->cells * h->channels) * sizeof(uint16_t);
    return (n + 7) / 8 * 8;
}

static bool is_whole(const mini_made *m)
{
    const mini_made_head *h = &m->head;
    return memcmp(h->magic, MAGIC, sizeof MAGIC) == 0 && h->cells > 0 && h->cells <= 128 && h->channels > 0 &&
           h->channels <= 4 && h->count > 0 && h->count < 1 << 24 &&
           m->map.size == sizeof *h + (size_t)h->count * mini_made_size(h);
}

dr_status mini_made_open(mini_made *m, const char *path)
{
    dr_status st = dr_map_open(&m->map, path);
    if (st)
        return st;
    if (m->map.size >= sizeof m->head)
        memcpy(&m->head, m->map.data, sizeof m->head);
    if (is_whole(m))
        return DR_OK;
    mini_made_close(m);
    return dr_fail(DR_EINVAL, "'%s' is not a whole file of mini_made; make it again", path);
}

void mini_made_close(mini_made *m)
{
    if (m->map.data)
        dr_map_close(&m->map);
    *m = (mini_made){0};
}

const mini_made_entry *mini_made_get(const mini_made *m, int64_t i)
{
    return (const void *)(m->map.data + sizeof m->head + (size_t)i * mini_made_size(&m->head));
}
