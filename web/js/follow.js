// Waits for one job.

import * as api from './api.js';
import { jobs } from './jobs.js';

/** Resolves to the job when it is done, rejects when it failed or was cancelled. An abort cancels the job. */
export function follow(id, { signal, onJob } = {}) {
  return new Promise((resolve, reject) => {
    let stop = () => {};
    const abort = () => {
      stop();
      api.cancelJob(id).catch(() => {});
      reject(new DOMException('no longer wanted', 'AbortError'));
    };
    if (signal?.aborted) {
      abort();
      return;
    }
    signal?.addEventListener('abort', abort, { once: true });
    const finish = (fn, value) => {
      signal?.removeEventListener('abort', abort);
      queueMicrotask(() => stop());
      fn(value);
    };
    stop = jobs.watch(id, (job) => {
      if (!job) finish(reject, new Error('the job was deleted'));
      else if (job.state === 'done') finish(resolve, job);
      else if (job.state === 'failed') finish(reject, new Error(job.error || 'the job failed'));
      else if (job.state === 'cancelled') finish(reject, new DOMException('the job was cancelled', 'AbortError'));
      else onJob?.(job);
    });
  });
}
