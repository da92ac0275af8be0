/* The configs of a single file's parts: sizes from its tensors, the rest from the .yaml beside it, what programs note
 * in its metadata, or what all published models of its family have. Inside pipeline/ alone.
 *
 * Not in the tensors: the number of heads (SD 1: 8; SD 2: one per 64 channels), the groups (32), the VAE's scale
 * (0.18215), the schedule, and what the UNet predicts. */
#ifndef DR_PIPELINE_LDM_CONFIG_H
#define DR_PIPELINE_LDM_CONFIG_H

#include "base/json.h"
#include "io/tensor_file.h"
#include "pipeline/ldm_names.h"

/* The tensor that has the values of `name`, and in `*third` which third of it (-1: all). NULL: there is none. */
typedef const dr_st_entry *dr_ldm_find_fn(const void *user, const char *name, int *third);

typedef struct dr_ldm_facts {
    const char *path;         /* in messages */
    const void *user;         /* of the three */
    dr_ldm_find_fn *unet;     /* by LDM's names */
    dr_ldm_find_fn *vae;      /* by diffusers' names */
    dr_ldm_find_fn *text;     /* by transformers' names */
    bool openclip;            /* SD 2 */
    bool other_vae;           /* the VAE is of another file */
    const json_t *yaml;       /* NULL without */
    const char *yaml_path;    /* in messages */
    const char *predicts;     /* what the metadata or the caller say: "epsilon" or "v_prediction"; NULL: nothing */
    int pixels;               /* the size that the metadata tell; 0: nothing */
    const json_t *remembered; /* configs as drape itself wrote them into the file, by part; NULL without */
} dr_ldm_facts;

/** What PART/config.json would be. New reference. */
dr_status dr_ldm_unet_config(const dr_ldm_facts *f, json_t **out);
dr_status dr_ldm_vae_config(const dr_ldm_facts *f, json_t **out);
dr_status dr_ldm_text_config(const dr_ldm_facts *f, json_t **out);
/** `c` is the UNet's. */
dr_status dr_ldm_scheduler_config(const dr_ldm_facts *f, const dr_unet_config *c, json_t **out);

#endif
