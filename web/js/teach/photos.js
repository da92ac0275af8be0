// Teach: the photos of the garment as cards, with mask, caption, and what is wrong with them.

import { h, fill, icon, button, uid } from '../dom.js';
import { dropTarget, chooseButton, cameraButton } from '../ui/intake.js';
import { complain, sentence } from '../ui/toast.js';
import { findClothes } from '../dress/automask.js';
import { loadImage } from '../ui/image.js';
import { count } from '../format.js';
import * as api from '../api.js';
import { correctMask } from './maskdialog.js';
import { FEW, GOOD } from './lesson.js';

export class Photos {
  constructor(lesson) {
    this.lesson = lesson;
    this.cards = new Map(); // photo -> card
    this.lint = new Map(); // photo -> messages
    this.finding = Promise.resolve();
    this.abort = new AbortController();
    this.grid = h('ul', { class: 'photo-grid' });
    this.empty = this.dropBox();
    this.head = h('div', { class: 'group-head' });
    this.element = h('section', { class: 'photos', 'aria-label': 'Photos' }, this.head, this.empty, this.grid);
    dropTarget(this.element, (files) => this.add(files), () => complain(new Error('these are not pictures')));
    this.show();
  }

  dropBox() {
    return h('div', { class: 'drop-box' }, icon('shirt'), h('h2', { text: `Drop ${GOOD} photos of one garment, worn` }),
      h('p', { class: 'soft', text: 'Different poses and light, the whole garment in sight. File names become captions: blue linen jacket (1).jpg' }),
      h('div', { class: 'start-ways' }, chooseButton({ label: 'Choose photos', kind: 'primary', big: true, multiple: true, onFiles: (f) => this.add(f) }),
        cameraButton({ onFiles: (f) => this.add(f), big: true })));
  }

  async add(files) {
    for (const file of files) {
      try {
        const photo = this.lesson.add({ ...await api.uploadImage(file, file.name), name: file.name });
        this.show();
        this.find(photo);
      } catch (error) {
        complain(new Error(`${file.name}: ${error.message}`));
      }
    }
  }

  /** One after the other: the server computes one at a time, and the first is wanted first. */
  find(photo) {
    this.lesson.change(photo, { state: 'finding', trouble: '' });
    this.card(photo).update();
    this.finding = this.finding.then(async () => {
      if (!this.lesson.photos.includes(photo) || this.abort.signal.aborted) return;
      try {
        const found = await findClothes({ photo: photo.id, category: this.lesson.category, what: 'garment', sleeve: 'keep' },
                                        { signal: this.abort.signal });
        this.lesson.change(photo, { mask: found.id, state: 'found' });
      } catch (error) {
        if (error.name === 'AbortError' && this.abort.signal.aborted) return;
        this.lesson.change(photo, { state: 'failed', trouble: error.message });
      }
      this.cards.get(photo)?.update();
    });
  }

  findAll() {
    for (const photo of this.lesson.photos) if (photo.state !== 'edited') this.find(photo);
  }

  async correct(photo) {
    try {
      const blob = await correctMask(photo);
      if (!blob) return;
      const mask = await api.uploadImage(blob, 'mask.png');
      this.lesson.change(photo, { mask: mask.id, state: 'edited', trouble: '' });
      this.cards.get(photo)?.update();
    } catch (error) {
      complain(error);
    }
  }

  remove(photo) {
    const next = this.cards.get(photo)?.element.nextElementSibling ?? this.cards.get(photo)?.element.previousElementSibling;
    this.lesson.remove(photo);
    this.cards.delete(photo);
    this.show();
    next?.querySelector('input')?.focus();
  }

  show() {
    const { photos } = this.lesson;
    this.empty.hidden = photos.length > 0;
    this.head.hidden = photos.length === 0;
    const few = photos.length < FEW ? `${GOOD} do better.` : '';
    fill(this.head, h('h2', { text: count(photos.length, 'photo') }), h('span', { class: 'hint', text: few }),
         h('span', { class: 'row push' }, chooseButton({ label: 'Add photos', name: 'plus', kind: 'small', multiple: true, onFiles: (f) => this.add(f) }),
           cameraButton({ label: 'Camera', kind: 'small', onFiles: (f) => this.add(f) })));
    fill(this.grid, photos.map((photo) => this.card(photo).element));
  }

