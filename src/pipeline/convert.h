/* `drape convert`: a model from one form into another, a pipeline folder or a single file (single_file.h).
 *
 * Values are copied as they are, or converted to another type block by block; nothing is held in memory. What is
 * written appears complete or not at all. */
#ifndef DR_PIPELINE_CONVERT_H
#define DR_PIPELINE_CONVERT_H

#include "pipeline/weights.h"

typedef struct dr_convert_lora {
    const char *path;
    double scale;
} dr_convert_lora;

typedef struct dr_convert_options {
    dr_dtype dtype;        /* of what is written: F32, F16, BF16, Q8_0 (GGUF alone); DR_DTYPES: each tensor's own */
    bool blocks;           /* set by dr_convert(): what is written may have blocks in it */
    bool ema;              /* of a single file: the UNet's moving average */
    bool replace;          /* a single file that exists is replaced */
    const char *vae;       /* file or folder of another VAE; NULL: the model's own */
    const char *tokenizer; /* folder of another vocabulary; NULL: the folder's own, or CLIP's */
    const dr_convert_lora *loras;
    int lora_count;
    dr_weights_progress *progress;              /* in bytes written; true stops. May be NULL */
    void (*note)(void *user, const char *text); /* one sentence: what is passed over or lost. May be NULL */
    void *user;
} dr_convert_options;
#define DR_CONVERT_DEFAULTS                                                                                            \
    {                                                                                                                  \
        .dtype = DR_DTYPES                                                                                             \
    }

/** The name of a file or folder without what leads to it. */
void dr_convert_name(const char *path, char *out, size_t n);

/** Whether a model written to `path` is a single file: it ends in .safetensors, .gguf, .ckpt, .pt or .pth. */
bool dr_convert_is_file(const char *path);

/**
 * @param in   a pipeline folder or a single file
 * @param out  a single file's name, as above, or a folder that does not exist or is empty
 * @return DR_EINVAL when `out` exists, a tensor is missing or a value is too large for the type; DR_EIO also when the
 *         disk has too little room
 */
dr_status dr_convert(const char *in, const char *out, const dr_convert_options *o);

/** What came of extracting an adapter. */
typedef struct dr_extracted {
    int layers;   /* that differ and are in the adapter */
    int left_out; /* tensors that differ and have no place in one: biases, gains, embeddings */
    double kept;  /* share of the layers' squared difference that the rank holds, 0 to 1 */
} dr_extracted;

/**
 * The difference of two models, `in` - `base`, as an adapter in kohya's form: per layer the best one of the rank
 * (Eckart and Young 1936), by SVD.
 *
 * @param out  a file that ends in .safetensors
 * @return DR_EINVAL for models of different shape, and when nothing differs
 */
dr_status dr_extract_lora(const char *in, const char *base, const char *out, int rank, const dr_convert_options *o,
                          dr_extracted *result);

#endif
