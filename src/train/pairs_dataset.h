/* The pictures of a training on pairs (train/pairs.h). */
#ifndef DR_TRAIN_PAIRS_DATASET_H
#define DR_TRAIN_PAIRS_DATASET_H

#include "train/dataset.h"

/**
 * Reads the folder and checks every pair, as dr_dataset_open() does: all faults in one message, doubts in `warnings`.
 *
 *   person/, mask/, garment/        files of one stem; pairs.txt (if there is one): "PERSON GARMENT" in each line
 *   image/, agnostic-mask/, cloth/  VITON-HD's: masks are STEM_mask.*; train_pairs.txt, there or beside the folder,
 *                                   chooses by its first names. Its second ones are for tests: whoever wears another
 *                                   garment than that is no example of it
 */
dr_status dr_garment_pairs_open(dr_dataset *d, const char *dir, char *warnings, size_t size);

/** One pair's three pictures at the size of `crop`: person and mask cut in the middle, the garment on white. The mask
 *  is binary. `seen`, unless NULL: the person with the garment's cloth laid in the hole, mask/lay_cloth.h. */
dr_status dr_garment_pair_load(const dr_example *e, const dr_crop *crop, dr_image *person, dr_image *mask,
                               dr_image *garment, dr_image *seen);

#endif
