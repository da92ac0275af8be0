#include "ops/onednn/pack.h"

#include "base/file.h"
#include "ops/cpu/cpu.h"
#include "ops/onednn/onednn.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define LARGE (16 << 20) /* bytes */
#define HUGE_PAGE (2 << 20)

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static atomic_size_t resident;

size_t dr_onednn_pack_bytes(void)
{
    return atomic_load(&resident);
}

static size_t pack_bytes(const dr_pack *p)
{
    size_t size = p->stored == DR_Q8_0 ? p->n + dr_pack8_bytes(p->q8) : p->n * dr_dtype_size(p->stored);
    return size + p->extras * sizeof *p->extra;
}

static void pack_free(void *pack)
{
    dr_pack *p = pack;
    if (!p)
        return;
    if (p->data)
        atomic_fetch_sub(&resident, pack_bytes(p));
    free(p->data);
    free(p->extra);
    dr_pack8_free(p->q8);
    dr_md_free(p->md);
    free(p);
}

const dr_pack *dr_pack_of(const dr_tensor *w)
{
    return __atomic_load_n(&w->pack, __ATOMIC_ACQUIRE);
}

/* The weight's own values as f32, expanded into scratch unless they are f32 already. */
static const float *source_f32(const dr_tensor *w, dr_arena *scratch)
{
    DR_ASSERT(!w->yielded, "the values of '%s' were given up for a packed copy", w->name ? w->name : "a weight");
    if (w->dtype == DR_F32)
        return w->data;
    size_t n = (size_t)dr_numel(w);
    float *f = dr_arena_alloc(scratch, n * sizeof *f);
    if (f)
        dr_cpu_to_f32(w->data, w->dtype, f, n);
    return f;
}

/* 16-bit values change layout as whole numbers in f32, which hold every bit pattern of theirs: one f32 reorder
 * serves f16 and bf16, and no value is ever rounded. */
static dr_status reorder_bits(const dr_tensor *w, dr_cmd plain, dr_cmd md, dr_pack *p, dr_arena *scratch)
{
    size_t n = (size_t)dr_numel(w);
    const uint16_t *bits = w->data;
    uint16_t *out = p->data;
    float *from = dr_arena_alloc(scratch, n * sizeof *from);
    float *to = from ? dr_arena_alloc(scratch, p->n * sizeof *to) : NULL;
    if (!to)
        return DR_ENOMEM;
#pragma omp parallel for simd schedule(static)
    for (size_t i = 0; i < n; i++)
        from[i] = (float)bits[i];
    dr_status s = dr_reorder(scratch, plain, from, md, to);
    if (s != DR_OK)
        return s;
#pragma omp parallel for simd schedule(static)
    for (size_t i = 0; i < p->n; i++)
        out[i] = (uint16_t)(int)to[i];
    return DR_OK;
}

static dr_status pack_fill(const dr_tensor *w, dr_cmd plain, dr_pack *p, dr_arena *scratch)
{
    if (p->stored == DR_Q8_0)
        return dr_pack8_make(w, plain, p->md, p->type, p->n, p->data, &p->q8, scratch);
    if (p->stored == DR_F16 || (p->stored == DR_BF16 && p->type == DR_F32))
        return reorder_bits(w, plain, p->md, p, scratch);
    const float *f = source_f32(w, scratch);
    return f ? dr_reorder(scratch, plain, f, p->md, p->data) : DR_ENOMEM;
}

/* What a pack's elements are kept as. */
static dr_dtype stored_type(const dr_tensor *w, dr_dtype type)
{
    if (w->dtype == DR_Q8_0)
        return DR_Q8_0;
    return type != DR_F32 || dr_dtype_block(w->dtype) > 1 ? type : w->dtype;
}

/* huge pages where they fit whole: a packed UNet is hundreds of thousands of small ones to fault in otherwise */
void *dr_pack_memory(size_t size)
{
    size_t align = size >= LARGE / 4 ? HUGE_PAGE : 64;
    void *p = NULL;
    if (posix_memalign(&p, align, size) != 0)
        return NULL;
    if (align == HUGE_PAGE)
        madvise(p, size / HUGE_PAGE * HUGE_PAGE, MADV_HUGEPAGE);
    return p;
}

