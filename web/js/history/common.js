// What the list and the single job share.

import { complain } from '../ui/toast.js';
import { confirmDialog } from '../ui/dialog.js';
import * as api from '../api.js';
import { jobs, typeName } from '../jobs.js';

/** What a job is called. */
export function jobTitle(job) {
  return job.settings.name || job.settings.prompt || (job.settings.garmentPhoto ? 'A garment from a photo' : typeName(job));
}

/** The address where a job is looked at. */
export function jobHref(job) {
  return job.type === 'train' ? `#/teach/${encodeURIComponent(job.id)}` : `#/history/${encodeURIComponent(job.id)}`;
}

/** Asks, deletes, then calls `after`. */
export async function removeJob(job, after) {
  const yes = await confirmDialog({ title: 'Delete this?', text: `"${jobTitle(job)}" with its pictures${job.type === 'train' ? ' and what was taught' : ''} goes for good.`, label: 'Delete' });
  if (!yes) return;
  try {
    await api.deleteJob(job.id);
    jobs.drop(job.id);
    after?.();
  } catch (error) {
    complain(error);
  }
}
