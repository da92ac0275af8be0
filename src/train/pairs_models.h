/* What of the trainer's models is different with pairs. */
#ifndef DR_TRAIN_PAIRS_MODELS_H
#define DR_TRAIN_PAIRS_MODELS_H

#include "train/pairs.h"
#include "train/trainer_state.h"

/** Whether the whole UNet learns, and the result is a pipeline folder. */
bool dr_pairs_all(const drape_train_options *o);

/** The UNet, from the checkpoint when one is resumed, with what learns apart from what does not. */
dr_status dr_pairs_load_models(dr_trainer *t);
/** Before the UNet is unloaded. Safe on zeros. */
void dr_pairs_clear_models(dr_trainer *t);

/** What is trained, for checkpoints and the result: attention/model.safetensors, or the UNet; adapters are the
 * trainer's own. */
void dr_pairs_name_part(dr_trainer *t);

#endif