  /** `messages`: a Map of photo to a list of {text, severity}. */
  setLint(messages) {
    this.lint = messages;
    for (const card of this.cards.values()) card.update();
  }

  card(photo) {
    if (!this.cards.has(photo)) this.cards.set(photo, photoCard(this, photo));
    return this.cards.get(photo);
  }

  destroy() { this.abort.abort(); }
}

function photoCard(photos, photo) {
  const { lesson } = photos;
  const id = uid('caption');
  const canvas = h('canvas', { class: 'photo-canvas', role: 'img', 'aria-label': `${photo.name} with its mask` });
  const caption = h('input', { class: 'input', id, value: photo.caption, placeholder: lesson.words || 'what it shows',
                               on: { input: () => lesson.change(photo, { caption: caption.value }) } });
  const status = h('div', { class: 'photo-status' });
  const notes = h('ul', { class: 'photo-notes' });
  const edit = h('button', { type: 'button', class: 'photo-edit', 'aria-label': `Correct the mask of ${photo.name}`,
                             on: { click: () => photos.correct(photo) } }, canvas, h('span', { class: 'photo-hover' }, icon('brush'), 'Correct'));
  let drawn = '';
  // a server with another data folder, or one that has tidied up, does not know the photo
  const lost = () => {
    if (photo.state !== 'lost') lesson.change(photo, { state: 'lost', mask: null, trouble: 'the server has this photo no more; remove it and add it again' });
  };
  const update = async () => {
    caption.placeholder = lesson.words || 'what it shows';
    fill(status, photo.state === 'finding' ? h('span', { class: 'badge running' }, h('span', { class: 'spinner' }), 'Finding') : null,
         photo.state === 'failed' ? h('span', { class: 'badge failed' }, icon('alert'), 'Paint the mask') : null,
         photo.state === 'edited' ? h('span', { class: 'badge' }, icon('check'), 'Corrected') : null);
    const messages = [...(photo.trouble ? [{ text: photo.trouble, severity: 'error' }] : []), ...(photos.lint.get(photo) ?? [])];
    fill(notes, messages.map((m) => h('li', { class: m.severity }, icon('alert'), sentence(m.text))));
    const key = `${photo.id} ${photo.mask}`;
    if (key === drawn) return;
    drawn = key;
    await drawCard(canvas, photo).catch(() => lost());
  };
  const element = h('li', { class: 'photo-card' }, h('div', { class: 'photo-top' }, edit, status,
    button({ label: `Remove ${photo.name}`, name: 'close', quiet: true, kind: 'tool photo-remove', on: () => photos.remove(photo) })),
    h('div', { class: 'photo-caption' }, h('label', { for: id, class: 'hidden', text: `Caption of ${photo.name}` }), caption), notes);
  update();
  return { element, update };
}

/* The photo, pale where the mask does not reach. */
async function drawCard(canvas, photo) {
  const image = await loadImage(api.imageUrl(photo.id, Math.min(480, photo.width)));
  const mask = photo.mask ? await loadImage(api.imageUrl(photo.mask, Math.min(480, photo.width))) : null;
  canvas.width = image.naturalWidth;
  canvas.height = image.naturalHeight;
  const g = canvas.getContext('2d');
  g.drawImage(image, 0, 0);
  if (!mask) return;
  const tint = document.createElement('canvas');
  tint.width = canvas.width;
  tint.height = canvas.height;
  const t = tint.getContext('2d', { willReadFrequently: true });
  t.drawImage(mask, 0, 0, tint.width, tint.height);
  const pixels = t.getImageData(0, 0, tint.width, tint.height);
  const [r, gr, b] = getComputedStyle(canvas).getPropertyValue('--mask-rgb').trim().split(/\s+/).map(Number);
  for (let i = 0; i < pixels.data.length; i += 4) {
    const white = pixels.data[i] >= 128;
    pixels.data.set(white ? [r, gr, b, 120] : [0, 0, 0, 90], i);
  }
  t.putImageData(pixels, 0, 0);
  g.drawImage(tint, 0, 0);
}
