// History: two results of one person side by side, and what was set otherwise.

import { h, fill, icon } from '../dom.js';
import { when } from '../format.js';
import { pairViewer, pairShot } from '../ui/pair.js';
import { load, save } from '../store.js';
import * as api from '../api.js';
import { jobs } from '../jobs.js';
import { jobTitle } from './common.js';
import { ALL_NAMES } from './settings.js';
import { resultsOf, rootPhoto, pairId, settingsBeside } from './person.js';

/** `left` and `right` are keys as resultsOf() gives them. */
export function pairPage({ left, right }) {
  const body = h('div', { class: 'run' }, h('p', { class: 'notice' }, h('span', { class: 'spinner' }), 'Looking for the results'));
  let gone = false;
  Promise.all([left, right].map((key) => jobs.find(key.split('.')[0]))).then(() => { if (!gone) show(body, left, right); }, () => {
    fill(body, h('p', { class: 'notice' }, icon('info'), 'One of these results is not there any more.'), h('a', { href: '#/history', text: 'History' }));
  });
  return { element: h('div', { class: 'page' }, body), destroy() { gone = true; } };
}

/* The words that tell a result from the person's other ones. */
function named(r) {
  const seed = r.result.seed !== undefined ? `seed ${r.result.seed}` : `picture ${r.index + 1}`;
  return { group: `${jobTitle(r.job)}, ${when(r.job.created)}`, name: `${jobTitle(r.job)}, ${seed}`, short: seed[0].toUpperCase() + seed.slice(1) };
}

function picturesOf(results, photo) {
  const size = results[0].result;
  return [{ key: 'photo', group: 'Before', name: 'The photo before', short: 'Before', src: api.imageUrl(photo), small: api.imageUrl(photo, 400), width: size.width, height: size.height },
    ...results.map((r) => ({ key: r.key, ...named(r), src: api.imageUrl(r.result.image), small: api.imageUrl(r.result.image, 400), width: r.result.width, height: r.result.height }))];
}

function show(body, left, right) {
  const first = jobs.get(left.split('.')[0]);
  const photo = rootPhoto(first.settings.photo, jobs.all);
  const results = resultsOf(photo, jobs.all);
  const byKey = new Map(results.map((r) => [r.key, r]));
  if (!byKey.has(left) || !byKey.has(right)) {
    fill(body, h('p', { class: 'notice' }, icon('info'), 'These are no results of one person.'), h('a', { href: '#/history', text: 'History' }));
    return;
  }
  const pictures = picturesOf(results, photo);
  const table = h('section', { class: 'card' });
  const shots = [];
  const viewer = pairViewer({ pictures, left, right, mode: load('pair', 'slider'), onMode: (mode) => save('pair', mode), onChange: (now) => {
    for (const s of shots) s.show(now.left, now.right);
    fill(table, beside(byKey.get(now.left), byKey.get(now.right)));
    if (byKey.has(now.left) && byKey.has(now.right)) history.replaceState(null, '', `#/history/${pairId(now.left, now.right)}`);
  } });
  shots.push(...pictures.map((p) => pairShot(() => viewer, p, p.short, { onOpen: () => viewer.element.scrollIntoView({ block: 'start' }) })));
  for (const s of shots) s.show(viewer.left, viewer.right);
  fill(body, h('div', { class: 'page-head' }, h('div', {}, h('a', { class: 'back', href: `#/history/${encodeURIComponent(first.id)}` }, icon('left'), jobTitle(first)), h('h1', { text: 'Side by side' }))),
    viewer.element, table, h('section', {}, h('h2', { class: 'pair-more', text: 'All results of this person' }), h('div', { class: 'pair-shots' }, shots.map((s) => s.element))));
}

/* Both results' settings; what differs is marked. */
function beside(a, b) {
  if (!a || !b) return [h('h2', { text: 'Settings' }), h('p', { class: 'soft', text: 'Choose two results to see what was set otherwise.' })];
  const of = (r) => ({ ...r.job.settings, seed: r.result.seed ?? r.job.settings.seed });
  const rows = settingsBeside(of(a), of(b), ALL_NAMES.map(([key]) => key));
  const words = new Map(ALL_NAMES);
  const differ = rows.filter((r) => r.differs).length;
  const row = (r) => h('tr', { class: r.differs ? 'differs' : null },
    h('th', { scope: 'row' }, words.get(r.key), r.differs ? h('span', { class: 'badge running', text: 'differs' }) : null), h('td', { text: r.left || '–' }), h('td', { text: r.right || '–' }));
  return [h('h2', { text: differ ? 'Settings' : 'Settings: all the same' }),
    h('div', { class: 'beside-box' }, h('table', { class: 'beside' }, h('thead', {}, h('tr', {}, h('td', {}), h('th', { scope: 'col', text: 'Left' }), h('th', { scope: 'col', text: 'Right' }))), h('tbody', {}, rows.map(row))))];
}
