// Dress, while the picture is made: what there is of it, how far it is, how long it takes.

import { h, icon, button } from '../dom.js';
import { duration } from '../format.js';
import { fitBox } from '../ui/frame.js';

const STAGES = { load: 'Loading the model', text: 'Reading the prompt', encode: 'Looking at the photo', denoise: 'Painting',
                 decode: 'Finishing', mask: 'Finding the clothes' };

/** `photo` {url, width, height}; onCancel(). Returns {element, update(job)}. */
export function runningStage({ photo, onCancel }) {
  const picture = h('img', { class: 'running-photo', src: photo.url, alt: 'The photo' });
  const preview = h('img', { class: 'running-preview', alt: 'The picture so far', hidden: true });
  const words = h('p', { class: 'running-words', role: 'status' });
  const left = h('p', { class: 'running-left soft' });
  const fillBar = h('i');
  const bar = h('div', { class: 'bar', role: 'progressbar', 'aria-label': 'Progress', 'aria-valuemin': 0, 'aria-valuemax': 100 }, fillBar);
  const cancel = button({ label: 'Cancel', name: 'close', kind: 'small', on: onCancel });
  const box = fitBox(photo.width, photo.height, picture, preview);
  const element = h('div', { class: 'making' }, box,
    h('div', { class: 'running-card' }, h('div', { class: 'running-line' }, words, left, cancel), bar));
  let shown = '';
  return {
    element,
    update(job) {
      const text = phrase(job);
      if (text !== words.textContent) words.textContent = text;
      left.textContent = job.left > 0 ? `${duration(job.left)} left` : '';
      const known = job.state === 'running' && job.fraction !== null;
      bar.classList.toggle('waiting', !known);
      bar.style.setProperty('--done', known ? `${Math.round(100 * job.fraction)}%` : '0%');
      if (known) bar.setAttribute('aria-valuenow', String(Math.round(100 * job.fraction)));
      else bar.removeAttribute('aria-valuenow');
      if (job.preview && job.preview !== shown) {
        shown = job.preview;
        showWhenLoaded(preview, shown);
      }
    },
  };
}

/* The picture before stays until the next one is there. */
function showWhenLoaded(img, url) {
  const next = new Image();
  next.onload = () => {
    img.src = url;
    img.hidden = false;
  };
  next.src = url;
}

/** What a job does, in a few words. */
export function phrase(job) {
  if (job.state === 'waiting') return job.position > 0 ? `Waiting: ${job.position} before it` : 'Waiting';
  const stage = STAGES[job.stage] ?? job.stageText ?? 'Starting';
  if (job.stage === 'denoise' && job.total > 0) return `${stage}: step ${job.done} of ${job.total}`;
  return stage;
}

export function failedStage(job, { onRetry, onBack, sentence }) {
  return h('div', { class: 'failed' }, icon('alert'), h('h2', { text: job.state === 'cancelled' ? 'Stopped' : 'That did not work' }),
           job.error ? h('p', { text: sentence(job.error) }) : null,
           h('div', { class: 'row' }, button({ label: 'Back to the mask', on: onBack }),
             button({ label: 'Try again', name: 'repeat', kind: 'primary', on: onRetry })));
}
