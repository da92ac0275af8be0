#include "ops/onednn/compat.h"

#include <stdlib.h>
#include <string.h>

#if DNNL_VERSION_MAJOR >= 3

static dr_md md_tagged(int rank, const dnnl_dims_t dim, dnnl_data_type_t type, dnnl_format_tag_t tag)
{
    dr_md md = NULL;
    return dnnl_memory_desc_create_with_tag(&md, rank, dim, type, tag) == dnnl_success ? md : NULL;
}

static dr_md md_strided(int rank, const dnnl_dims_t dim, dnnl_data_type_t type, const dnnl_dims_t stride)
{
    dr_md md = NULL;
    return dnnl_memory_desc_create_with_strides(&md, rank, dim, type, stride) == dnnl_success ? md : NULL;
}

dr_md dr_md_clone(dr_cmd md)
{
    dr_md copy = NULL;
    return md && dnnl_memory_desc_clone(&copy, md) == dnnl_success ? copy : NULL;
}

void dr_md_free(dr_md md)
{
    if (md)
        dnnl_memory_desc_destroy(md);
}

void dr_post_sum(dnnl_post_ops_t ops)
{
    dnnl_post_ops_append_sum(ops, 1.0f, 0, dnnl_data_type_undef);
}

dnnl_primitive_desc_t dr_pd_matmul(dnnl_engine_t engine, dr_cmd src, dr_cmd weights, dr_cmd bias, dr_cmd dst,
                                   const_dnnl_primitive_attr_t attr)
{
    dnnl_primitive_desc_t pd = NULL;
    dnnl_status_t s = dnnl_matmul_primitive_desc_create(&pd, engine, src, weights, bias, dst, attr);
    return s == dnnl_success ? pd : NULL;
}

static dnnl_primitive_desc_t conv_forward(dnnl_engine_t engine, dnnl_prop_kind_t kind, dr_cmd src, dr_cmd weights,
                                          dr_cmd bias, dr_cmd dst, const dnnl_dims_t stride, const dnnl_dims_t before,
                                          const dnnl_dims_t after, const_dnnl_primitive_attr_t attr)
{
    static const dnnl_dims_t no_dilation = {0, 0};
    dnnl_primitive_desc_t pd = NULL;
    dnnl_status_t s = dnnl_convolution_forward_primitive_desc_create(
        &pd, engine, kind, dnnl_convolution_direct, src, weights, bias, dst, stride, no_dilation, before, after, attr);
    return s == dnnl_success ? pd : NULL;
}

dnnl_primitive_desc_t dr_pd_conv(dnnl_engine_t engine, dr_conv_pass pass, dr_cmd src, dr_cmd weights, dr_cmd bias,
                                 dr_cmd dst, const dnnl_dims_t stride, const dnnl_dims_t before,
                                 const dnnl_dims_t after, const_dnnl_primitive_attr_t attr)
{
    static const dnnl_dims_t no_dilation = {0, 0};
    if (pass == DR_CONV_FORWARD)
        return conv_forward(engine, dnnl_forward_inference, src, weights, bias, dst, stride, before, after, attr);

    dnnl_primitive_desc_t hint =
        conv_forward(engine, dnnl_forward_training, src, weights, NULL, dst, stride, before, after, NULL);
    if (!hint)
        return NULL;
    dnnl_primitive_desc_t pd = NULL;
    dnnl_status_t s =
        pass == DR_CONV_DATA
            ? dnnl_convolution_backward_data_primitive_desc_create(&pd, engine, dnnl_convolution_direct, src, weights,
                                                                   dst, stride, no_dilation, before, after, hint, attr)
            : dnnl_convolution_backward_weights_primitive_desc_create(&pd, engine, dnnl_convolution_direct, src,
                                                                      weights, NULL, dst, stride, no_dilation, before,
                                                                      after, hint, attr);
    dnnl_primitive_desc_destroy(hint);
    return s == dnnl_success ? pd : NULL;
}

#else

static dr_md md_tagged(int rank, const dnnl_dims_t dim, dnnl_data_type_t type, dnnl_format_tag_t tag)
{
    dr_md md = malloc(sizeof *md);
    if (md && dnnl_memory_desc_init_by_tag(md, rank, dim, type, tag) != dnnl_success) {
        free(md);
        md = NULL;
    }
    return md;
}

