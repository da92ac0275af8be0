/* What the parts of the server share: store, events, models, clients. */
#ifndef DR_SERVE_JOBS_STUDIO_H
#define DR_SERVE_JOBS_STUDIO_H

#include "drape.h"
#include "serve/http/counts.h"
#include "serve/http/events.h"
#include "serve/http/guard.h"
#include "serve/store/store.h"

#include <pthread.h>
#include <stdatomic.h>

enum { DR_MAX_MODELS = 64, DR_MAX_LORAS = 64 };

typedef struct dr_studio_options {
    const char *const
        *models; /* folders or single files, NULL is the small one that comes with drape; the first is the default */
    int model_count;
    const char *model_folder;    /* all models in it as well; NULL: no other ones */
    const char *vae, *tokenizer; /* of all models, in place of their own; or NULL */
    bool ema;                    /* of single files: the UNet's moving average */
    bool q8;                     /* weights in 8 bits */
    const char *const *loras;    /* adapters' files */
    int lora_count;
    const drape_embedding *embeddings; /* words that all models know whose width they have */
    int embedding_count;
    const char *attention; /* weights that dress from a photo of the garment, for the models that they fit; or NULL */
    const char *store;     /* URL, see dr_store_options; NULL: SQLite in `data` */
    const char *data;      /* folder */
    const char *parser;    /* folder, NULL: the one that comes with drape */
    dr_keep keep;
    double lease; /* seconds without a sign of life after which a worker's job goes to another one */
    int threads;
} dr_studio_options;

typedef struct dr_model {
    char id[128]; /* the folder's name, or the file's without its extension; unique */
    char *dir;    /* or file */
    int width, height, multiple;
    char scheduler[24], kind[8];
    int steps; /* that suit it */
    double guidance_scale;
    char family[48]; /* of a single file, "SD 1.x inpainting"; "": a folder */
    bool prompts;    /* it dresses by a prompt */
    bool garments;   /* it dresses from a photo of the garment, and then: */
    int garment_width, garment_height, garment_steps;
    double garment_guidance;
    bool few_steps, garment_few_steps; /* it names its steps itself, and stays with them */
    bool pure_noise;                   /* its schedule begins without any signal */
    int64_t bytes;                     /* of a single file */
    char sha256[65];                   /* of a single file; "": not known yet. Guarded by the studio's mutex */
} dr_model;

/* An adapter that was made elsewhere; one that was taught here is a garment. */
typedef struct dr_lora_file {
    char id[128]; /* the file's name without its ending; unique */
    char *path;
} dr_lora_file;

typedef enum dr_work_stage {
    DR_WORK_NONE,
    DR_WORK_LOAD,
    DR_WORK_TEXT,
    DR_WORK_ENCODE,
    DR_WORK_DENOISE,
    DR_WORK_DECODE,
    DR_WORK_MASK,
    DR_WORK_PREPARE,
    DR_WORK_TRAIN,
    DR_WORK_VALIDATE
} dr_work_stage;

/* How far a running job is. */
typedef struct dr_live {
    dr_work_stage stage;
    int done, total, picture;
    double fraction, seconds_left; /* below 0: not known */
    bool training;
    drape_train_report report;
    double seconds_per_step;
    int preview; /* number of the newest one; -1: none yet */
    double said; /* when it was told last */
} dr_live;

enum { DR_KNOWN_CLIENTS = 64 };

/* A token that was asked for lately. */
typedef struct dr_known_client {
    char hash[65]; /* SHA-256 of the token; "": a free place */
    bool known;    /* it is somebody's */
    dr_caller who;
    double until; /* then it is looked up again */
} dr_known_client;

typedef struct dr_studio {
    const dr_studio_options *o;
    dr_store *store;
    dr_events *events;
    dr_model model[DR_MAX_MODELS];
    int model_count;
    dr_lora_file lora[DR_MAX_LORAS];
    int lora_count;
    bool parser;     /* there is one */
    char shared[72]; /* "models:ID": what all machines call the folder of models, when it is theirs together; or "" */
    pthread_mutex_t mutex;
    pthread_cond_t work;          /* a job waits, or the end has come */
    bool news;                    /* there may be a job that nobody has looked for yet; guarded by mutex */
    pthread_mutex_t turn;         /* held while a job is taken, so that a cancellation finds it waiting or running */
    int64_t running;              /* the job that is computed here, 0: none; guarded by turn */
    atomic_bool stopping, cancel; /* cancel: the running job is not wanted */
    atomic_bool lost;             /* it is not ours any more */
    dr_http_counts counts;
    pthread_mutex_t clients_mutex;
    dr_known_client client[DR_KNOWN_CLIENTS];
    atomic_bool has_clients;
    void (*on_end)(void *user, int64_t job); /* a job is over or gone */
    void *user;
    pthread_mutex_t decode; /* one picture from a client is decoded at a time: memory is bounded */
    char *options_model;    /* what POST /sdapi/v1/options chose; guarded by mutex */
} dr_studio;

dr_status dr_studio_open(dr_studio *s, const dr_studio_options *o);
void dr_studio_close(dr_studio *s);

/** Wakes the worker. */
void dr_studio_wake(dr_studio *s);

/* --- jobs as clients see them (shown.c) ----------------------------------------------------------- */

/** A job as schema Job, with what runs. New; NULL when out of memory. */
json_t *dr_studio_job_json(dr_studio *s, const dr_job *j);

/** What it says of how far it is, for the store: those fields of schema Job. New. */
json_t *dr_live_json(int64_t job, const dr_live *l);

/** The event `job` for one that changed; nothing if it is not there. */
void dr_studio_say_job(dr_studio *s, int64_t id);
/** The same for all that wait, whose places changed. */
void dr_studio_say_queue(dr_studio *s);
/** The event `deleted`. */
void dr_studio_say_deleted(dr_studio *s, int64_t id);
/** The event `garments`: there is one more or one less. */
void dr_studio_say_garments(dr_studio *s);

#endif