static dr_status pack_new(const dr_tensor *w, dr_cmd plain, dr_cmd md, uint64_t layout, dr_dtype type, dr_dtype stored,
                          dr_arena *scratch, dr_pack **out)
{
    dr_pack *p = calloc(1, sizeof *p);
    if (!p)
        return dr_fail(DR_ENOMEM, "out of memory while packing '%s'", w->name ? w->name : "a weight");
    p->layout = layout;
    p->type = type;
    p->stored = stored;
    p->n = dnnl_memory_desc_get_size(md) / dr_dtype_size(type);
    p->md = dr_md_clone(md);
    size_t size = p->n * (stored == DR_Q8_0 ? 1 : dr_dtype_size(stored));
    p->data = p->md ? dr_pack_memory(size) : NULL;
    if (!p->data) {
        pack_free(p);
        return dr_fail(DR_ENOMEM, "out of memory while packing '%s': %zu KiB", w->name ? w->name : "a weight",
                       size >> 10);
    }
    size_t mark = dr_arena_mark(scratch);
    dr_status s = pack_fill(w, plain, p, scratch);
    dr_arena_rewind(scratch, mark);
    /* packing happens once: the workspace of a 16-bit weight must not stay resident */
    if (w->dtype != DR_F32 && p->n * sizeof(float) > LARGE)
        dr_arena_trim(scratch);
    atomic_fetch_add(&resident, pack_bytes(p));
    if (s != DR_OK) {
        pack_free(p);
        return s;
    }
    *out = p;
    return DR_OK;
}

/* The pack if it holds the weight's exact values: one in bf16 of an f32 or f16 weight does not. */
static const dr_pack *exact_pack(const dr_tensor *w)
{
    const dr_pack *p = dr_pack_of(w);
    return p && (p->stored == w->dtype || (p->stored == DR_F32 && dr_dtype_block(w->dtype) > 1)) ? p : NULL;
}

/* Whole pages inside the weight's memory go back to the system. */
static void give_up(dr_tensor *w)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), from = ((uintptr_t)w->data + page - 1) / page * page;
    uintptr_t to = ((uintptr_t)w->data + dr_nbytes(w)) / page * page;
    w->yielded = true;
    if (to > from)
        madvise((void *)from, to - from, MADV_DONTNEED);
}

dr_status dr_pack_make(dr_tensor *w, dr_cmd plain, dr_cmd md, uint64_t layout, dr_dtype type, dr_arena *scratch,
                       const dr_pack **out)
{
    *out = dr_pack_of(w);
    if (*out || !w->constant)
        return DR_OK;
    pthread_mutex_lock(&lock);
    dr_status s = DR_OK;
    if (!w->pack) {
        dr_pack *p = NULL;
        dr_dtype stored = stored_type(w, type);
        s = pack_new(w, plain, md, layout, type, stored, scratch, &p);
        if (s == DR_EUNSUPPORTED && stored == DR_Q8_0) /* the layout is none of rows */
            s = pack_new(w, plain, md, layout, type, type, scratch, &p);
        if (s == DR_OK) {
            w->pack_free = pack_free;
            __atomic_store_n(&w->pack, p, __ATOMIC_RELEASE);
            if (w->mapped)
                dr_map_drop(w->data, dr_nbytes(w));
            else if (w->yields && exact_pack(w))
                give_up(w);
        }
    }
    pthread_mutex_unlock(&lock);
    *out = w->pack;
    return s;
}

