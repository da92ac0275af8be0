/* Checkpoints: folders checkpoint-N in the output folder, complete or absent.
 *
 *   state.json                            step, generator state, what the run was started with
 *   unet/, text_encoder/                  config.json and f32 weights of what is trained (not with adapters)
 *   pytorch_lora_weights.safetensors      with adapters
 *   optimizer.safetensors, ema.safetensors
 *
 * Written into a temporary folder, synced, renamed. With the photos' plan drawn from the seed, this is all the state
 * there is: a resumed run goes on bit for bit. */
#ifndef DR_TRAIN_CHECKPOINT_H
#define DR_TRAIN_CHECKPOINT_H

#include "train/trainer_state.h"

/** Writes checkpoint-<step>, in place of one that a course of the run left there, and removes the oldest beyond the
 *  limit (after the new one is safe). */
dr_status dr_checkpoint_save(const dr_trainer *t);

/** Which checkpoint to resume from: `name` "latest" is the one of the highest step (DR_ENOENT when there is none), else
 * a folder (relative to the output folder, or a path). */
dr_status dr_checkpoint_find(const char *output_dir, const char *name, char *out, size_t n);

/** Reads state.json and compares what must not change (seed, photos, batch, model kind): DR_EINVAL names the option.
 *  Sets t->step and the generator. */
dr_status dr_checkpoint_read_state(dr_trainer *t, const char *dir);

/** Removes what a killed run left half written in the output folder. */
void dr_checkpoint_sweep(const char *output_dir);

/** Moments and average, once the models are there. */
dr_status dr_checkpoint_read_moments(dr_trainer *t, const char *dir);

#endif
