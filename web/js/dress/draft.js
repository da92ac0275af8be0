// What is set up under Dress: photo, mask, wishes. It outlives a reload.

import { load, save } from '../store.js';

export const DEFAULTS = {
  photo: null, // {id, width, height, name}
  mask: null, // id of the mask as last saved
  category: 'upper',
  sleeve: 'keep',
  person: 0, // which one in the photo, from 1; 0: the largest
  prompt: '',
  negative: '',
  garmentPhoto: null, // id of a photo of the garment, in place of words
  garment: null, // id of a taught garment
  garmentScale: 1, // of an add-on: 1 as taught
  lora: '', // one of the server's adapters; '': none
  loraScale: 1,
  model: null, // id; null: the first
  preset: 'exact', // 'balanced' or 'fast': fewer steps, and less work in each
  steps: null, // null: as suits the model
  guidance: null,
  strength: 1,
  scheduler: '', // '': the model's own
  seed: '', // '': another each time
  count: 1,
  size: '', // '': the model's; else "512x512"
  grow: 0, // photo pixels
  feather: null, // photo pixels; null: as drape chooses
  unworn: 'auto', // masked places that no garment covers: 'keep' the photo's, or 'paint'; 'auto': as the model asks
  job: null, // the job that the stage shows
};

export class Draft extends EventTarget {
  constructor() {
    super();
    Object.assign(this, DEFAULTS, load('draft', {}));
  }

  /** Changes fields, remembers them, and tells listeners which. */
  set(fields) {
    Object.assign(this, fields);
    save('draft', Object.fromEntries(Object.keys(DEFAULTS).map((key) => [key, this[key]])));
    this.dispatchEvent(new CustomEvent('change', { detail: fields }));
  }

  /** Takes a model, with the pace that suits it; without `anew` only where none was chosen yet. */
  follow(model, { anew = false } = {}) {
    const { steps, guidance_scale: guidance } = this.garmentPhoto && model.garments ? model.garments : model;
    const { id } = model;
    this.set(anew ? { model: id, steps, guidance } : { steps: this.steps ?? steps, guidance: this.guidance ?? guidance });
  }

  /** A new person; the wishes stay. */
  setPhoto(photo) {
    save('mask', null); // the one as painted was of another photo
    this.set({ photo, mask: null, job: null });
  }

  /** What the paste's feather will be in pixels: drape takes 1 per 128 pixels of the region, at least 2. */
  get featherPixels() {
    if (this.feather !== null) return this.feather;
    const { width = 512, height = 512 } = this.photo ?? {};
    return Math.max(2, Math.round(Math.min(width, height) / 128));
  }
}

/** A seed when none was wished for: small enough to be read aloud. */
export function randomSeed() {
  return crypto.getRandomValues(new Uint32Array(1))[0] % 1000000000;
}
