// Teach: a new garment, the runs so far, or one run.

import { h, fill, icon } from '../dom.js';
import { complain } from '../ui/toast.js';
import { when } from '../format.js';
import * as api from '../api.js';
import { jobs, stateName, isOpen } from '../jobs.js';
import { Lesson } from './lesson.js';
import { Setup } from './setup.js';
import { Run, trainPhrase } from './run.js';

export function teachView(id) {
  return id ? runView(id) : setupView();
}

function runView(id) {
  const run = new Run(id);
  return { element: h('div', { class: 'page' }, run.element), destroy: () => run.destroy() };
}

function setupView() {
  const body = h('div', {});
  const runs = h('section', { class: 'runs', hidden: true, 'aria-label': 'Taught garments' });
  const element = h('div', { class: 'page teach' },
    h('div', { class: 'page-head' }, h('div', {}, h('h1', { text: 'Teach a garment' }),
      h('p', { text: 'From a few photos the model learns this very garment, and can put it on anyone.' }))),
    body, runs);
  let setup = null;
  let gone = false;
  api.getInfo().then((info) => {
    if (gone) return;
    setup = new Setup(new Lesson(), info);
    fill(body, setup.element);
  }, complain);
  let last = '';
  const update = () => {
    const list = jobs.all.filter((job) => job.type === 'train');
    const key = list.map((job) => `${job.id}${job.state}${job.done}`).join();
    if (key === last) return;
    last = key;
    runs.hidden = !list.length;
    fill(runs, h('h2', { text: 'Taught and being taught' }), h('ul', { class: 'run-list' }, list.map(runItem)));
  };
  jobs.addEventListener('change', update);
  update();
  return { element, destroy() { gone = true; setup?.destroy(); jobs.removeEventListener('change', update); } };
}

function runItem(job) {
  const first = job.settings.photos?.[0]?.photo;
  return h('li', {}, h('a', { class: 'run-item', href: `#/teach/${encodeURIComponent(job.id)}` },
    first ? h('img', { src: api.imageUrl(first, 160), alt: '', loading: 'lazy' }) : icon('shirt'),
    h('span', { class: 'run-name' }, h('strong', { text: job.settings.name || 'A garment' }),
      h('span', { class: 'soft small', text: isOpen(job) ? trainPhrase(job) : when(job.created) })),
    h('span', { class: `badge ${job.state}`, text: stateName(job) })));
}
