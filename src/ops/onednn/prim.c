#include "ops/onednn/prim.h"

#include "base/threads.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define CACHE_SIZE 1024
#define ROOM ((size_t)64 << 20) /* without it no primitive is made: its code generator crashes where memory ends */

/* no padding: it is hashed and compared as bytes */
_Static_assert(sizeof(dr_prim_key) == 6 * sizeof(int32_t) + 18 * sizeof(int64_t), "dr_prim_key has padding");

struct dr_prim {
    dr_prim_key key;
    int refs; /* under the lock; the cache holds one */
    uint64_t used;
    dnnl_primitive_desc_t pd;
    dnnl_primitive_t prim;
    dr_cmd src, weights, dst, bias, workspace; /* borrowed from pd */
    dr_md other;
    size_t workspace_size;
};

static struct {
    pthread_once_t once;
    dnnl_engine_t engine;
    dnnl_stream_t stream;
    pthread_mutex_t lock;
    dr_prim *slot[CACHE_SIZE * 2]; /* open addressing, at most half full */
    int count;
    uint64_t clock;
} E = {.once = PTHREAD_ONCE_INIT, .lock = PTHREAD_MUTEX_INITIALIZER};

static void start(void)
{
    if (dnnl_engine_create(&E.engine, dnnl_cpu, 0) != dnnl_success) {
        E.engine = NULL;
        return;
    }
    if (dnnl_stream_create(&E.stream, E.engine, dnnl_stream_default_flags) != dnnl_success) {
        dnnl_engine_destroy(E.engine);
        E.engine = NULL;
    }
}

bool dr_onednn_ok(void)
{
    pthread_once(&E.once, start);
    return E.engine != NULL;
}

uint64_t dr_hash(const void *data, size_t n)
{
    const unsigned char *p = data;
    uint64_t h = 0xcbf29ce484222325u;
    for (size_t i = 0; i < n; i++)
        h = (h ^ p[i]) * 0x100000001b3u;
    return h;
}

static void prim_free(dr_prim *p)
{
    if (p->prim)
        dnnl_primitive_destroy(p->prim);
    if (p->pd)
        dnnl_primitive_desc_destroy(p->pd);
    dr_md_free(p->other);
    free(p);
}

/* --- making --------------------------------------------------------------------------------------- */

typedef struct mds {
    dr_md src, weights, bias, dst;
} mds;

static void mds_free(mds *m)
{
    dr_md_free(m->src);
    dr_md_free(m->weights);
    dr_md_free(m->bias);
    dr_md_free(m->dst);
}

static dnnl_data_type_t key_type(const dr_prim_key *k)
{
    return k->type == DR_BF16 ? dnnl_bf16 : dnnl_f32;
}

static void matmul_mds(const dr_prim_key *k, dr_cmd layout, mds *m)
{
    int64_t M = k->dim[0], N = k->dim[1], K = k->dim[2];
    dnnl_data_type_t t = key_type(k);
    const int64_t rows_src[] = {K, 1}, columns_src[] = {1, M}, rows[] = {N, 1}, columns[] = {1, K};
    m->src = dr_md_make(2, (int64_t[]){M, K}, t, k->src_columns ? columns_src : rows_src);
    if (k->weights == DR_WEIGHTS_GIVEN)
        m->weights = dr_md_clone(layout);
    else
        m->weights = dr_md_make(2, (int64_t[]){K, N}, t,
                                k->weights == DR_WEIGHTS_ROWS      ? rows
                                : k->weights == DR_WEIGHTS_COLUMNS ? columns
                                                                   : NULL);
    m->dst = dr_md_make(2, (int64_t[]){M, N}, dnnl_f32, rows);
    if (k->bias)
        m->bias = dr_md_make(2, (int64_t[]){1, N}, dnnl_f32, rows);
}

/* Activations are NHWC; oneDNN names axes as N C H W whatever their order in memory. */
static dr_md image_md(int64_t N, int64_t H, int64_t W, int64_t C, dnnl_data_type_t t)
{
    return dr_md_make(4, (int64_t[]){N, C, H, W}, t, (int64_t[]){H * W * C, 1, W * C, C});
}

