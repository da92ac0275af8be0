/* The inside of an open single file. For pipeline/single_*.c only. */
#ifndef DR_PIPELINE_SINGLE_IMPL_H
#define DR_PIPELINE_SINGLE_IMPL_H

#include "pipeline/ldm_config.h"
#include "pipeline/single_file.h"

#include <limits.h>

enum { DR_SINGLE_UNET, DR_SINGLE_VAE, DR_SINGLE_TEXT, DR_SINGLE_MODELS };

typedef struct dr_single_part_of {
    json_t *config;
    dr_st_entry *entry; /* sorted by name */
    size_t count;
} dr_single_part_of;

struct dr_single_file {
    dr_tensor_file file, vae; /* vae.path NULL: in `file` */
    bool *used;               /* [file.count] */
    dr_arena names;
    dr_single_part_of part[DR_SINGLE_MODELS];
    json_t *scheduler, *index, *yaml, *remembered;
    char yaml_path[PATH_MAX];
    const char *vae_prefix, *text_prefix; /* of names in the file; text_prefix NULL: no text encoder */
    const char *written_prefix;           /* of the text encoder's names in the folder */
    bool openclip;                        /* SD 2 */
    bool openclip_names;                  /* ... under OpenCLIP's names, not transformers' */
    bool ema, diffusers_vae, alone, no_vae;
    int vae_levels;
    dr_unet_config unet;
    char family[32], note[512];
};

/** Where a tensor is; see dr_ldm_find_fn. */
dr_ldm_find_fn dr_single_find_unet, dr_single_find_vae, dr_single_find_text;

/** Which of the forms met in files this one has. */
void dr_single_find_text_form(dr_single_file *f);
void dr_single_find_vae_form(dr_single_file *f);

/** Config and tensors of one part. */
dr_status dr_single_load_part(dr_single_file *f, int which, const dr_ldm_facts *facts);

#endif
