/* What is compared: ways to dress a person, each with its settings. */
#ifndef DR_CLI_COMPARE_METHOD_H
#define DR_CLI_COMPARE_METHOD_H

#include "base/status.h"
#include "cli/opt.h"
#include "cli/opt_table.h"
#include "drape.h"

#include <stdint.h>

struct dr_painter;

/** One row of the table of kinds. A new way to dress people is a new row, and a painter where the others' do not serve.
 */
typedef struct dr_method_kind {
    const char *name;  /* on the command line */
    const char *title; /* what a method is called that was given no name */
    const char *main;  /* the setting that a value without a key is: taught:DIR is taught:model=DIR */
    const char *keys;  /* its settings that are no options of a try-on, "model|vae" */
    const char *needs; /* those of them that have no default */
    bool tryon;        /* it has the options of a try-on */
    bool worded;       /* of them the prompt is needed; without it, there is none */
    bool garment;      /* it wears the garment of a photo */
    const struct dr_painter *painter;
} dr_method_kind;

/** By index from 0; NULL behind the last. */
const dr_method_kind *dr_method_kind_at(int index);

/** The one of this name, n bytes; NULL: there is none. */
const dr_method_kind *dr_method_kind_named(const char *name, size_t n);

/** Whether methods of the kind have the option of this name, "guidance-scale". */
bool dr_method_has(const dr_method_kind *kind, const char *name);

typedef struct dr_method {
    char *name;    /* UTF-8, no other method's */
    char file[40]; /* the same as a part of files' names, no other method's */
    const dr_method_kind *kind;
    char **words; /* "--key=value", which the settings point into */
    int word_count;
    /* settings */
    const char *model, *vae, *tokenizer, *precision, *region;
    const char *attention;                                                                  /* of a garment's photo */
    const char *condition, *generator, *densepose, *keypoints, *parse, *cloth, *cloth_mask; /* of a GAN */
    drape_warp_options warp;
    dr_opt_list loras, embeddings;
    bool ema;
    int size[2];
    drape_tryon_options o;
} dr_method;

typedef struct dr_methods {
    dr_method *item;
    int count;
} dr_methods;

/** The settings that the command line has for all methods, as rows of an option table; a method may have others. */
extern const dr_own dr_method_own[];
extern const size_t dr_method_own_count;

/** Those of one method, its own among them. */
void dr_method_table(dr_opt_set *s, dr_method *m);

/**
 * Adds a method as the command line has it: [NAME=]KIND[:VALUE][,KEY=VALUE]... A comma begins a setting only where a
 * key and '=' follow.
 *
 * @param common  the settings that it starts from; borrowed
 * @return 0, or an exit status after a message
 */
int dr_methods_add(dr_methods *m, const dr_command *cmd, const dr_method *common, const char *spec);

/** Adds those of a JSON file: {"methods": [{"name": ..., "kind": ..., KEY: VALUE, ...}]}. */
int dr_methods_add_file(dr_methods *m, const dr_command *cmd, const dr_method *common, const char *path);

/** Whether one of them wears the garment of a photo. */
bool dr_methods_wear_photo(const dr_methods *m);

void dr_methods_free(dr_methods *m);

#endif
