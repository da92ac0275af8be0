/* The labels of a person's parts that HR-VITON works with, and what other sets of labels are in them.
 *
 * A parse map has the 20 labels of CIHP (Gong et al. 2018, arXiv:1808.00157), which its publications call LIP's. Left
 * and right are the person's own. */
#ifndef DR_WARP_HUMAN_H
#define DR_WARP_HUMAN_H

#include "io/image.h"
#include "warp/pose.h"

typedef enum dr_human {
    DR_HUMAN_BACKGROUND,
    DR_HUMAN_HAT,
    DR_HUMAN_HAIR,
    DR_HUMAN_GLOVE,
    DR_HUMAN_SUNGLASSES,
    DR_HUMAN_UPPER,
    DR_HUMAN_DRESS,
    DR_HUMAN_COAT,
    DR_HUMAN_SOCKS,
    DR_HUMAN_PANTS,
    DR_HUMAN_NECK, /* CIHP's torso-skin */
    DR_HUMAN_SCARF,
    DR_HUMAN_SKIRT,
    DR_HUMAN_FACE,
    DR_HUMAN_LEFT_ARM,
    DR_HUMAN_RIGHT_ARM,
    DR_HUMAN_LEFT_LEG,
    DR_HUMAN_RIGHT_LEG,
    DR_HUMAN_LEFT_SHOE,
    DR_HUMAN_RIGHT_SHOE,
    DR_HUMANS
} dr_human;

/* Sets of labels that maps are published in, by the words that options have. */
#define DR_LABEL_SETS "cihp|lip|atr"
typedef enum dr_label_set { DR_SET_CIHP, DR_SET_LIP, DR_SET_ATR } dr_label_set;

/** The label of that name in CIHP, by LIP's and ATR's names too; -1 for a name that is none. */
int dr_human_named(const char *name);

/**
 * Turns a map of another set into CIHP's, in place. LIP's jumpsuits are dresses. ATR has no neck: what of its face is
 * below the chin by the key points becomes neck, so that the old neckline is not kept as a part of the face.
 *
 * @return DR_EINVAL, naming `name`, for a value that the set does not have
 */
dr_status dr_human_from_set(dr_image *map, dr_label_set set, const dr_pose *pose, const char *name);

/** For parsers that tell arms, legs or shoes but not whose side: where a map has left ones alone, those nearer to the
 *  other limb's key points become right ones. */
void dr_human_part_sides(dr_image *map, const dr_pose *pose);

/** The class, 0 to 12, of the condition generator's map for each label. */
uint8_t dr_human_class(uint8_t label);

#endif
