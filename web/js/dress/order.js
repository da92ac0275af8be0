// What is ordered: a job of the draft's wishes, sent once at a time, and how long it will take.

import * as api from '../api.js';
import { jobs } from '../jobs.js';
import { duration } from '../format.js';
import { DEFAULTS, randomSeed } from './draft.js';
import { estimate } from './estimate.js';
import { modelForPhoto } from './garmentphoto.js';

export class Order {
  constructor(draft, info) {
    this.draft = draft;
    this.info = info;
    this.sending = false;
  }

  /** The settings of a job, but for its mask. */
  settings() {
    const d = this.draft;
    const steps = d.preset === 'exact' ? d.steps : null; // which are the preset's
    const [width, height] = d.size ? d.size.split('x').map(Number) : [0, 0];
    if (d.garmentPhoto) {
      return { photo: d.photo.id, garmentPhoto: d.garmentPhoto, prompt: '', negative: '', model: modelForPhoto(d, this.info.models)?.id, garment: null, lora: '',
               preset: d.preset, steps, guidance: d.guidance, strength: 1, scheduler: d.scheduler, seed: d.seed === '' ? randomSeed() : Number(d.seed), count: d.count,
               width, height, grow: d.grow, feather: d.feather, unworn: d.unworn };
    }
    return { photo: d.photo.id, prompt: d.prompt.trim(), negative: d.negative.trim(), model: d.model ?? this.info.models[0]?.id,
             garment: d.garment, garmentScale: d.garmentScale, lora: this.info.loras.includes(d.lora) ? d.lora : '', loraScale: d.loraScale,
             preset: d.preset, steps, guidance: d.guidance, strength: d.strength, scheduler: d.scheduler,
             seed: d.seed === '' ? randomSeed() : Number(d.seed), count: d.count, width, height, grow: d.grow, feather: d.feather, unworn: d.unworn };
  }

  /** How long it will take, from how long such jobs took. */
  guess() {
    const waiting = jobs.queue.filter((job) => job.type !== 'mask').length;
    if (waiting) return `It waits for ${waiting === 1 ? 'another job' : `${waiting} other jobs`} first.`;
    const seconds = estimate(jobs.all, this.settings());
    return seconds ? `About ${duration(Math.max(1, seconds))}.` : '';
  }

  /** Sends it with the mask that `upload` uploads; the job's id. */
  async send(upload) {
    this.sending = true;
    try {
      const mask = await upload();
      const job = await jobs.answer(api.submit({ type: 'tryon', ...this.settings(), mask: mask.id }));
      this.draft.set({ job: job.id, mask: mask.id });
      return job.id;
    } finally {
      this.sending = false;
    }
  }

  /** A job that failed, once more; the new one's id. */
  async retry(job) {
    const next = await jobs.answer(api.retryJob(job.id));
    this.draft.set({ job: next.id });
    return next.id;
  }
}

/** The wishes of the form, of those that a job had. A preset's sampler is no wish. */
export function wishesOf(settings) {
  return Object.fromEntries(Object.keys(DEFAULTS).filter((key) => key in settings && !['photo', 'job', 'mask', 'seed', 'size'].includes(key))
    .map((key) => [key, settings[key]]).concat([['size', settings.width ? `${settings.width}x${settings.height}` : '']],
            settings.preset && settings.preset !== 'exact' ? [['scheduler', '']] : []));
}
