// History: what is to be done, and what was done, with search; one job in full at #/history/ID, two results of a person at
// #/history/compare-ID.N-ID.N.

import { h, fill, icon, button } from '../dom.js';
import { when, duration } from '../format.js';
import { complain } from '../ui/toast.js';
import { segments } from '../ui/fields.js';
import * as api from '../api.js';
import { jobs, isOpen, stateName, typeName } from '../jobs.js';
import { phrase } from '../dress/running.js';
import { jobView } from './job.js';
import { pairPage } from './pair.js';
import { pairOf } from './person.js';
import { jobTitle, jobHref, removeJob } from './common.js';

export function historyView(id) {
  const pair = pairOf(id);
  if (pair) return pairPage(pair);
  return id ? jobView(id) : new History();
}

const FILTERS = [
  { value: 'all', label: 'All' },
  { value: 'tryon', label: 'Dress' },
  { value: 'train', label: 'Teach' },
];

class History {
  constructor() {
    this.filter = 'all';
    this.search = h('input', { class: 'input', type: 'search', placeholder: 'Search prompts, garments, models', 'aria-label': 'Search the history',
                               on: { input: () => this.show() } });
    const filter = segments({ label: 'Kind', options: FILTERS, value: 'all', onChange: (v) => { this.filter = v; this.show(); } });
    this.queue = h('section', { class: 'queue', 'aria-label': 'Queue' });
    this.list = h('ul', { class: 'history-grid' });
    this.empty = h('div', { class: 'nothing' });
    this.older = button({ label: 'Show older', kind: 'older', on: () => jobs.older().catch(complain) });
    this.element = h('div', { class: 'page' },
      h('div', { class: 'page-head' }, h('h1', { text: 'History' }),
        h('div', { class: 'history-tools' }, h('div', { class: 'search' }, icon('search'), this.search), filter.element)),
      this.queue, this.list, this.empty, this.older);
    this.changed = () => this.show();
    jobs.addEventListener('change', this.changed);
    this.show();
  }

  show() {
    this.showQueue();
    const words = this.search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const found = jobs.all.filter((job) => !isOpen(job) && job.type !== 'mask' && (this.filter === 'all' || job.type === this.filter) &&
                                           words.every((w) => searchText(job).includes(w)));
    const key = found.map((job) => `${job.id}${job.state}`).join();
    if (key !== this.key) fill(this.list, found.map(item));
    this.key = key;
    this.older.hidden = !jobs.more;
    const none = !found.length && jobs.ready;
    this.empty.hidden = !none;
    if (none) fill(this.empty, icon('history'), h('p', { text: words.length || this.filter !== 'all' ? 'Nothing like that.' : 'Nothing yet. What you make appears here.' }));
  }

  showQueue() {
    const queue = jobs.queue.filter((job) => job.type !== 'mask' || job.state === 'waiting');
    const key = queue.map((job) => `${job.id}${job.state}`).join();
    if (key === this.queueKey) { // buttons stay where they are, so that a click meets the one it was meant for
      for (const job of queue) this.queue.querySelector(`[data-job="${job.id}"]`)?.replaceChildren(queueWords(job));
      return;
    }
    this.queueKey = key;
    this.queue.hidden = !queue.length;
    const focus = document.activeElement?.dataset?.key;
    fill(this.queue, h('h2', { text: 'In the queue' }), h('ol', { class: 'queue-list' }, queue.map((job) => queueItem(job, jobs.queue))));
    if (focus) this.queue.querySelector(`[data-key="${CSS.escape(focus)}"]`)?.focus();
  }

  destroy() { jobs.removeEventListener('change', this.changed); }
}

function searchText(job) {
  const s = job.settings;
  return [s.prompt, s.negative, s.name, s.model, s.garment, s.seed, typeName(job), stateName(job), job.error].filter((v) => v !== null && v !== undefined)
    .join(' ').toLowerCase();
}

function item(job) {
  const image = job.results?.[0]?.image ?? job.settings.photo ?? job.settings.photos?.[0]?.photo;
  const remove = button({ label: `Delete ${jobTitle(job)}`, name: 'trash', quiet: true, kind: 'tool item-delete', on: () => removeJob(job) });
  return h('li', { class: 'item' },
    h('a', { href: jobHref(job), class: 'item-link' },
      h('span', { class: 'item-picture' }, image ? h('img', { src: api.imageUrl(image, 400), alt: '', loading: 'lazy' }) : icon('image'),
        job.results?.length > 1 && job.type === 'tryon' ? h('span', { class: 'item-count', text: String(job.results.length) }) : null),
      h('span', { class: 'item-text' }, h('strong', { text: jobTitle(job) }),
        h('span', { class: 'soft small', text: `${typeName(job)}, ${when(job.created)}` }))),
    job.state !== 'done' ? h('span', { class: `badge ${job.state} item-state`, text: stateName(job) }) : null, remove);
}

function queueWords(job) {
  return `${typeName(job)}, ${job.state === 'waiting' ? 'waiting' : phrase(job)}${job.left > 0 ? `, ${duration(job.left)} left` : ''}`;
}

/* A job that runs or waits: sooner, later, cancel. */
function queueItem(job, queue) {
  const waiting = job.state === 'waiting';
  const line = queue.filter((other) => other.state === 'waiting');
  const place = line.indexOf(job);
  const act = (label, name, fn, disabled) => button({ label: `${label}: ${jobTitle(job)}`, name, quiet: true, kind: 'tool', disabled, 'data-key': `${job.id}-${name}`,
                                                      title: label, on: () => fn().then(() => jobs.refresh(), complain) });
  return h('li', { class: 'queue-item' }, waiting ? icon('clock') : h('span', { class: 'spinner' }),
    h('a', { class: 'queue-name', href: job.type === 'tryon' ? `#/history/${encodeURIComponent(job.id)}` : jobHref(job) }, h('strong', { text: jobTitle(job) }),
      h('span', { class: 'soft small', dataset: { job: job.id }, text: queueWords(job) })),
    waiting ? act('Sooner', 'up', () => api.moveJob(job.id, place - 1), place < 1) : null,
    waiting ? act('Later', 'down', () => api.moveJob(job.id, place + 1), place === line.length - 1) : null,
    act('Cancel', 'close', () => api.cancelJob(job.id)));
}

