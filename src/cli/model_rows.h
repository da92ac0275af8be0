/* Options on what a model is made of, for all commands that paint: rows of a table of dr_own (opt_table.h). */
#ifndef DR_CLI_MODEL_ROWS_H
#define DR_CLI_MODEL_ROWS_H

#include "cli/opt_table.h"

#include <stddef.h>

/** Of a command's struct T with the fields loras, embeddings, vae, tokenizer and ema. */
#define DR_MODEL_ROWS(T)                                                                                               \
    {"height",                                                                                                         \
     NULL,                                                                                                             \
     offsetof(T, loras),                                                                                               \
     {"lora", DR_OPT_LIST, NULL, "FILE[:SCALE]", "adapter to add to the model; may be given again",                    \
      .shown_default = ""}},                                                                                           \
        {"height",                                                                                                     \
         NULL,                                                                                                         \
         offsetof(T, embeddings),                                                                                      \
         {"embedding", DR_OPT_LIST, NULL, "FILE[:WORD]",                                                               \
          "learned word (textual inversion) for prompts; may be given again", .shown_default = ""}},                   \
        {"height",                                                                                                     \
         NULL,                                                                                                         \
         offsetof(T, vae),                                                                                             \
         {"vae", DR_OPT_STRING, NULL, "DIR|FILE", "another VAE: its folder or file", .shown_default = "the model's"}}, \
        {"height",                                                                                                     \
         NULL,                                                                                                         \
         offsetof(T, tokenizer),                                                                                       \
         {"tokenizer", DR_OPT_STRING, NULL, "DIR", "folder of another vocabulary",                                     \
          .shown_default = "the model's; for a file CLIP's"}},                                                         \
    {                                                                                                                  \
        "height", NULL, offsetof(T, ema),                                                                              \
        {                                                                                                              \
            "ema", DR_OPT_FLAG, NULL, NULL, "of a single file: the UNet's moving average in place of its weights"      \
        }                                                                                                              \
    }

#endif