dr_status dr_pack_adopt(dr_tensor *w, dr_dtype type, void *data, size_t n, float *extra, size_t extras,
                        const dr_pack **out)
{
    dr_pack *p = calloc(1, sizeof *p);
    if (!p) {
        free(data);
        free(extra);
        return dr_fail(DR_ENOMEM, "out of memory while packing '%s'", w->name ? w->name : "a weight");
    }
    *p = (dr_pack){.type = type, .stored = type, .n = n, .data = data, .extra = extra, .extras = extras};
    atomic_fetch_add(&resident, pack_bytes(p));
    pthread_mutex_lock(&lock);
    if (w->pack) { /* another thread was faster */
        pack_free(p);
    } else {
        w->pack_free = pack_free;
        __atomic_store_n(&w->pack, p, __ATOMIC_RELEASE);
        if (w->mapped)
            dr_map_drop(w->data, dr_nbytes(w));
    }
    *out = w->pack;
    pthread_mutex_unlock(&lock);
    return DR_OK;
}

const void *dr_pack_data(const dr_pack *p, dr_arena *scratch)
{
    if (p->stored == p->type)
        return p->data;
    if (p->stored == DR_Q8_0)
        return dr_pack8_expand(p->q8, p->data, p->type, p->n, scratch);
    float *f = dr_arena_alloc(scratch, p->n * sizeof *f);
    if (f)
        dr_cpu_to_f32(p->data, p->stored, f, p->n);
    return f;
}

const float *dr_pack_extra(const dr_pack *pack, size_t n, void (*make)(const void *job, float *out), const void *job)
{
    dr_pack *p = (dr_pack *)(uintptr_t)pack;
    if (__atomic_load_n(&p->extra, __ATOMIC_ACQUIRE))
        return p->extra;
    pthread_mutex_lock(&lock);
    float *made = p->extra ? NULL : malloc(n * sizeof *made);
    if (made) {
        make(job, made);
        p->extras = n;
        atomic_fetch_add(&resident, n * sizeof *made);
        __atomic_store_n(&p->extra, made, __ATOMIC_RELEASE);
    }
    pthread_mutex_unlock(&lock);
    return p->extra;
}

dr_status dr_weights_plain(const dr_tensor *w, dr_cmd plain, dr_arena *scratch, const float **out)
{
    const dr_pack *p = exact_pack(w);
    if (!p) {
        *out = source_f32(w, scratch);
        return *out ? DR_OK : DR_ENOMEM;
    }
    float *f = dr_arena_alloc(scratch, (size_t)dr_numel(w) * sizeof *f);
    size_t mark = dr_arena_mark(scratch);
    *out = f;
    if (f && p->stored == DR_Q8_0)
        return dr_pack8_plain(p->q8, p->data, p->md, p->type, p->n, (size_t)dr_numel(w), plain, scratch, f);
    const void *packed = f ? dr_pack_data(p, scratch) : NULL;
    dr_status s = packed ? dr_reorder(scratch, p->md, packed, plain, f) : DR_ENOMEM;
    dr_arena_rewind(scratch, mark);
    *out = f;
    return s;
}

dr_status dr_weights_as(const dr_tensor *w, dr_cmd plain, dr_cmd md, dr_arena *scratch, const void **out)
{
    if (dnnl_memory_desc_equal(plain, md)) {
        const float *f = NULL;
        dr_status s = dr_weights_plain(w, plain, scratch, &f);
        *out = f;
        return s;
    }
    void *made = dr_arena_alloc(scratch, dnnl_memory_desc_get_size(md));
    if (!made)
        return DR_ENOMEM;
    size_t mark = dr_arena_mark(scratch);
    const dr_pack *p = exact_pack(w);
    if (p && p->type != DR_F32) { /* its own layout is of rounded values */
        const float *exact = NULL;
        dr_status s = dr_weights_plain(w, plain, scratch, &exact);
        if (s == DR_OK)
            s = dr_reorder(scratch, plain, exact, md, made);
        dr_arena_rewind(scratch, mark);
        *out = made;
        return s;
    }
    const void *from = p ? dr_pack_data(p, scratch) : source_f32(w, scratch);
    dr_status s = from ? dr_reorder(scratch, p ? p->md : plain, from, md, made) : DR_ENOMEM;
    dr_arena_rewind(scratch, mark);
    *out = made;
    return s;
}
