// Dress, when pictures are made: compare with the photo, look at them side by side, take them on.

import { h, fill, icon, button } from '../dom.js';
import { compare } from '../ui/compare.js';
import { fitBox } from '../ui/frame.js';
import { segments } from '../ui/fields.js';
import { sentence } from '../ui/toast.js';
import { load, save } from '../store.js';
import * as api from '../api.js';

/**
 * `job` is done; `photo` {url, width, height} is what it was made from. Actions: onAgain(job, result) uses the
 * settings, onMask(result) makes the result the next photo, onBack() returns to the mask.
 */
export function resultStage({ job, photo, onAgain, onMask }) {
  let chosen = 0;
  let mode = load('compare', 'slider');
  const holder = h('div', { class: 'result-view' });
  const strip = h('div', { class: 'strip', role: 'group', 'aria-label': 'Pictures' });
  const actions = h('div', { class: 'result-actions' });
  const modes = segments({ label: 'How to compare', value: mode, options: [
    { value: 'slider', label: 'Compare' }, { value: 'side', label: 'Side by side' }, { value: 'after', label: 'Result' }],
    onChange: (value) => { mode = value; save('compare', value); show(); } });

  const result = () => job.results[chosen];
  const alt = () => `Result${job.results.length > 1 ? ` ${chosen + 1}` : ''}: ${job.settings.prompt || (job.settings.garmentPhoto ? 'a garment from a photo' : 'no prompt')}`;

  const show = () => {
    const url = api.imageUrl(result().image);
    if (mode === 'slider') fill(holder, compareBox(photo, url, alt()));
    else if (mode === 'side') fill(holder, grid(photo, job));
    else fill(holder, fitBox(photo.width, photo.height, h('img', { src: url, alt: alt() })));
    strip.hidden = job.results.length < 2 || mode === 'side';
    for (const [i, b] of [...strip.children].entries()) b.setAttribute('aria-pressed', String(i === chosen));
    fill(actions,
      h('a', { class: 'button', href: url, download: fileName(job, chosen) }, icon('download'), h('span', { text: 'Download' })),
      button({ label: 'Use these settings again', name: 'repeat', on: () => onAgain(job, result()) }),
      button({ label: 'Send to mask again', name: 'brush', on: () => onMask(result()) }),
      result().seed !== undefined ? h('span', { class: 'seed soft', text: `Seed ${result().seed}` }) : null);
  };
  job.results.forEach((r, i) => strip.append(h('button', { type: 'button', class: 'strip-item', 'aria-label': `Picture ${i + 1}`,
    on: { click: () => { chosen = i; show(); } } }, h('img', { src: api.imageUrl(r.image, 160), alt: '' }))));
  show();
  const doubts = job.warnings?.length ? h('p', { class: 'notice warn' }, icon('alert'), job.warnings.map(sentence).join(' ')) : null;
  return { element: h('div', { class: 'result' }, holder, strip, doubts, h('div', { class: 'result-foot' }, modes.element, actions)) };
}

function compareBox(photo, url, alt) {
  const el = compare({ src: photo.url, alt: 'The photo before' }, { src: url, alt });
  el.firstChild.style.setProperty('--ratio', String(photo.width / photo.height));
  return el;
}

function grid(photo, job) {
  const cell = (src, caption, alt) => h('figure', { class: 'side' }, h('img', { src, alt }), h('figcaption', { text: caption }));
  const all = job.results.length + 1;
  const el = h('div', { class: 'sides', tabindex: 0, role: 'group', 'aria-label': 'Side by side' },
    cell(photo.url, 'Before', 'The photo before'),
    job.results.map((r, i) => cell(api.imageUrl(r.image), r.seed !== undefined ? `Seed ${r.seed}` : 'After', `Result ${i + 1}`)));
  el.style.setProperty('--rows', String(all > 3 ? 2 : 1));
  el.style.setProperty('--columns', String(all > 3 ? Math.ceil(all / 2) : all));
  return h('div', { class: 'sides-box' }, el);
}

/** "red-t-shirt-7.png" */
export function fileName(job, index) {
  const words = (job.settings.prompt || 'dressed').toLowerCase().replace(/[^a-z0-9]+/g, '-').replace(/^-|-$/g, '').slice(0, 40);
  const seed = job.results[index]?.seed;
  return `${words || 'dressed'}${seed !== undefined ? `-${seed}` : `-${index + 1}`}.png`;
}
