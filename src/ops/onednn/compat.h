/* What differs between oneDNN 2.x and 3.x, in one place.
 *
 * 2.x has plain structs for memory descriptors and a separate operation descriptor; 3.x makes both opaque and
 * creates primitive descriptors in one call. Above this file there is one interface: dr_md is an owned
 * descriptor, dr_cmd a borrowed one. All functions return NULL where the library refuses. */
#ifndef DR_OPS_ONEDNN_COMPAT_H
#define DR_OPS_ONEDNN_COMPAT_H

#include <stdbool.h>
#include <stdint.h>

#include <oneapi/dnnl/dnnl.h>

#if DNNL_VERSION_MAJOR >= 3
typedef dnnl_memory_desc_t dr_md;
typedef const_dnnl_memory_desc_t dr_cmd;
#else
typedef dnnl_memory_desc_t *dr_md;
typedef const dnnl_memory_desc_t *dr_cmd;
#endif

/** A descriptor of `rank` axes. Strides in elements; NULL lets the primitive choose the layout. */
dr_md dr_md_make(int rank, const int64_t *dim, dnnl_data_type_t type, const int64_t *stride);
/** f32 weights [O,I,kh,kw] in memory as [O/width][I][kh][kw][width], filled up with zeros; width is 8, 16 or 32. */
dr_md dr_md_panels(const int64_t dim[4], int width);
dr_md dr_md_clone(dr_cmd md);
void dr_md_free(dr_md md);

/** dst += : the primitive adds to what its f32 output holds. */
void dr_post_sum(dnnl_post_ops_t ops);

/** A primitive descriptor for dst[M,N] = src[M,K] * weights[K,N] + bias[1,N]; bias may be NULL. */
dnnl_primitive_desc_t dr_pd_matmul(dnnl_engine_t engine, dr_cmd src, dr_cmd weights, dr_cmd bias, dr_cmd dst,
                                   const_dnnl_primitive_attr_t attr);

typedef enum dr_conv_pass { DR_CONV_FORWARD, DR_CONV_DATA, DR_CONV_WEIGHTS } dr_conv_pass;

/** A primitive descriptor for a convolution's forward, input gradient or weight gradient pass; bias may be
 *  NULL and is used by the forward pass alone. stride, before and after (padding) are [height, width]. */
dnnl_primitive_desc_t dr_pd_conv(dnnl_engine_t engine, dr_conv_pass pass, dr_cmd src, dr_cmd weights, dr_cmd bias,
                                 dr_cmd dst, const dnnl_dims_t stride, const dnnl_dims_t before,
                                 const dnnl_dims_t after, const_dnnl_primitive_attr_t attr);

#endif