static dr_md md_strided(int rank, const dnnl_dims_t dim, dnnl_data_type_t type, const dnnl_dims_t stride)
{
    dr_md md = malloc(sizeof *md);
    if (md && dnnl_memory_desc_init_by_strides(md, rank, dim, type, stride) != dnnl_success) {
        free(md);
        md = NULL;
    }
    return md;
}

dr_md dr_md_clone(dr_cmd md)
{
    dr_md copy = md ? malloc(sizeof *copy) : NULL;
    if (copy)
        memcpy(copy, md, sizeof *copy);
    return copy;
}

void dr_md_free(dr_md md)
{
    free(md);
}

void dr_post_sum(dnnl_post_ops_t ops)
{
    dnnl_post_ops_append_sum(ops, 1.0f);
}

static dnnl_primitive_desc_t make_pd(dnnl_engine_t engine, const_dnnl_op_desc_t op, const_dnnl_primitive_attr_t attr,
                                     const_dnnl_primitive_desc_t hint)
{
    dnnl_primitive_desc_t pd = NULL;
    return dnnl_primitive_desc_create(&pd, op, attr, engine, hint) == dnnl_success ? pd : NULL;
}

dnnl_primitive_desc_t dr_pd_matmul(dnnl_engine_t engine, dr_cmd src, dr_cmd weights, dr_cmd bias, dr_cmd dst,
                                   const_dnnl_primitive_attr_t attr)
{
    dnnl_matmul_desc_t op;
    if (dnnl_matmul_desc_init(&op, src, weights, bias, dst) != dnnl_success)
        return NULL;
    return make_pd(engine, &op, attr, NULL);
}

dnnl_primitive_desc_t dr_pd_conv(dnnl_engine_t engine, dr_conv_pass pass, dr_cmd src, dr_cmd weights, dr_cmd bias,
                                 dr_cmd dst, const dnnl_dims_t stride, const dnnl_dims_t before,
                                 const dnnl_dims_t after, const_dnnl_primitive_attr_t attr)
{
    dnnl_convolution_desc_t op;
    dnnl_prop_kind_t kind = pass == DR_CONV_FORWARD ? dnnl_forward_inference : dnnl_forward_training;
    if (dnnl_convolution_forward_desc_init(&op, kind, dnnl_convolution_direct, src, weights, bias, dst, stride, before,
                                           after) != dnnl_success)
        return NULL;
    if (pass == DR_CONV_FORWARD)
        return make_pd(engine, &op, attr, NULL);

    dnnl_primitive_desc_t hint = make_pd(engine, &op, NULL, NULL);
    if (!hint)
        return NULL;
    dnnl_status_t s = pass == DR_CONV_DATA
                          ? dnnl_convolution_backward_data_desc_init(&op, dnnl_convolution_direct, src, weights, dst,
                                                                     stride, before, after)
                          : dnnl_convolution_backward_weights_desc_init(&op, dnnl_convolution_direct, src, weights,
                                                                        NULL, dst, stride, before, after);
    dnnl_primitive_desc_t pd = s == dnnl_success ? make_pd(engine, &op, attr, hint) : NULL;
    dnnl_primitive_desc_destroy(hint);
    return pd;
}

#endif

/* The library declares dimensions as arrays of its largest rank. */
static void copy_dims(dnnl_dims_t to, const int64_t *from, int rank)
{
    for (int i = 0; i < rank; i++)
        to[i] = from[i];
}

dr_md dr_md_make(int rank, const int64_t *dim, dnnl_data_type_t type, const int64_t *stride)
{
    dnnl_dims_t dims = {0}, strides = {0};
    copy_dims(dims, dim, rank);
    if (!stride)
        return md_tagged(rank, dims, type, dnnl_format_tag_any);
    copy_dims(strides, stride, rank);
    return md_strided(rank, dims, type, strides);
}

dr_md dr_md_panels(const int64_t dim[4], int width)
{
    dnnl_dims_t dims = {0};
    copy_dims(dims, dim, 4);
    return md_tagged(4, dims, dnnl_f32, width == 32 ? dnnl_Abcd32a : width == 16 ? dnnl_Abcd16a : dnnl_Abcd8a);
}
