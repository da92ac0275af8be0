// Finds the clothes in one click: a mask job, whose result goes into the editor as one stroke.

import * as api from '../api.js';
import { follow } from '../follow.js';
import { jobs } from '../jobs.js';
import { loadImage } from '../ui/image.js';

/** Makes and returns the mask as a picture. `refine` is the id of a painted mask that is to be snapped to the garment
 *  under it. `signal` gives up (and cancels the job). */
export async function findClothes({ photo, category, sleeve, what = 'agnostic', person = 0, refine }, { signal, onJob } = {}) {
  const job = await jobs.answer(api.submit({ type: 'mask', photo, category, sleeve, what, person, refine }));
  const done = await follow(job.id, { signal, onJob });
  return { image: await loadImage(api.imageUrl(done.results[0].image)), id: done.results[0].image, job: done };
}
