#include "serve/jobs/settings.h"

#include <string.h>

#define SEED_MAX 9007199254740991.0 /* 2^53 - 1: what JavaScript counts to */

static const dr_field auto_fields[] = {
    {"category", DR_FIELD_CHOICE, "\"upper\"", .choices = DR_CATEGORIES},
    {"sleeve", DR_FIELD_CHOICE, "\"keep\"", .choices = DR_SLEEVES},
    {"person", DR_FIELD_INT, "0", 0, 64},
    {"grow", DR_FIELD_NUMBER, "0", -1, 1},
    {NULL},
};

const dr_field dr_tryon_fields[] = {
    {"type", DR_FIELD_CHOICE, NULL, .choices = "tryon"},
    {"model", DR_FIELD_STRING, "\"\"", 0, 200},
    {"photo", DR_FIELD_IMAGE, NULL},
    {"mask", DR_FIELD_IMAGE, "null"},
    {"auto", DR_FIELD_OBJECT, "null", .of = auto_fields},
    {"prompt", DR_FIELD_STRING, "\"\"", 0, 4000},
    {"negative_prompt", DR_FIELD_STRING, "\"\"", 0, 4000},
    {"long_prompt", DR_FIELD_BOOL, "false"},
    {"clip_skip", DR_FIELD_INT, "0", 0, 31},
    {"garment", DR_FIELD_ID, "null"},
    {"garment_scale", DR_FIELD_NUMBER, "1", -4, 4},
    {"lora", DR_FIELD_STRING, "null", 0, 200},
    {"lora_scale", DR_FIELD_NUMBER, "1", -4, 4},
    {"steps", DR_FIELD_INT, "null", 1, DR_MAX_STEPS},
    {"guidance_scale", DR_FIELD_NUMBER, "null", 0, 100},
    {"strength", DR_FIELD_NUMBER, "1", 0, 1, .above = true},
    {"seed", DR_FIELD_INT, "null", 0, SEED_MAX},
    {"count", DR_FIELD_INT, "1", 1, DR_MAX_COUNT},
    {"scheduler", DR_FIELD_CHOICE, "null", .choices = DR_SCHEDULERS},
    {"karras", DR_FIELD_BOOL, "false"},
    {"eta", DR_FIELD_NUMBER, "0", 0, 1},
    {"width", DR_FIELD_INT, "0", 0, 4096, .multiple = DR_SIZE_UNIT},
    {"height", DR_FIELD_INT, "0", 0, 4096, .multiple = DR_SIZE_UNIT},
    {"whole", DR_FIELD_BOOL, "false"},
    {"padding", DR_FIELD_INT, "-1", -1, 4096},
    {"mask_grow", DR_FIELD_INT, "0", -4096, 4096},
    {"mask_blur", DR_FIELD_INT, "-1", -1, 4096},
    {"paste", DR_FIELD_BOOL, "true"},
    {"color_match", DR_FIELD_BOOL, "false"},
    {"precision", DR_FIELD_CHOICE, "\"exact\"", .choices = "exact|auto"},
    {"preview_every", DR_FIELD_INT, "1", 0, 1000},
    {NULL},
};

const dr_field dr_mask_fields[] = {
    {"type", DR_FIELD_CHOICE, NULL, .choices = "mask"},
    {"photo", DR_FIELD_IMAGE, NULL},
    {"what", DR_FIELD_CHOICE, "\"agnostic\"", .choices = "agnostic|garment"},
    {"category", DR_FIELD_CHOICE, "\"upper\"", .choices = DR_CATEGORIES},
    {"sleeve", DR_FIELD_CHOICE, "\"keep\"", .choices = DR_SLEEVES},
    {"person", DR_FIELD_INT, "0", 0, 64},
    {"grow", DR_FIELD_NUMBER, "0", -1, 1},
    {"refine", DR_FIELD_IMAGE, "null"},
    {NULL},
};

static const dr_field photo_fields[] = {
    {"photo", DR_FIELD_IMAGE, NULL},
    {"mask", DR_FIELD_IMAGE, NULL},
    {"caption", DR_FIELD_STRING, "\"\"", 0, 1000},
    {"name", DR_FIELD_STRING, "\"\"", 0, 200},
    {NULL},
};

static const dr_field validation_fields[] = {
    {"photo", DR_FIELD_IMAGE, NULL},
    {"mask", DR_FIELD_IMAGE, NULL},
    {"prompt", DR_FIELD_STRING, "\"\"", 0, 1000},
    {"every", DR_FIELD_INT, "100", 1, DR_MAX_TRAIN_STEPS},
    {"count", DR_FIELD_INT, "1", 1, 4},
    {NULL},
};

const dr_field dr_train_fields[] = {
    {"type", DR_FIELD_CHOICE, NULL, .choices = "train"},
    {"name", DR_FIELD_STRING, NULL, 1, 100},
    {"model", DR_FIELD_STRING, "\"\"", 0, 200},
    {"prompt", DR_FIELD_STRING, "\"\"", 0, 1000},
    {"photos", DR_FIELD_LIST, NULL, 1, DR_MAX_PHOTOS, .of = photo_fields},
    {"method", DR_FIELD_CHOICE, "\"lora\"", .choices = "lora|full"},
    {"rank", DR_FIELD_INT, "8", 1, 128},
    {"steps", DR_FIELD_INT, "400", 1, DR_MAX_TRAIN_STEPS},
    {"learning_rate", DR_FIELD_NUMBER, "null", 0, 1, .above = true},
    {"resolution", DR_FIELD_INT, "0", 0, 2048, .multiple = DR_SIZE_UNIT},
    {"seed", DR_FIELD_INT, "0", 0, SEED_MAX},
    {"train_text_encoder", DR_FIELD_BOOL, "false"},
    {"gradient_checkpointing", DR_FIELD_BOOL, "true"},
    {"use_8bit_adam", DR_FIELD_BOOL, "true"},
    {"center_crop", DR_FIELD_BOOL, "false"},
    {"flip", DR_FIELD_BOOL, "false"},
    {"checkpoint_every", DR_FIELD_INT, "50", 1, DR_MAX_TRAIN_STEPS},
    {"category", DR_FIELD_CHOICE, "\"upper\"", .choices = DR_CATEGORIES},
    {"validation", DR_FIELD_OBJECT, "null", .of = validation_fields},
    {NULL},
};
