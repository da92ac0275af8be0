// Teach, before it starts: photos on the left, how on the right, and what it will cost.

import { h, fill, icon, button, debounce } from '../dom.js';
import { slider, select, text, segments, check, more } from '../ui/fields.js';
import { complain, sentence } from '../ui/toast.js';
import { duration, bytes } from '../format.js';
import { go } from '../router.js';
import * as api from '../api.js';
import { jobs } from '../jobs.js';
import { Photos } from './photos.js';
import { RATES } from './lesson.js';

const CATEGORIES = [
  { value: 'upper', label: 'Top', icon: 'shirt' },
  { value: 'lower', label: 'Bottom', icon: 'trousers' },
  { value: 'dress', label: 'Dress', icon: 'dress' },
  { value: 'outer', label: 'Coat', icon: 'coat' },
];

export class Setup {
  constructor(lesson, info) {
    this.lesson = lesson;
    this.info = info;
    this.photos = new Photos(lesson);
    this.cost = h('dl', { class: 'cost', 'aria-live': 'polite' });
    this.notes = h('ul', { class: 'photo-notes' });
    this.start = button({ label: 'Start teaching', kind: 'primary big wide', on: () => this.run() });
    this.hint = h('p', { class: 'hint run-note', 'aria-live': 'polite' });
    this.element = h('div', { class: 'lesson' }, this.photos.element, this.form());
    this.check = debounce(() => this.lint(), 500);
    this.changed = () => { this.show(); this.check(); };
    lesson.addEventListener('change', this.changed);
    this.show();
    this.check();
  }

  form() {
    const { lesson } = this;
    const name = text({ label: 'Name of the garment', value: lesson.name, placeholder: 'blue linen jacket', name: 'garment-name',
                        onInput: (v) => lesson.set({ name: v }), hint: 'This is how it appears under Dress.' });
    const category = segments({ label: 'Kind of garment', options: CATEGORIES, value: lesson.category, tall: true,
                                onChange: (v) => { lesson.set({ category: v }); this.photos.findAll(); } });
    const method = segments({ label: 'What is made', value: lesson.method, options: [{ value: 'lora', label: 'An add-on' }, { value: 'full', label: 'A whole model' }],
                              onChange: (v) => lesson.set({ method: v }) });
    const steps = slider({ label: 'Steps', min: 1, max: 2000, step: 1, value: lesson.steps, onInput: (v) => lesson.set({ steps: v }),
                           hint: 'A hundred or so for each photo.' });
    return h('form', { class: 'card lesson-form', 'aria-label': 'How it is taught', on: { submit: (e) => { e.preventDefault(); this.run(); } } },
      name.element, h('div', { class: 'field' }, h('span', { class: 'label', 'aria-hidden': 'true', text: 'Kind of garment' }), category.element),
      steps.element, this.moreSettings(method), this.notes, this.cost, this.start, this.hint);
  }

  moreSettings(method) {
    const { lesson, info } = this;
    const model = select({ label: 'Model', options: info.models.map((m) => ({ value: m.id, label: m.label })), value: lesson.model ?? info.models[0]?.id,
                           onChange: (v) => lesson.set({ model: v }) });
    const prompt = text({ label: 'Words for it in prompts', value: lesson.prompt, placeholder: lesson.name || 'its name',
                          onInput: (v) => lesson.set({ prompt: v }), hint: 'Also the caption of photos that have none.' });
    const rank = slider({ label: 'Rank of the add-on', min: 1, max: 64, value: lesson.rank, onInput: (v) => lesson.set({ rank: v }) });
    const rate = text({ label: 'Learning rate', value: lesson.rate ?? '', placeholder: `${RATES[lesson.method]}`, inputmode: 'decimal',
                        onInput: (v) => lesson.set({ rate: Number(v) > 0 ? Number(v) : null }) });
    const resolution = select({ label: 'Resolution', value: String(lesson.resolution), options: [{ value: '0', label: "The model's" },
      ...[128, 256, 384, 512, 768].map((v) => ({ value: String(v), label: `${v}` }))], onChange: (v) => lesson.set({ resolution: Number(v) }) });
    const holdOut = check({ label: 'Hold out a photo in five', checked: lesson.holdOut, hint: 'It is not taught: the curve shows when the rest is learned by heart.',
                            onChange: (v) => lesson.set({ holdOut: v }) });
    const hint = h('p', { class: 'hint' });
    const show = () => {
      holdOut.element.hidden = lesson.photos.length < 2;
      rank.element.hidden = lesson.method !== 'lora';
      rate.input.placeholder = String(RATES[lesson.method]);
      prompt.input.placeholder = lesson.name || 'its name';
      hint.textContent = lesson.method === 'lora' ? 'A LoRA: small, and needs much less memory.' : 'All weights are trained: slower, more memory, closer to the garment.';
    };
    lesson.addEventListener('change', show);
    show();
    return more('More', h('div', { class: 'field' }, h('span', { class: 'label', 'aria-hidden': 'true', text: 'What is made' }), method.element, hint),
                model.element, prompt.element, h('div', { class: 'pair' }, resolution.element, rate.element), rank.element, holdOut.element);
  }

