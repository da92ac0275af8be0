#include "cli/studio_rows.h"

#include "base/path.h"
#include "cli/embeddings.h"

#include <stdlib.h>
#include <string.h>

void dr_studio_model_rows(dr_studio_cli *c, dr_opt *rows)
{
    const dr_opt all[DR_MODEL_OPTIONS] = {
        {"model", DR_OPT_LIST, &c->models, "DIR|FILE",
         "folder of a model, or a single file; may be given again, the first is the default",
         .shown_default = "the small one that comes with drape"},
        {"models", DR_OPT_STRING, &c->folder, "DIR",
         "a folder of models: pipeline folders, .safetensors, .ckpt and .gguf files", .shown_default = "none"},
        {"vae", DR_OPT_STRING, &c->vae, "DIR|FILE", "another VAE for all of them: its folder or file",
         .shown_default = "each model's own"},
        {"tokenizer", DR_OPT_STRING, &c->tokenizer, "DIR", "folder of another vocabulary for all of them",
         .shown_default = "each model's own; for a file CLIP's"},
        {"ema", DR_OPT_FLAG, &c->ema, NULL, "of single files: the UNet's moving average in place of its weights"},
        {"attention", DR_OPT_STRING, &c->attention, "DIR|FILE",
         "attention weights that dress from a photo of the garment, for the models that they fit",
         .shown_default = "each model's own, if it has some"},
        {"weights", DR_OPT_CHOICE, &c->weights, "file|q8",
         "models in memory as in their files, or in 8 bits: half of f16, and rounded"},
        {"lora", DR_OPT_LIST, &c->loras, "FILE", "adapter to choose under Dress; may be given again",
         .shown_default = ""},
        {"embedding", DR_OPT_LIST, &c->embeddings, "FILE[:WORD]",
         "learned word (textual inversion) for the prompts of all models that it fits; may be given again",
         .shown_default = ""},
    };
    memcpy(rows, all, sizeof all);
}

void dr_studio_store_rows(dr_studio_cli *c, const char *folder, dr_opt *rows)
{
    const dr_opt all[DR_STORE_OPTIONS] = {
        {"store", DR_OPT_STRING, &c->store, "URL",
         "where jobs and pictures are: postgresql://HOST/DATABASE for several machines; docs/scale.md",
         .shown_default = "a database in the folder of --data"},
        {"data", DR_OPT_STRING, &c->data, "DIR",
         "where jobs and pictures are kept; with --store no more than trainings", .shown_default = folder},
        {"lease", DR_OPT_INT, &c->lease, "SECONDS",
         "a worker of --store that says nothing for so long loses its job to another one", 5, 3600},
        {"parser", DR_OPT_STRING, &c->parser, "DIR", "folder of another clothes parser",
         .shown_default = "DRAPE_PARSER, or the one that comes with drape"},
        {"threads", DR_OPT_INT, &c->threads, "N", "threads to compute with", 0, 1024,
         .shown_default = DR_DEFAULT_THREADS},
        {"quiet|q", DR_OPT_FLAG, &c->quiet, NULL, "only the address"},
    };
    memcpy(rows, all, sizeof all);
}

dr_status dr_studio_default_data(const char *name, char *out, size_t n)
{
    const char *base = getenv("XDG_DATA_HOME"), *home = getenv("HOME");
    if (base && base[0] == '/')
        return dr_path_format(out, n, base, "drape/%s", name);
    return dr_path_format(out, n, home ? home : ".", ".local/share/drape/%s", name);
}

dr_status dr_studio_cli_options(dr_studio_cli *c, const char *name, dr_studio_options *o)
{
    static const char *const small[] = {NULL};
    bool named = c->models.count > 0;
    dr_status st = c->data ? DR_OK : dr_studio_default_data(name, c->data_path, sizeof c->data_path);
    c->data = c->data ? c->data : c->data_path;
    if (!st)
        st = (dr_status)dr_cli_embeddings(&c->embeddings, &c->words);
    *o = (dr_studio_options){.models = named ? c->models.item : small,
                             .model_count = named || c->folder ? c->models.count : 1,
                             .model_folder = c->folder,
                             .loras = c->loras.item,
                             .lora_count = c->loras.count,
                             .embeddings = c->words,
                             .embedding_count = c->embeddings.count,
                             .vae = c->vae,
                             .tokenizer = c->tokenizer,
                             .attention = c->attention,
                             .ema = c->ema,
                             .q8 = strcmp(c->weights, "q8") == 0,
                             .store = c->store,
                             .data = c->data,
                             .parser = c->parser,
                             .lease = c->lease,
                             .threads = c->threads};
    return st;
}

void dr_studio_cli_free(dr_studio_cli *c)
{
    free(c->words);
    dr_opt_list_free(&c->embeddings);
    dr_opt_list_free(&c->models);
    dr_opt_list_free(&c->loras);
}
