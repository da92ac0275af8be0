#include "base/path.h"
#include "base/progress.h"
#include "base/threads.h"
#include "cli/commands.h"
#include "cli/loras.h"
#include "drape.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct convert_cli {
    drape_convert_options o;
    dr_opt_list loras, paths;
    const char *dtype, *base;
    int rank, threads;
    bool quiet, started;
    dr_progress bar;
} convert_cli;

static bool on_progress(void *user, int64_t done, int64_t total)
{
    convert_cli *c = user;
    if (!c->started)
        dr_progress_start(&c->bar, c->base ? "million values" : "MB", (long)(total / 1000000), c->quiet);
    c->started = true;
    dr_progress_set(&c->bar, (long)(done / 1000000), NULL);
    return dr_cli_interrupted(NULL);
}

static void on_note(void *user, const char *text)
{
    const convert_cli *c = user;
    if (!c->quiet)
        fprintf(stderr, "drape convert: %s\n", text);
}

static int check(const convert_cli *c)
{
    if (c->paths.count != 2)
        return dr_usage_error(&dr_cmd_convert, "give a model and what it is to become");
    const char *out = c->paths.item[1];
    if (dr_path_ends_with(out, ".bin"))
        return dr_usage_error(
            &dr_cmd_convert,
            "a model as one file ends in .safetensors, .gguf, .ckpt, .pt or .pth: '%s' should end so, or be "
            "a folder's name",
            out);
    if (!c->base)
        return c->rank ? dr_usage_error(&dr_cmd_convert, "--rank goes with --extract-lora") : 0;
    if (!c->rank)
        return dr_usage_error(&dr_cmd_convert, "--extract-lora needs --rank");
    if (!dr_path_ends_with(out, ".safetensors"))
        return dr_usage_error(&dr_cmd_convert, "an adapter is a file: '%s' should end in .safetensors", out);
    if (c->loras.count || c->o.tokenizer)
        return dr_usage_error(&dr_cmd_convert, "--extract-lora goes without --lora and --tokenizer");
    return 0;
}

static int convert(convert_cli *c)
{
    const char *in = c->paths.item[0], *out = c->paths.item[1];
    drape_extracted found = {0};
    drape_lora *loras = NULL;
    dr_set_threads(c->threads);
    drape_status st = dr_cli_loras(&c->loras, &loras);
    c->o.loras = loras;
    c->o.lora_count = c->loras.count;
    c->o.dtype = c->dtype;
    c->o.progress = on_progress;
    c->o.note = on_note;
    c->o.user = c;
    if (!st)
        st = c->base ? drape_extract_lora(in, c->base, out, c->rank, &c->o, &found) : drape_convert(in, out, &c->o);
    if (c->started)
        dr_progress_end(&c->bar);
    free(loras);
    if (st)
        return dr_cli_fail(&dr_cmd_convert, (int)st);
    if (c->base && !c->quiet)
        fprintf(stderr, "drape convert: %d layers differ; rank %d holds %.1f %% of that\n", found.layers, c->rank,
                100 * found.kept);
    if (found.left_out && !c->quiet)
        fprintf(
            stderr,
            "drape convert: %d other tensors differ, which have no place in an adapter: biases, gains, embeddings\n",
            found.left_out);
    printf("%s\n", out);
    return 0;
}

static int run(int argc, char **argv)
{
    convert_cli c = {0};
    const dr_opt opts[] = {
        {"dtype", DR_OPT_CHOICE, &c.dtype, "f32|f16|bf16|q8", "type of the weights; q8: 8 bits, for OUT.gguf",
         .shown_default = "as they are; adapters f16"},
        {"ema", DR_OPT_FLAG, &c.o.ema, NULL, "of a single file: the UNet's moving average (model_ema)"},
        {"vae", DR_OPT_STRING, &c.o.vae, "FILE|DIR", "another VAE in place of the model's"},
        {"tokenizer", DR_OPT_STRING, &c.o.tokenizer, "DIR", "vocabulary for the folder",
         .shown_default = "the model's own, of a single file CLIP's"},
        {"lora", DR_OPT_LIST, &c.loras, "FILE[:SCALE]", "adapter to merge into the model; may be given again"},
        {"extract-lora", DR_OPT_STRING, &c.base, "FILE|DIR",
         "write what IN has learnt beyond this model, as an adapter in kohya's form"},
        {"rank", DR_OPT_INT, &c.rank, "N", "of that adapter", 1, 1024, .shown_default = ""},
        {"threads", DR_OPT_INT, &c.threads, "N", "threads to use", 0, 1024, .shown_default = DR_DEFAULT_THREADS},
        {"quiet|q", DR_OPT_FLAG, &c.quiet, NULL, "no progress and no notes"},
    };
    int bad = dr_opt_parse(&dr_cmd_convert, opts, sizeof opts / sizeof *opts, argc, argv, &c.paths);
    if (!bad)
        bad = check(&c);
    if (!bad)
        bad = convert(&c);
    dr_opt_list_free(&c.paths);
    dr_opt_list_free(&c.loras);
    return bad < 0 ? 0 : bad;
}

const dr_command dr_cmd_convert = {
    "convert", "a model as a folder, as a single file, or as an adapter", "[options] IN OUT",
    "  drape convert sd-v1-5-inpainting.ckpt sd15-inpainting           # OUT is a folder\n"
    "  drape convert sd15-inpainting sd15-inpainting.ckpt              # .ckpt, .pt, .pth: as torch.save writes it\n"
    "  drape convert --dtype q8 sd15-inpainting sd15-inpainting.gguf   # as stable-diffusion.cpp reads it\n"
    "  drape convert --dtype f16 --lora shirt.safetensors:0.8 sd15-inpainting shirt-model.safetensors\n"
    "  drape convert --extract-lora sd15-inpainting --rank 32 shirt-model.safetensors shirt-lora.safetensors\n",
    run};
