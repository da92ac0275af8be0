#include "serve/jobs/settings.h"

#include "base/status.h"

#include <string.h>

#define SIZE_UNIT 8 /* of sides in pixels */
#define OPTION DR_FIELD_OPTION
#define TRYON .job = &dr_tryon_job
#define MASK .job = &dr_mask_job
#define GARMENT .job = &dr_garment_job
#define TRAIN .job = &dr_train_job

const dr_field dr_auto_fields[] = {
    {"category", OPTION, MASK},
    {"sleeve", OPTION, MASK},
    {"person", OPTION, MASK},
    {"grow", OPTION, MASK, .about = "in parts of the person's height"},
    {NULL},
};

/* Of every kind of job. What a client's token allows may be less. */
#define PRIORITY                                                                                                       \
    {                                                                                                                  \
        "priority", DR_FIELD_INT, "0", -DR_MAX_PRIORITY, DR_MAX_PRIORITY,                                              \
            .about = "jobs of a higher one go first; above 0 only as far as the client's token allows"                 \
    }

const dr_field dr_tryon_fields[] = {
    {"type", DR_FIELD_CHOICE, NULL, .choices = "tryon"},
    PRIORITY,
    {"model", DR_FIELD_STRING, "\"\"", 0, 200, .about = "id; the first model if left out"},
    {"photo", DR_FIELD_IMAGE, NULL},
    {"mask", DR_FIELD_IMAGE, "null",
     .about = "id of a mask, white is replaced; null: made automatically as `auto` says"},
    {"auto", DR_FIELD_OBJECT, "null", .of = dr_auto_fields},
    {"prompt", OPTION, TRYON, .max = 4000},
    {"negative_prompt", OPTION, TRYON, .max = 4000},
    {"long_prompt", OPTION, TRYON,
     .about = "read prompts of more than 75 tokens to their end, in chunks; false: what is cut off stands in the job's "
              "warnings"},
    {"prompt_weights", OPTION, TRYON, .about = "read (red:1.3), (x) and [x] in prompts as AUTOMATIC1111 does"},
    {"clip_skip", OPTION, TRYON, .about = "last layers of the text encoder to leave out, as diffusers counts"},
    {"garment", DR_FIELD_ID, "null", .about = "id of a taught garment; its model or adapter is used"},
    {"garment_scale", DR_FIELD_NUMBER, "1", -4, 4, .about = "of an adapter, 1 is as taught"},
    {"garment_photo", DR_FIELD_IMAGE, "null",
     .about = "id of a photo of the garment that is put on, in place of a prompt; for models with \"garments\" in GET "
              "info"},
    {"garment_category", OPTION, GARMENT, .option = "category",
     .about = "what that garment covers, for an automatic mask where `auto` is null; auto: what its photo shows"},
    {"garment_cut", OPTION, GARMENT, .option = "cut",
     .about = "cut it out of its photo: auto does where somebody wears it, keep never, out always"},
    {"lora", DR_FIELD_STRING, "null", 0, 200, .about = "one of the server's adapters, besides the garment"},
    {"lora_scale", DR_FIELD_NUMBER, "1", -4, 4},
    {"preset", OPTION, TRYON,
     .about =
         "what a picture may cost: steps, sampler, guided part, cache and precision, where they are null; exact: as "
         "the model has it"},
    {"steps", OPTION, TRYON, .def = "null"},
    {"guidance_scale", OPTION, TRYON, .def = "null"},
    {"guidance_start", OPTION, TRYON, .def = "null",
     .about = "guide from here on, in parts of the run's calls; calls that are not guided take half the time; null: "
              "0, or the preset's"},
    {"guidance_end", OPTION, TRYON, .def = "null",
     .about = "guide up to here; not less than guidance_start; null: 1, or the preset's"},
    {"cache_interval", OPTION, TRYON, .def = "null",
     .about =
         "compute the model's deep part in every Nth call alone and reuse what it gave in the others (DeepCache); 1: "
         "in all; null: 1, or the preset's"},
    {"cache_branch", OPTION, TRYON,
     .about = "how deep calls that reuse it go themselves: to this skip connection, from 0"},
    {"cache_threshold", OPTION, TRYON,
     .about =
         "leave out calls whose prediction would change by less than this part of itself (EasyCache); 0: none; not "
         "beside a cache_interval"},
    {"cache_start", OPTION, TRYON, .def = "null",
     .about = "reuse from here on, in parts of the run's calls; null: 0, or the preset's"},
    {"cache_end", OPTION, TRYON, .def = "null",
     .about = "reuse up to here; not less than cache_start; null: 1, or the preset's"},
    {"strength", OPTION, TRYON},
    {"seed", OPTION, TRYON, .def = "null"},
    {"count", DR_FIELD_INT, "1", 1, DR_MAX_COUNT, .about = "pictures, with seeds seed, seed+1, ..."},
    {"scheduler", OPTION, TRYON},
    {"karras", OPTION, TRYON, .def = "null", .about = "Karras noise levels; null: none, or the preset's"},
    {"eta", OPTION, TRYON, .def = "null", .about = "noise that ddim adds per step; null: 0, from a garment's photo 1"},
    {"width", OPTION, TRYON, .multiple = SIZE_UNIT,
     .about = "working size, as the model's or a multiple of what GET info says; 0: the model's"},
    {"height", OPTION, TRYON, .multiple = SIZE_UNIT},
    {"whole", OPTION, TRYON},
    {"padding", OPTION, TRYON},
    {"mask_grow", OPTION, TRYON},
    {"mask_blur", OPTION, TRYON},
    {"paste", OPTION, TRYON},
    {"color_match", OPTION, TRYON},
    {"unworn", OPTION, TRYON},
    {"wardrobe", OPTION, TRYON},
    {"precision", DR_FIELD_CHOICE, "null", .choices = "exact|auto|fast", .about = "null: exact, or the preset's"},
    {"preview_every", OPTION, TRYON, .def = "1", .about = "steps between previews; 0: none"},
    {NULL},
};

