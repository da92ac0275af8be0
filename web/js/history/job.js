// History: one job with its inputs, settings and results.

import { h, fill, icon, button } from '../dom.js';
import { when, duration } from '../format.js';
import { complain, sentence } from '../ui/toast.js';
import { compare } from '../ui/compare.js';
import { fitBox } from '../ui/frame.js';
import { go } from '../router.js';
import * as api from '../api.js';
import { jobs, isOpen, stateName, typeName } from '../jobs.js';
import { phrase } from '../dress/running.js';
import { fileName } from '../dress/result.js';
import { jobTitle, removeJob } from './common.js';
import { NAMES } from './settings.js';
import { resultsOf, pairId } from './person.js';

export function jobView(id) {
  const body = h('div', { class: 'run' });
  let shown = '';
  const stop = jobs.watch(id, (job) => {
    const key = job ? `${job.state} ${phrase(job)} ${job.results?.length}` : 'gone';
    if (key === shown) return;
    shown = key;
    if (job) showJob(body, job);
    else fill(body, h('p', { class: 'notice' }, icon('info'), 'This job is not there any more.'), h('a', { href: '#/history', text: 'History' }));
  });
  return { element: h('div', { class: 'page' }, body), destroy: stop };
}

function showJob(body, job) {
  fill(body, h('div', { class: 'page-head' }, h('div', {}, h('a', { class: 'back', href: '#/history' }, icon('left'), 'History'), h('h1', { text: jobTitle(job) }),
    h('p', {}, `${typeName(job)}, ${when(job.created)}`)), h('div', { class: 'row' }, job.state === 'done' ? null : h('span', { class: `badge ${job.state}`, text: stateName(job) }), actions(job))),
    job.error ? h('p', { class: 'notice error' }, icon('alert'), sentence(job.error)) : null,
    isOpen(job) ? h('p', { class: 'notice' }, h('span', { class: 'spinner' }), phrase(job)) : null,
    job.results?.length ? results(job) : null,
    h('div', { class: 'job-parts' }, inputs(job), settings(job)));
}

function actions(job) {
  const retry = async () => {
    try {
      const next = await jobs.answer(api.retryJob(job.id));
      go('history', next.id);
    } catch (error) {
      complain(error);
    }
  };
  return [
    job.type === 'tryon' && !isOpen(job) ? button({ label: 'Use these settings again', name: 'repeat', kind: 'primary', on: () => go('dress', job.id) }) : null,
    isOpen(job) ? button({ label: 'Cancel', name: 'close', on: () => api.cancelJob(job.id).catch(complain) }) : null,
    job.state === 'failed' || job.state === 'cancelled' ? button({ label: 'Try again', name: 'repeat', on: retry }) : null,
    isOpen(job) ? null : button({ label: 'Delete', name: 'trash', kind: 'danger', on: () => removeJob(job, () => go('history')) }),
  ];
}

function results(job) {
  const { photo } = job.settings;
  return h('div', { class: 'job-results' }, job.results.map((r, i) => {
    const url = api.imageUrl(r.image);
    const picture = job.type === 'tryon' && photo ? compare({ src: api.imageUrl(photo), alt: 'The photo before' }, { src: url, alt: `Result ${i + 1}` })
                                                  : fitBox(r.width, r.height, h('img', { src: url, alt: `Result ${i + 1}` }));
    picture.firstChild.style.setProperty('--ratio', String(r.width / r.height));
    return h('figure', { class: 'job-result' }, h('div', { class: 'job-picture' }, picture),
      h('figcaption', {}, h('span', { class: 'soft small', text: r.seed !== undefined ? `Seed ${r.seed}` : '' }),
        h('span', { class: 'row' }, compareLink(job, i),
          h('a', { class: 'button small', href: url, download: fileName(job, i) }, icon('download'), h('span', { text: 'Download' })))));
  }));
}

/* To this result beside another one of the person: the next of the job, or the newest of another. */
function compareLink(job, i) {
  if (job.type !== 'tryon' || !job.settings.photo) return null;
  const key = `${job.id}.${i}`;
  const others = resultsOf(job.settings.photo, jobs.all).filter((r) => r.key !== key);
  const other = others.find((r) => r.job.id === job.id) ?? others[0];
  if (!other) return null;
  return h('a', { class: 'button small', href: `#/history/${pairId(key, other.key)}` }, icon('compare'), h('span', { text: 'Beside another' }));
}

function inputs(job) {
  const { photo, mask, photos, garmentPhoto } = job.settings;
  const list = photos ? photos.map((p) => [p.photo, p.caption]) : [[photo, 'Photo'], [mask, 'Mask'], [garmentPhoto, 'Garment']];
  return h('section', { class: 'card' }, h('h2', { text: 'Inputs' }), h('ul', { class: 'thumbs' }, list.filter(([id]) => id).map(([id, name]) =>
    h('li', {}, h('a', { href: api.imageUrl(id), target: '_blank', rel: 'noopener' }, h('img', { src: api.imageUrl(id, 240), alt: name || 'Photo' })), h('span', { class: 'small soft', text: name })))));
}

function settings(job) {
  const rows = NAMES.filter(([key]) => job.settings[key] !== undefined && job.settings[key] !== null && job.settings[key] !== '')
    .map(([key, name]) => [h('dt', { text: name }), h('dd', { text: String(job.settings[key]) })]);
  const took = job.ended && job.started ? [h('dt', { text: 'Took' }), h('dd', { text: duration(job.ended - job.started) })] : null;
  const where = [[job.settings.priority, 'Priority'], [job.client, 'Asked by'], [job.worker, 'Computed by']].filter(([who]) => who).map(([who, name]) => [h('dt', { text: name }), h('dd', { text: String(who) })]);
  return h('section', { class: 'card' }, h('h2', { text: 'Settings' }), h('dl', { class: 'settings' }, rows, where, took));
}
