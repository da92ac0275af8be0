// Teach, while and after it runs: loss curve, pictures, stop and go on.

import { h, fill, icon, button } from '../dom.js';
import { duration, bytes } from '../format.js';
import { complain, toast, sentence } from '../ui/toast.js';
import { confirmDialog } from '../ui/dialog.js';
import { go } from '../router.js';
import * as api from '../api.js';
import { jobs, isOpen, stateName } from '../jobs.js';
import { phrase } from '../dress/running.js';
import { drawLoss, bestLook, thin } from './chart.js';

export class Run {
  constructor(id) {
    this.id = id;
    this.points = [];
    this.looks = [];
    this.title = h('h1', { text: 'Teaching' });
    this.badge = h('span', { class: 'badge' });
    this.chart = h('div', { class: 'chart-box' });
    this.figures = h('dl', { class: 'figures' });
    this.bar = h('div', { class: 'bar', role: 'progressbar', 'aria-label': 'Progress', 'aria-valuemin': 0, 'aria-valuemax': 100 }, h('i'));
    this.words = h('p', { class: 'soft', role: 'status' });
    this.actions = h('div', { class: 'row' });
    this.pictures = h('div', { class: 'validation' });
    this.inputs = h('ul', { class: 'thumbs' });
    this.trouble = h('div');
    this.element = h('div', { class: 'run' },
      h('div', { class: 'page-head' }, h('div', {}, h('a', { class: 'back', href: '#/teach' }, icon('left'), 'Teach'), this.title, this.words), h('div', { class: 'row' }, this.badge, this.actions)),
      this.trouble,
      h('div', { class: 'card run-card' }, this.bar, this.figures, h('h2', { text: 'Loss' }), this.chart),
      this.pictures, h('section', { class: 'run-inputs' }, h('h2', { text: 'Photos' }), this.inputs));
    this.stopWatching = jobs.watch(id, (job) => this.show(job));
    this.stopLoss = api.listenToTraining(id, (points, whole, looks) => this.addPoints(points, whole, looks));
  }

  addPoints(points, whole, looks = []) {
    if (whole) this.looks = looks;
    else for (const l of looks) if (!this.looks.length || l.step > this.looks.at(-1).step) this.looks.push(l);
    if (whole) this.points = points;
    else for (const p of points) if (!this.points.length || p.step > this.points.at(-1).step) this.points.push(p);
    this.drawSoon();
  }

  drawSoon() {
    this.frame ??= requestAnimationFrame(() => {
      this.frame = null;
      if (this.job) this.showProgress(this.job);
      drawLoss(this.chart, thin(this.points), this.job?.settings.steps ?? 0, this.looks);
      if (!this.points.length) fill(this.chart, h('p', { class: 'soft small', text: 'The curve begins with the first step.' }));
    });
  }

  show(job) {
    if (!job) {
      fill(this.element, h('p', { class: 'notice' }, icon('info'), 'This run is not there any more.'));
      return;
    }
    const first = !this.job;
    const changed = this.job?.state !== job.state;
    this.job = { ...job };
    this.title.textContent = job.settings.name || 'A garment';
    this.badge.className = `badge ${job.state}`;
    this.badge.textContent = stateName(job);
    const text = isOpen(job) ? trainPhrase(job) : '';
    if (this.words.textContent !== text) this.words.textContent = text;
    this.showProgress(job);
    if (changed) {
      this.showActions(job);
      fill(this.trouble, job.state === 'failed' ? h('p', { class: 'notice error' }, icon('alert'), sentence(job.error || 'it failed')) : null);
    }
    this.showPictures(job);
    if (first) {
      fill(this.inputs, (job.settings.photos ?? []).map((p) => h('li', {}, h('img', { src: api.imageUrl(p.photo, 240), alt: p.caption || 'Photo of the garment', loading: 'lazy' }),
        h('span', { class: 'small soft', text: p.caption }))));
    }
    this.drawSoon();
  }

  showProgress(job) {
    const known = job.fraction !== null && (job.state === 'running' || job.done > 0);
    this.bar.classList.toggle('waiting', isOpen(job) && !known);
    const percent = job.state === 'done' ? 100 : Math.round(100 * (job.fraction ?? 0));
    this.bar.style.setProperty('--done', `${percent}%`);
    this.bar.setAttribute('aria-valuenow', String(percent));
    const figure = (term, value) => (value ? h('div', {}, h('dt', { text: term }), h('dd', { text: value })) : null);
    const t = job.training ?? {};
    const last = this.points.at(-1);
    const step = t.step ?? last?.step;
    const smooth = t.smooth ?? last?.smooth;
    const best = bestLook(this.looks);
    fill(this.figures, figure('Step', step ? `${step} of ${job.settings.steps}` : ''), figure('Loss', smooth ? smooth.toFixed(4) : ''), figure('Best on photos held out', best ? `step ${best.step}` : ''),
         figure('A step takes', t.seconds ? `${t.seconds < 10 ? t.seconds.toFixed(2) : Math.round(t.seconds)} s` : ''),
         figure('Memory', t.memory ? bytes(t.memory) : ''), figure('Time left', isOpen(job) && job.left > 0 ? duration(job.left) : ''));
  }

  showActions(job) {
    const stop = button({ label: 'Stop', name: 'stop', on: () => api.cancelJob(this.id).then(() => toast('It stops after this step, and can go on later.')).catch(complain) });
    const resume = button({ label: 'Go on', name: 'play', kind: 'primary', on: async () => {
      try {
        const next = await jobs.answer(api.retryJob(this.id));
        if (next.id !== this.id) go('teach', next.id);
      } catch (error) {
        complain(error);
      }
    } });
    const wear = h('a', { class: 'button primary', href: '#/dress' }, icon('shirt'), h('span', { text: 'Use it under Dress' }));
    const remove = button({ label: 'Delete', name: 'trash', kind: 'danger', on: async () => {
      if (!await confirmDialog({ title: 'Delete this garment?', text: 'What was taught goes, too.', label: 'Delete' })) return;
      await api.deleteJob(this.id).then(() => { jobs.drop(this.id); go('teach'); }, complain);
    } });
    if (isOpen(job)) fill(this.actions, stop);
    else if (job.state === 'done') fill(this.actions, wear, remove);
    else fill(this.actions, resume, remove);
  }

  showPictures(job) {
    const key = (job.results ?? []).map((r) => r.image).join();
    if (key === this.pictureKey) return;
    this.pictureKey = key;
    fill(this.pictures, key ? [h('h2', { text: 'Pictures on the way' }), h('ul', { class: 'thumbs' }, job.results.map((r) =>
      h('li', {}, h('img', { src: api.imageUrl(r.image, 320), alt: `Picture after step ${r.step ?? '?'}` }), h('span', { class: 'small soft', text: r.step ? `Step ${r.step}` : '' }))))] : null);
  }

  destroy() {
    this.stopWatching();
    this.stopLoss();
    cancelAnimationFrame(this.frame);
  }
}

/** What a training does, in a few words. */
export function trainPhrase(job) {
  if (job.state === 'waiting') return phrase(job);
  if (job.training && job.stage === 'train') return `Step ${job.training.step} of ${job.training.steps}`;
  return job.stageText ? sentence(job.stageText).replace(/\.$/, '') : 'Starting';
}