const dr_field dr_mask_fields[] = {
    {"type", DR_FIELD_CHOICE, NULL, .choices = "mask"},
    PRIORITY,
    {"photo", DR_FIELD_IMAGE, NULL},
    {"what", OPTION, MASK, .about = "agnostic: where a new garment may go; garment: the one that is worn"},
    {"category", OPTION, MASK},
    {"sleeve", OPTION, MASK},
    {"person", OPTION, MASK},
    {"grow", OPTION, MASK, .about = "in parts of the person's height"},
    {"refine", DR_FIELD_IMAGE, "null", .about = "id of a roughly painted mask that is to be snapped to the garment"},
    {NULL},
};

static const dr_field photo_fields[] = {
    {"photo", DR_FIELD_IMAGE, NULL},
    {"mask", DR_FIELD_IMAGE, NULL, .about = "white is the garment"},
    {"caption", DR_FIELD_STRING, "\"\"", 0, 1000, .about = "empty: the prompt of the training"},
    {"name", DR_FIELD_STRING, "\"\"", 0, 200, .about = "how messages call it"},
    {NULL},
};

static const dr_field validation_fields[] = {
    {"photo", DR_FIELD_IMAGE, NULL},
    {"mask", DR_FIELD_IMAGE, NULL},
    {"prompt", DR_FIELD_STRING, "\"\"", 0, 1000},
    {"every", OPTION, "100", 1, DR_MAX_TRAIN_STEPS, TRAIN, .option = "validation_steps", .about = "steps"},
    {"count", OPTION, "1", 1, 4, TRAIN, .option = "num_validation_images"},
    {NULL},
};

const dr_field dr_train_fields[] = {
    {"type", DR_FIELD_CHOICE, NULL, .choices = "train"},
    {"name", DR_FIELD_STRING, NULL, 1, 100, .about = "of the garment"},
    {"model", DR_FIELD_STRING, "\"\"", 0, 200},
    {"prompt", DR_FIELD_STRING, "\"\"", 0, 1000, .about = "how the garment is called in prompts; empty: its name"},
    {"photos", DR_FIELD_LIST, NULL, 1, DR_MAX_PHOTOS, .of = photo_fields},
    {"method", DR_FIELD_CHOICE, "\"lora\"", .choices = "lora|full", .about = "lora: an adapter; full: all weights"},
    {"rank", OPTION, "8", 1, 128, TRAIN, .option = "lora_rank", .about = "of an adapter"},
    {"steps", OPTION, "400", 1, DR_MAX_TRAIN_STEPS, TRAIN, .option = "max_train_steps"},
    {"learning_rate", OPTION, "null", 0, 1, TRAIN, .above = true, .about = "null: 1e-4 for lora, 5e-6 for full"},
    {"resolution", OPTION, "0", 0, 2048, TRAIN, .multiple = SIZE_UNIT, .about = "0: the model's"},
    {"seed", OPTION, TRAIN},
    {"hold_out", OPTION, "0", 0, 0.5, TRAIN, .option = "validation_split",
     .about = "part of the photos that are not trained on but looked at on the way, so that over-fitting is seen"},
    {"train_text_encoder", OPTION, TRAIN},
    {"gradient_checkpointing", OPTION, "true", TRAIN},
    {"use_8bit_adam", OPTION, "true", TRAIN},
    {"center_crop", OPTION, TRAIN},
    {"flip", OPTION, TRAIN},
    {"checkpoint_every", OPTION, "50", 1, DR_MAX_TRAIN_STEPS, TRAIN, .option = "checkpointing_steps",
     .about = "steps; a killed training goes on from the last one"},
    {"category", OPTION, MASK},
    PRIORITY,
    {"validation", DR_FIELD_OBJECT, "null", .of = validation_fields,
     .about = "pictures on the way; null: the first photo with its mask, about five times"},
    {NULL},
};

const dr_field *dr_lint_fields(dr_field out[DR_LINT_FIELDS])
{
    _Static_assert(sizeof dr_train_fields / sizeof *dr_train_fields <= DR_LINT_FIELDS, "room for all of them");
    memcpy(out, dr_train_fields, sizeof dr_train_fields);
    DR_ASSERT(strcmp(out[0].name, "type") == 0 && strcmp(out[1].name, "name") == 0, "type and name come first");
    out[0].def = "\"train\"";
    out[1].def = "\"\"";
    out[1].min = 0;
    return out;
}

const dr_named_fields dr_named_tables[] = {
    {"AutoMask", dr_auto_fields},     {"TrainPhoto", photo_fields},       {"TryonSettings", dr_tryon_fields},
    {"MaskSettings", dr_mask_fields}, {"TrainSettings", dr_train_fields}, {NULL, NULL},
};