  show() {
    const { lesson } = this;
    for (const card of this.photos.cards.values()) card.update();
    let hint = '';
    if (!lesson.photos.length) hint = 'Add photos first.';
    else if (lesson.photos.some((p) => p.state === 'finding')) hint = 'Finding the garment in the photos.';
    else if (lesson.photos.some((p) => !p.mask)) hint = 'Some photos have no mask: paint it.';
    else if (!lesson.name.trim()) hint = 'Give it a name.';
    this.hint.textContent = hint;
    this.start.disabled = !lesson.ready || this.sending;
  }

  /** Asks the server what it thinks of photos and masks, and what it will cost. */
  async lint() {
    const { lesson } = this;
    if (this.gone || !lesson.photos.some((p) => p.mask)) {
      fill(this.cost);
      fill(this.notes);
      return;
    }
    const turn = (this.turn ?? 0) + 1;
    this.turn = turn;
    try {
      const masked = lesson.photos.filter((p) => p.mask);
      const answer = await api.lint({ ...this.settings(masked), name: lesson.name.trim() || 'garment' });
      if (turn !== this.turn || this.gone) return;
      this.photos.setLint(new Map(masked.map((photo, i) => [photo, answer.photos[i] ?? []])));
      fill(this.notes, answer.general.map((m) => h('li', { class: m.severity }, icon('alert'), sentence(m.text))));
      const entry = (term, value, warn) => [h('dt', { text: term }), h('dd', { class: warn ? 'warn' : '', text: value })];
      if (answer.memoryText && answer.memory > answer.memoryFree) this.notes.append(h('li', { class: 'error' }, icon('alert'), sentence(answer.memoryText)));
      fill(this.cost, answer.memory ? entry('Memory', bytes(answer.memory), answer.memoryFree && answer.memory > answer.memoryFree) : null,
           entry('Time', answer.seconds ? `about ${duration(answer.seconds)}` : 'known after the first steps'));
    } catch (error) {
      if (turn === this.turn) fill(this.notes, h('li', { class: 'error' }, icon('alert'), sentence(error.message)));
    }
  }

  settings(photos = this.lesson.photos) {
    const l = this.lesson;
    return { name: l.name.trim(), prompt: l.words, model: l.model ?? this.info.models[0]?.id, method: l.method, steps: l.steps, rank: l.rank,
             rate: l.learningRate, resolution: l.resolution, seed: l.seed, category: l.category, holdOut: l.holdOut && photos.length > 1 ? 0.2 : 0,
             photos: photos.map((p) => ({ photo: p.id, mask: p.mask, caption: l.captionOf(p), name: p.name })) };
  }

  async run() {
    if (!this.lesson.ready || this.sending) return;
    this.sending = true;
    this.show();
    try {
      const job = await jobs.answer(api.submit({ type: 'train', ...this.settings() }));
      this.lesson.clear();
      go('teach', job.id);
    } catch (error) {
      complain(error);
    } finally {
      this.sending = false;
      this.show();
    }
  }

  destroy() {
    this.gone = true;
    this.lesson.removeEventListener('change', this.changed);
    this.check.cancel();
    this.photos.destroy();
  }
}
