/* What the parts of the server share: store, events, models, and how far the running job is. */
#ifndef DR_SERVE_STUDIO_H
#define DR_SERVE_STUDIO_H

#include "drape.h"
#include "serve/http/answer.h"
#include "serve/http/events.h"
#include "serve/serve.h"
#include "serve/store/store.h"

#include <pthread.h>
#include <stdatomic.h>

enum { DR_MAX_MODELS = 64, DR_MAX_LORAS = 64 };

typedef struct dr_model {
    char id[128]; /* the folder's name; unique */
    char *dir;
    int width, height, multiple;
    char scheduler[24], kind[8];
    int steps; /* that suit it */
    double guidance_scale;
} dr_model;

/* An adapter that was made elsewhere; one that was taught here is a garment. */
typedef struct dr_lora_file {
    char id[128]; /* the file's name without ".safetensors"; unique */
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

/* How far the running job is. Guarded by the studio's mutex. */
typedef struct dr_live {
    int64_t job; /* 0: none runs */
    dr_work_stage stage;
    int done, total, picture;
    double fraction, seconds_left; /* below 0: not known */
    bool training;
    drape_train_report report;
    double seconds_per_step;
    void *preview; /* PNG */
    size_t preview_size;
    int preview_step;
    json_t *results, *warnings; /* so far */
    double said;                /* when the last event went out */
} dr_live;

typedef struct dr_studio {
    const dr_serve_options *o;
    dr_store *store;
    dr_events *events;
    dr_model model[DR_MAX_MODELS];
    int model_count;
    dr_lora_file lora[DR_MAX_LORAS];
    int lora_count;
    bool parser; /* there is one */
    pthread_mutex_t mutex;
    pthread_cond_t work; /* a job waits, or the end has come */
    dr_live live;
    atomic_bool stopping, cancel;            /* cancel: the running job is not wanted */
    void (*on_end)(void *user, int64_t job); /* a job is over or gone */
    void *user;
    pthread_mutex_t decode; /* one picture from a client is decoded at a time: memory is bounded */
    char *options_model;    /* what POST /sdapi/v1/options chose; guarded by mutex */
} dr_studio;

dr_status dr_studio_open(dr_studio *s, const dr_serve_options *o);
void dr_studio_close(dr_studio *s);

/** The model of this id, the first for "" and NULL; NULL if there is none. */
const dr_model *dr_studio_model(const dr_studio *s, const char *id);

/** The adapter of this id; NULL if there is none. */
const dr_lora_file *dr_studio_lora(const dr_studio *s, const char *id);

/** A job as schema Job, with what runs. New; NULL when out of memory. */
json_t *dr_studio_job_json(dr_studio *s, const dr_job *j);

/** The event `job` for one that changed; nothing if it is not there. */
void dr_studio_say_job(dr_studio *s, int64_t id);
/** The same for all that wait, whose places changed. */
void dr_studio_say_queue(dr_studio *s);

/** Checks settings that dr_fields_read() has passed against models, pictures and garments, and completes them (model,
 *  seed). `field` gets the field at fault. */
dr_status dr_studio_complete(dr_studio *s, json_t *settings, char *field);

/** Completes, queues, tells. */
dr_status dr_studio_submit(dr_studio *s, json_t *settings, char *field, int64_t *id);

/** Stops a job: one that waits at once, one that runs at its next step. DR_EINVAL if it is over. */
dr_status dr_studio_cancel(dr_studio *s, int64_t id);

/** Wakes the worker. */
void dr_studio_wake(dr_studio *s);

/** Says that a job has ended, to listeners and to whoever waits for it. */
void dr_studio_ended(dr_studio *s, int64_t id);

/** Retention once, with events for what went. */
void dr_studio_sweep(dr_studio *s);

/* --- the worker --------------------------------------------------------------------------------- */

typedef struct dr_worker dr_worker;

/** Starts the one thread that computes. */
dr_status dr_worker_start(dr_worker **out, dr_studio *s);
/** Stops it: what runs goes back to the front of the queue, a training with a checkpoint. */
void dr_worker_stop(dr_worker *w);

/* --- pictures ----------------------------------------------------------------------------------- */

/** Keeps a client's file; one that is not upright or that browsers cannot show as PNG. */
dr_status dr_studio_keep_picture(dr_studio *s, const void *data, size_t size, const char *name, dr_blob *out);

/** Encodes and keeps a picture of ours as PNG. */
dr_status dr_studio_keep_image(dr_studio *s, const drape_image *im, const char *parameters, dr_blob *out);

/** Reads a kept picture. `name` stands in messages. */
dr_status dr_studio_read(dr_studio *s, const char *id, const char *name, drape_image *out);
dr_status dr_studio_read_mask(dr_studio *s, const char *id, const drape_image *photo, char *warnings, size_t size,
                              drape_image *out);

json_t *dr_blob_json(const dr_blob *b);

/* --- trainings ---------------------------------------------------------------------------------- */

/** Folders of photos, masks and captions as drape_train() wants them, in `dir`: dir/images, dir/masks. Paths of photo
 *  and mask i come through `path` (may be NULL), each PATH_MAX bytes. */
dr_status dr_train_folders(dr_studio *s, const json_t *settings, const char *dir, char (*photos)[512],
                           char (*masks)[512]);

/** Options of a training that works in `dir`. Strings are borrowed from the settings and `paths`. */
typedef struct dr_train_paths {
    char images[512], masks[512], out[512], photo[512], mask[512];
} dr_train_paths;
dr_status dr_train_options_of(dr_studio *s, const json_t *settings, const char *dir, dr_train_paths *paths,
                              drape_train_options *o);

/** All loss points of a training, [] before the first. New. */
json_t *dr_loss_points(dr_studio *s, int64_t id);

/** How a speed of trainings is called in the store. */
void dr_train_speed_name(const json_t *settings, char *out, size_t n);

#endif
