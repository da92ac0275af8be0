// What is to be taught: photos with masks and captions, and how. It outlives a reload.

import { load, save } from '../store.js';
import { captionFromName } from '../format.js';

export const DEFAULTS = {
  photos: [], // {id, name, width, height, caption, mask, state: 'finding' | 'found' | 'failed' | 'edited', trouble}
  name: '',
  prompt: '',
  category: 'upper',
  method: 'lora',
  model: null,
  steps: 400,
  rank: 8,
  rate: null, // null: what suits the method
  resolution: 0, // 0: the model's
  seed: 0,
  holdOut: false, // a photo in five is not taught but looked at
};

export const RATES = { lora: 1e-4, full: 5e-6 };
export const FEW = 5; // below it, the page says that more do better
export const GOOD = '5 to 10';

export class Lesson extends EventTarget {
  constructor() {
    super();
    Object.assign(this, DEFAULTS, load('lesson', {}));
    for (const photo of this.photos) if (photo.state === 'finding') photo.state = 'failed';
  }

  set(fields) {
    Object.assign(this, fields);
    this.keep();
    this.dispatchEvent(new CustomEvent('change', { detail: fields }));
  }

  keep() {
    save('lesson', Object.fromEntries(Object.keys(DEFAULTS).map((key) => [key, this[key]])));
  }

  add(photo) {
    const caption = captionFromName(photo.name) || 'garment';
    const added = { caption: /^(img|dsc|pxl|photo|image|\d)/i.test(caption) ? '' : caption, mask: null, state: 'finding', ...photo };
    this.set({ photos: [...this.photos, added] });
    return added;
  }

  remove(photo) {
    this.set({ photos: this.photos.filter((p) => p !== photo) });
  }

  change(photo, fields) {
    Object.assign(photo, fields);
    this.set({ photos: this.photos });
  }

  /** A photo's caption; where none is written, the garment's own words. */
  captionOf(photo) {
    return photo.caption.trim() || this.words;
  }

  /** How the garment is called in prompts. */
  get words() {
    return this.prompt.trim() || this.name.trim();
  }

  get learningRate() {
    return this.rate ?? RATES[this.method];
  }

  get ready() {
    return this.photos.length > 0 && this.name.trim() !== '' && this.photos.every((p) => p.mask && p.state !== 'finding');
  }

  clear() {
    this.set({ ...DEFAULTS, model: this.model });
  }
}