static void conv_mds(const dr_prim_key *k, dr_cmd layout, mds *m)
{
    const int64_t *d = k->dim;
    dnnl_data_type_t t = key_type(k);
    dnnl_data_type_t src_t = k->op == DR_PRIM_CONV_DATA ? dnnl_f32 : t;
    dnnl_data_type_t dst_t = k->op == DR_PRIM_CONV ? dnnl_f32 : t;
    m->src = image_md(d[0], d[1], d[2], d[3], src_t);
    m->dst = image_md(d[0], d[5], d[6], d[4], dst_t);
    if (k->weights == DR_WEIGHTS_GIVEN) {
        m->weights = dr_md_clone(layout);
    } else {
        int64_t g = d[14], kk = d[7] * d[8], I = d[3] / g;
        int64_t dim[] = {g, d[4] / g, I, d[7], d[8]}, stride[] = {d[4] / g * I * kk, I * kk, kk, d[8], 1};
        int from = g == 1;
        dnnl_data_type_t wt = k->op == DR_PRIM_CONV_WEIGHTS ? dnnl_f32 : t;
        m->weights = dr_md_make(5 - from, dim + from, wt, k->weights == DR_WEIGHTS_ROWS ? stride + from : NULL);
    }
    if (k->bias)
        m->bias = dr_md_make(1, (int64_t[]){d[4]}, dnnl_f32, (int64_t[]){1});
}

static dnnl_primitive_desc_t make_pd(const dr_prim_key *k, dr_cmd layout, dr_prim *p)
{
    mds m = {0};
    dnnl_primitive_desc_t pd = NULL;
    dnnl_primitive_attr_t attr = NULL;
    dnnl_post_ops_t post = NULL;
    if (k->op == DR_PRIM_MATMUL)
        matmul_mds(k, layout, &m);
    else
        conv_mds(k, layout, &m);
    if (!m.src || !m.weights || !m.dst || (k->bias && !m.bias) || dnnl_primitive_attr_create(&attr) != dnnl_success)
        goto done;
    dnnl_primitive_attr_set_scratchpad_mode(attr, dnnl_scratchpad_mode_user);
    if (k->add != DR_ADD_NONE) {
        if (dnnl_post_ops_create(&post) != dnnl_success)
            goto done;
        if (k->add == DR_ADD_OLD)
            dr_post_sum(post);
        else if (!(p->other = dr_md_clone(m.dst)) ||
                 dnnl_post_ops_append_binary(post, dnnl_binary_add, p->other) != dnnl_success)
            goto done;
        if (dnnl_primitive_attr_set_post_ops(attr, post) != dnnl_success)
            goto done;
    }
    if (k->op == DR_PRIM_MATMUL) {
        pd = dr_pd_matmul(E.engine, m.src, m.weights, m.bias, m.dst, attr);
    } else {
        const int64_t *d = k->dim;
        const dnnl_dims_t stride = {d[9], d[9]}, pad_before = {d[10], d[11]}, pad_after = {d[12], d[13]};
        pd = dr_pd_conv(E.engine, (dr_conv_pass)(k->op - DR_PRIM_CONV), m.src, m.weights, m.bias, m.dst, stride,
                        pad_before, pad_after, attr);
    }
done:
    if (post)
        dnnl_post_ops_destroy(post);
    if (attr)
        dnnl_primitive_attr_destroy(attr);
    mds_free(&m);
    return pd;
}

static dr_cmd query(const dr_prim *p, dnnl_query_t what)
{
    return dnnl_primitive_desc_query_md(p->pd, what, 0);
}

