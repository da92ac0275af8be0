/* Options that drape serve and drape work share: what they compute with, and where jobs are. */
#ifndef DR_CLI_STUDIO_ROWS_H
#define DR_CLI_STUDIO_ROWS_H

#include "cli/opt.h"
#include "serve/jobs/studio.h"

#include <limits.h>

typedef struct dr_studio_cli {
    dr_opt_list models, loras, embeddings;
    const char *store, *data, *parser, *tokenizer, *vae, *folder, *attention, *weights;
    int threads, lease;
    bool quiet, ema;
    char data_path[PATH_MAX];
    drape_embedding *words;
} dr_studio_cli;

#define DR_STUDIO_CLI_DEFAULTS                                                                                         \
    {                                                                                                                  \
        .weights = "file", .lease = 30                                                                                 \
    }

enum { DR_MODEL_OPTIONS = 9, DR_STORE_OPTIONS = 6 };

/** The rows of models: DR_MODEL_OPTIONS of them. */
void dr_studio_model_rows(dr_studio_cli *c, dr_opt *rows);

/** The rows of everything else: DR_STORE_OPTIONS. `folder` is how the default of --data is called. */
void dr_studio_store_rows(dr_studio_cli *c, const char *folder, dr_opt *rows);

/** $XDG_DATA_HOME/drape/NAME, or ~/.local/share/drape/NAME. */
dr_status dr_studio_default_data(const char *name, char *out, size_t n);

/** What was asked for; dr_studio_cli_free() after it, whatever it returns. `name` is the default folder's. */
dr_status dr_studio_cli_options(dr_studio_cli *c, const char *name, dr_studio_options *o);
void dr_studio_cli_free(dr_studio_cli *c);

#endif
