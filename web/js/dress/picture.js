// The photo on the stage and the mask over it: taken, found, painted, kept for a reload. Of jobs it knows only the one
// that finds clothes.

import { debounce } from '../dom.js';
import { Editor } from '../mask/editor.js';
import { complain, toast, sentence } from '../ui/toast.js';
import { loadImage, STAGE_WIDTH } from '../ui/image.js';
import { load, save } from '../store.js';
import * as api from '../api.js';
import { findClothes } from './automask.js';
import { phrase } from './running.js';

const INSET = { top: 72, right: 24, bottom: 84, left: 24 };
const INSET_NARROW = { top: 58, right: 8, bottom: 66, left: 8 };

/** The picture of a photo at the stage's size. */
export function stageUrl(id, width) {
  return api.imageUrl(id, Math.min(STAGE_WIDTH, width ?? STAGE_WIDTH));
}

/** Says `change` when there is another photo or mask, and `note` with what it is about, '' for nothing. */
export class Picture extends EventTarget {
  constructor(draft) {
    super();
    this.draft = draft;
    this.editor = new Editor({ inset: innerWidth > 720 ? INSET : INSET_NARROW });
    this.editor.addEventListener('state', () => { this.editor.canvas.dataset.tool = this.editor.tool; });
    const keepSoon = debounce(() => this.keep(), 400);
    this.editor.addEventListener('mask', () => {
      this.unkept = true;
      keepSoon();
      this.say('change');
    });
    const leave = () => this.unkept && this.keep();
    addEventListener('pagehide', leave);
    this.stop = () => { leave(); keepSoon.cancel(); removeEventListener('pagehide', leave); };
    this.showEdges();
  }

  say(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }

  /** Something is painted. */
  get masked() {
    return Boolean(this.editor.mask) && !this.editor.field?.empty;
  }

  showEdges() {
    this.editor.setEdges({ grow: this.draft.grow, feather: this.draft.featherPixels });
  }

  /** A new photo from a file, with `then` for the draft. */
  async take(file, then) {
    const photo = await api.uploadImage(file, file.name);
    this.draft.setPhoto({ ...photo, name: file.name });
    this.draft.set(then);
    await this.show();
  }

  /** The draft's photo, without a mask. */
  async show() {
    const { id, width, height } = this.draft.photo;
    const image = await loadImage(stageUrl(id, width));
    this.editor.setPhoto(image, width, height);
    this.showEdges();
  }

  /** After a reload: the draft's photo, and the mask as painted. */
  async restore() {
    await this.show();
    const mask = load('mask', null);
    if (mask) this.editor.setMaskFrom(await loadImage(mask));
  }

  /** Those of a job. */
  async takeFrom({ photo, mask }) {
    if (photo !== this.draft.photo?.id) {
      this.draft.set({ photo: { ...await api.imageInfo(photo), name: '' } });
      await this.show();
    }
    if (mask) this.editor.setMaskFrom(await loadImage(api.imageUrl(mask)));
  }

  keep() {
    this.unkept = false;
    if (this.editor.mask) save('mask', this.editor.toCanvas().toDataURL());
  }

  /** Uploads the mask. */
  async upload(name) {
    return api.uploadImage(await this.editor.toBlob(), name);
  }

  /** Finds the clothes. What was painted can be had back with undo. */
  async find(refine) {
    this.cancel();
    const abort = new AbortController();
    this.finding = abort;
    this.say('note', 'Finding the clothes');
    try {
      const { photo, category, sleeve, person } = this.draft;
      const found = await findClothes({ photo: photo.id, category, sleeve, person, refine },
                                      { signal: abort.signal, onJob: (job) => this.say('note', job.state === 'waiting' ? phrase(job) : 'Finding the clothes') });
      this.editor.setMaskFrom(found.image);
    } catch (error) {
      if (error.name !== 'AbortError') toast(`${sentence(error.message)} You can paint over the clothes instead.`, { kind: 'error' });
    } finally {
      if (this.finding === abort) {
        this.finding = null;
        this.say('note', '');
      }
    }
  }

  /** Snaps what is painted to the garment under it. */
  async snap() {
    if (!this.masked) return;
    try {
      const rough = await this.upload();
      await this.find(rough.id);
    } catch (error) {
      complain(error);
    }
  }

  /** No longer looks for clothes. */
  cancel() {
    this.finding?.abort();
  }

  destroy() {
    this.cancel();
    this.stop();
    this.editor.destroy();
  }
}