static dr_prim *prim_make(const dr_prim_key *k, dr_cmd layout)
{
    dr_prim *p = calloc(1, sizeof *p);
    if (!p)
        return NULL;
    p->key = *k;
    p->pd = make_pd(k, layout, p);
    if (!p->pd || !dr_have_room(ROOM) || dnnl_primitive_create(&p->prim, p->pd) != dnnl_success) {
        prim_free(p);
        return NULL;
    }
    bool data = k->op == DR_PRIM_CONV_DATA, weights = k->op == DR_PRIM_CONV_WEIGHTS;
    p->src = query(p, data ? dnnl_query_diff_src_md : dnnl_query_src_md);
    p->weights = query(p, weights ? dnnl_query_diff_weights_md : dnnl_query_weights_md);
    p->dst = query(p, data || weights ? dnnl_query_diff_dst_md : dnnl_query_dst_md);
    p->bias = k->bias ? dnnl_primitive_desc_query_md(p->pd, dnnl_query_weights_md, 1) : NULL;
    p->workspace = query(p, dnnl_query_scratchpad_md);
    p->workspace_size = p->workspace ? dnnl_memory_desc_get_size(p->workspace) : 0;
    return p;
}

/* --- the cache ------------------------------------------------------------------------------------ */

static size_t find(const dr_prim_key *k)
{
    size_t mask = sizeof E.slot / sizeof *E.slot - 1, i = dr_hash(k, sizeof *k) & mask;
    while (E.slot[i] && memcmp(&E.slot[i]->key, k, sizeof *k) != 0)
        i = (i + 1) & mask;
    return i;
}

static void drop(dr_prim *p)
{
    if (--p->refs == 0)
        prim_free(p);
}

/* Forgets the older half, and puts the rest back in place. */
static void shrink(void)
{
    static dr_prim *kept[CACHE_SIZE];
    int n = 0;
    uint64_t old = E.clock - CACHE_SIZE / 2;
    for (size_t i = 0; i < sizeof E.slot / sizeof *E.slot; i++) {
        if (!E.slot[i])
            continue;
        if (E.slot[i]->used > old && n < CACHE_SIZE / 2)
            kept[n++] = E.slot[i];
        else
            drop(E.slot[i]);
        E.slot[i] = NULL;
    }
    for (int i = 0; i < n; i++)
        E.slot[find(&kept[i]->key)] = kept[i];
    E.count = n;
}

dr_prim *dr_prim_get(const dr_prim_key *key, dr_cmd layout)
{
    if (!dr_onednn_ok())
        return NULL;
    dr_prim_key k = *key;
    k.threads = dr_threads();
    if (k.weights != DR_WEIGHTS_GIVEN)
        k.layout = 0;
    pthread_mutex_lock(&E.lock);
    size_t i = find(&k);
    if (!E.slot[i]) {
        if (E.count == CACHE_SIZE) {
            shrink();
            i = find(&k);
        }
        dr_prim *made = prim_make(&k, layout);
        if (made) {
            made->refs = 1;
            E.slot[i] = made;
            E.count++;
        }
    }
    dr_prim *p = E.slot[i];
    if (p) {
        p->refs++;
        p->used = ++E.clock;
    }
    pthread_mutex_unlock(&E.lock);
    return p;
}

void dr_prim_put(dr_prim *p)
{
    if (!p)
        return;
    pthread_mutex_lock(&E.lock);
    drop(p);
    pthread_mutex_unlock(&E.lock);
}

dr_cmd dr_prim_weights_md(const dr_prim *p)
{
    return p->weights;
}

uint64_t dr_prim_layout(const dr_prim *p)
{
    return p->key.weights == DR_WEIGHTS_GIVEN ? p->key.layout : dr_hash(&p->key, sizeof p->key);
}

/* --- running -------------------------------------------------------------------------------------- */

#define MAX_ARGS 6

typedef struct args {
    dnnl_exec_arg_t v[MAX_ARGS];
    int n;
    bool failed;
} args;

static void arg(args *a, int kind, dr_cmd md, const void *data)
{
    dnnl_memory_t m = NULL;
    if (dnnl_memory_create(&m, md, E.engine, (void *)(uintptr_t)data) != dnnl_success) {
        a->failed = true;
        return;
    }
    a->v[a->n++] = (dnnl_exec_arg_t){kind, m};
}

