/* What a clothes parser tells apart. */
#ifndef DR_IO_LABELS_H
#define DR_IO_LABELS_H

/* The 18 labels of the ATR data set, in the order of the published parsers. Left and right are the person's own. */
typedef enum dr_label {
    DR_LABEL_BACKGROUND,
    DR_LABEL_HAT,
    DR_LABEL_HAIR,
    DR_LABEL_SUNGLASSES,
    DR_LABEL_UPPER,
    DR_LABEL_SKIRT,
    DR_LABEL_PANTS,
    DR_LABEL_DRESS,
    DR_LABEL_BELT,
    DR_LABEL_LEFT_SHOE,
    DR_LABEL_RIGHT_SHOE,
    DR_LABEL_FACE, /* with the neck */
    DR_LABEL_LEFT_LEG,
    DR_LABEL_RIGHT_LEG,
    DR_LABEL_LEFT_ARM, /* with the hand */
    DR_LABEL_RIGHT_ARM,
    DR_LABEL_BAG,
    DR_LABEL_SCARF,
    DR_LABELS
} dr_label;

/** "Upper-clothes" and so on, as in the published config.json. */
const char *dr_label_name(int label);

#endif
