/* A person's key points, as OpenPose writes them (--write_json): BODY_25, or COCO's 18, which are taken for their like.
 * Coordinates are pixels of the photo. */
#ifndef DR_WARP_POSE_H
#define DR_WARP_POSE_H

#include "base/status.h"
#include "io/pillow_draw.h"

#include <stdbool.h>
#include <stddef.h>

enum {
    DR_POSE_NOSE,
    DR_POSE_NECK,
    DR_POSE_RIGHT_SHOULDER,
    DR_POSE_RIGHT_ELBOW,
    DR_POSE_RIGHT_WRIST,
    DR_POSE_LEFT_SHOULDER,
    DR_POSE_LEFT_ELBOW,
    DR_POSE_LEFT_WRIST,
    DR_POSE_RIGHT_HIP = 9,
    DR_POSE_LEFT_HIP = 12,
    DR_POSE_POINTS = 25
};

typedef struct dr_pose {
    dr_point point[DR_POSE_POINTS]; /* (0, 0): not seen */
} dr_pose;

/** Both coordinates are 0. */
bool dr_pose_missing(const dr_point *p);

/** Of the first person in the file. DR_EINVAL when there is nobody, or what is there are no such points. Confidences
 * are not looked at, as in the published program. */
dr_status dr_pose_read(dr_pose *out, const char *path);
/** The same from a file's text; `name` stands in messages. */
dr_status dr_pose_parse(dr_pose *out, const char *text, size_t size, const char *name);

/** DR_EINVAL unless the points can be those of a photo of this size, and shoulders and hips, which everything is
 *  measured by, are seen. */
dr_status dr_pose_check(const dr_pose *pose, int width, int height, const char *name);

#endif
