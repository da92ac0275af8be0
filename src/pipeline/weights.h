/* Between the table of a model's parameters (nn/params.h) and files of tensors: binding, saving, and
 * random values.
 *
 * Names in the table are those that diffusers and transformers write, without `text_model.`. Files
 * differ, and all of these load: with and without `text_model.`; VAE attention as query/key/value/proj_attn or
 * to_q/to_k/to_v/to_out.0; [C,C] where the table has [C,C,1,1] and the reverse; one file, shards with an
 * index, and `.fp16` variants of both; pickled files (`.bin`) where there is no safetensors.
 *
 * Details that have caused bugs: F32, F16 and BF16 matrices are used where they lie in the mapping, so the
 * dr_weights must live as long as the parameters; parameters of one axis (biases, gains) are always
 * owned and f32, because kernels want them so. */
#ifndef DR_PIPELINE_WEIGHTS_H
#define DR_PIPELINE_WEIGHTS_H

#include "io/tensor_file.h"
#include "nn/params.h"

typedef struct dr_weights_rules {
    const char *what;         /* the model in messages: "UNet" */
    const char *const *stems; /* file names without their endings, tried in order; ends with NULL */
    const char *const
        *ignored;                /* tensors that a file may have in excess; ends with NULL; may be NULL. A name with a
                                    dot  at its end is the start of names, one with a dot at its start the end of names */
    const char *const *unused;   /* the same, but worth a word */
    const char *optional_prefix; /* taken off names in files, "text_model." or NULL */
    const char *optional;        /* parameters with this in their name may be missing, and then have no values */
    /* pairs of a part of names in files and what the table has there, each replaced once; ends with NULL; may be NULL
     */
    const char *const (*renames)[2];
    bool no_config; /* sizes are read from the tensors: no message blames a config.json */
    bool trusted;   /* skip the search for NaN and infinity */
} dr_weights_rules;

extern const dr_weights_rules dr_weights_unet, dr_weights_vae, dr_weights_text, dr_weights_parser;

/** The rules of a pipeline's part ("unet", "vae", ...), of "parser"; NULL for a part without weights. */
const dr_weights_rules *dr_weights_rules_of(const char *part);

/* Some tensors, sorted by name, and the file that they are from. */
typedef struct dr_tensors {
    const dr_st_entry *entry;
    size_t count;
    const char *path;
} dr_tensors;

/* A part's tensors; parameters point into them. */
typedef struct dr_weights {
    dr_tensors *list;      /* [count] */
    dr_tensor_file **file; /* [count], where they come from; NULL: somebody else's */
    size_t count;
    bool pickled;   /* one of the files is no safetensors, by its content or its name */
    char note[512]; /* which tensors were passed over, one sentence; "" when there were none */
} dr_weights;

/** Opens the weight files in folder `dir`. DR_ENOENT where there are none. After a failure *out is closed. */
dr_status dr_weights_open(dr_weights *out, const char *dir, const dr_weights_rules *rules);
/** Opens one file of tensors of any kind. */
dr_status dr_weights_open_file(dr_weights *out, const char *path);
/** Tensors of an owner that stays open as long; `path` is its file, for messages. */
dr_status dr_weights_borrow(dr_weights *out, const dr_st_entry *entry, size_t count, const char *path);

/** The shape of the tensor that the table calls `name`; false where there is none, or of more than four axes. */
bool dr_weights_shape(const dr_weights *w, const dr_weights_rules *rules, const char *name, int64_t dim[4]);

/**
 * Binds every parameter of `p` to one of the tensors.
 *
 * Parameters must have no storage yet. Reads every value once (for the check) unless rules->trusted, and
 * lets the pages go again.
 *
 * @param where  the part's place in messages: its folder, or the file
 * @return DR_EINVAL for a missing, misshapen, non-finite or unexpected tensor. After a failure `p` is only good for
 *         dr_params_clear().
 */
dr_status dr_weights_bind(dr_weights *w, dr_params *p, const char *where, const dr_weights_rules *rules);

/** Puts a tensor in the place of a bound parameter's values. It has the parameter's shape (asserted) and lies in a file
 *  that stays open as long; `path` is that file. DR_EINVAL where it is of a type that is not computed with, or has a
 *  value that is not finite. */
dr_status dr_weights_replace(dr_param *q, const dr_st_entry *e, const char *path);

/** Both, for a folder `dir`. After a failure *out is closed. */
dr_status dr_weights_load(dr_weights *out, dr_params *p, const char *dir, const dr_weights_rules *rules);

/** "[2,64]" of a tensor in a file, in a buffer of the caller's. Returns buf. */
char *dr_entry_shape(const dr_st_entry *e, char *buf, size_t n);

/** Ends the mappings, or gives back the pages of borrowed ones: clear the parameters first. Safe on a zeroed struct. */
void dr_weights_close(dr_weights *w);

/** All tensors as they are, names and types, in one safetensors file at `path`; blocks, which it has not, as f32. */
dr_status dr_weights_write(const dr_weights *w, const char *path);

/** Gives a parameter f32 storage of its own with the values it has now, so that it can be changed;
 *  no-op if it has. Drops its packed copy. */
dr_status dr_param_make_own_f32(dr_param *q);

/**
 * How a model's weights wait in memory for their turn, once they are what they are to be (adapters are merged).
 *
 * Those in blocks of fewer than 8 bits become f16. With `q8` matrices and convolutions become Q8_0, blocks of 32 along
 * all the inputs of an output: where these are whole blocks, and the weight is neither small nor an embedding.
 *
 * @param path  where the weights lie, for messages
 * @return DR_EINVAL for a value that is NaN, infinite or too large
 */
dr_status dr_params_hold(dr_params *p, bool q8, const char *path);

/** DR_EINVAL naming `name` and `path` if one of n values of an f32, f16 or bf16 array is NaN or infinite. */
dr_status dr_check_finite(const void *data, dr_dtype dtype, size_t n, const char *name, const char *path);

/** Asked between blocks; true stops with DR_ECANCELLED. */
typedef bool dr_weights_progress(void *user, int64_t done, int64_t total);

/**
 * Writes all parameters in declaration order, atomically, with the metadata {"format": "pt"}.
 *
 * @param path         .../NAME.safetensors; must end so
 * @param dtype        DR_F32, DR_F16 or DR_BF16; values are converted block by block. A value that is not
 *                     finite in it is DR_EINVAL
 * @param name_prefix  in front of every name, "text_model." or ""
 * @param shard_size   bytes of tensors per file at most (a larger tensor has a file of its own); then
 *                     NAME-00001-of-0000N.safetensors and NAME.safetensors.index.json. 0: one file
 */
dr_status dr_weights_save(const dr_params *p, const char *path, dr_dtype dtype, const char *name_prefix,
                          size_t shard_size);

/** Owns every parameter and fills it by its dr_init. The values depend on the seed, the parameter's name
 *  and shape alone, not on the number of threads. Parameters of one axis are f32, others `dtype`. */
dr_status dr_weights_random(dr_params *p, dr_dtype dtype, uint64_t seed);

/** Values [at, at+n) of a parameter's random start as f32; `at` must be a multiple of 4096. */
void dr_init_values(const dr_param *q, uint64_t seed, size_t at, size_t n, float *out);

/** The file that dr_weights_random() and dr_weights_save() would give, without holding the values in memory.
 *  `progress` may be NULL; it counts values. */
dr_status dr_weights_write_random(const dr_params *p, const char *path, dr_dtype dtype, const char *name_prefix,
                                  uint64_t seed, dr_weights_progress *progress, void *user);

#endif
