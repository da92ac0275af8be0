/* What of the trainer's models is different with pairs. */
#ifndef DR_TRAIN_PAIRS_MODELS_H
#define DR_TRAIN_PAIRS_MODELS_H

#include "train/pairs.h"
#include "train/trainer_state.h"

/** Whether the whole UNet learns, and the result is a pipeline folder. */
bool dr_garment_pairs_all(const drape_train_options *o);

/** Whether the attention weights to start from, if there are any, are for the UNet of `s`: before anything is written.
 */
dr_status dr_garment_pairs_look(const drape_train_options *o, const dr_source *s);

/** The UNet, from the checkpoint when one is resumed, with what learns apart from what does not. */
dr_status dr_garment_pairs_load_models(dr_trainer *t);
/** Before the UNet is unloaded. Safe on zeros. */
void dr_garment_pairs_clear_models(dr_trainer *t);

/** What is trained, for checkpoints and the result: attention/model.safetensors, or the UNet; adapters are the
 * trainer's own. */
void dr_garment_pairs_name_part(dr_trainer *t);

#endif