static dr_status args_run(args *a, dnnl_primitive_t prim)
{
    dr_status s = DR_OK;
    if (a->failed)
        s = dr_fail(DR_ENOMEM, "out of memory while starting a oneDNN primitive");
    else if (dnnl_primitive_execute(prim, E.stream, a->n, a->v) != dnnl_success ||
             dnnl_stream_wait(E.stream) != dnnl_success)
        s = dr_fail(DR_EUNSUPPORTED, "a oneDNN primitive failed to run");
    for (int i = 0; i < a->n; i++)
        dnnl_memory_destroy(a->v[i].memory);
    return s;
}

dr_status dr_prim_run(const dr_prim *p, dr_arena *scratch, const dr_prim_bufs *b)
{
    bool data = p->key.op == DR_PRIM_CONV_DATA, weights = p->key.op == DR_PRIM_CONV_WEIGHTS;
    size_t mark = dr_arena_mark(scratch);
    args a = {0};
    arg(&a, data ? DNNL_ARG_DIFF_SRC : DNNL_ARG_SRC, p->src, b->src);
    arg(&a, weights ? DNNL_ARG_DIFF_WEIGHTS : DNNL_ARG_WEIGHTS, p->weights, b->weights);
    arg(&a, data || weights ? DNNL_ARG_DIFF_DST : DNNL_ARG_DST, p->dst, b->dst);
    if (p->bias)
        arg(&a, DNNL_ARG_BIAS, p->bias, b->bias);
    if (p->other)
        arg(&a, DNNL_ARG_ATTR_MULTIPLE_POST_OP(0) | DNNL_ARG_SRC_1, p->other, b->other);
    if (p->workspace_size) {
        void *w = dr_arena_alloc(scratch, p->workspace_size);
        if (w)
            arg(&a, DNNL_ARG_SCRATCHPAD, p->workspace, w);
        else
            a.failed = true;
    }
    dr_status s = args_run(&a, p->prim);
    dr_arena_rewind(scratch, mark);
    return s;
}

dr_status dr_reorder(dr_arena *scratch, dr_cmd from, const void *src, dr_cmd to, void *dst)
{
    dnnl_primitive_desc_t pd = NULL;
    dnnl_primitive_t prim = NULL;
    dnnl_primitive_attr_t attr = NULL;
    size_t mark = dr_arena_mark(scratch);
    dr_status s = dr_fail(DR_EUNSUPPORTED, "oneDNN has no such reorder");
    if (!dr_onednn_ok())
        return s;
    if (!dr_have_room(ROOM) || dnnl_primitive_attr_create(&attr) != dnnl_success)
        return dr_fail(DR_ENOMEM, "out of memory while starting a oneDNN primitive");
    dnnl_primitive_attr_set_scratchpad_mode(attr, dnnl_scratchpad_mode_user);
    if (dnnl_reorder_primitive_desc_create(&pd, from, E.engine, to, E.engine, attr) == dnnl_success &&
        dnnl_primitive_create(&prim, pd) == dnnl_success) {
        args a = {0};
        arg(&a, DNNL_ARG_FROM, from, src);
        arg(&a, DNNL_ARG_TO, to, dst);
        dr_cmd w = dnnl_primitive_desc_query_md(pd, dnnl_query_scratchpad_md, 0);
        size_t size = w ? dnnl_memory_desc_get_size(w) : 0;
        void *workspace = size ? dr_arena_alloc(scratch, size) : NULL;
        if (workspace)
            arg(&a, DNNL_ARG_SCRATCHPAD, w, workspace);
        a.failed = a.failed || (size && !workspace);
        s = args_run(&a, prim);
    }
    if (prim)
        dnnl_primitive_destroy(prim);
    if (pd)
        dnnl_primitive_desc_destroy(pd);
    dnnl_primitive_attr_destroy(attr);
    dr_arena_rewind(scratch, mark);
    return s;
}
