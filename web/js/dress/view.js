// Dress: photo and mask on the stage, wishes beside it, and the result where the photo was.

import { h, fill, debounce } from '../dom.js';
import { Editor } from '../mask/editor.js';
import { toolbar } from '../mask/toolbar.js';
import { dropTarget, pasteTarget, chooseButton, cameraButton } from '../ui/intake.js';
import { segments } from '../ui/fields.js';
import { complain, toast, sentence } from '../ui/toast.js';
import { loadImage, STAGE_WIDTH } from '../ui/image.js';
import { load, save } from '../store.js';
import * as api from '../api.js';
import { jobs, isOpen } from '../jobs.js';
import { Draft, DEFAULTS, randomSeed } from './draft.js';
import { startPanel } from './start.js';
import { panel } from './panel.js';
import { runningStage, failedStage, phrase } from './running.js';
import { resultStage } from './result.js';
import { findClothes } from './automask.js';
import { estimate } from './estimate.js';
import { duration } from '../format.js';

const INSET = { top: 72, right: 24, bottom: 84, left: 24 };
const INSET_NARROW = { top: 58, right: 8, bottom: 66, left: 8 };

class DressView {
  constructor() {
    this.draft = new Draft();
    this.mode = 'start'; // start, mask, job
    this.editor = new Editor({ inset: innerWidth > 720 ? INSET : INSET_NARROW });
    this.stage = h('section', { class: 'stage', 'aria-label': 'Photo' });
    this.element = h('div', { class: 'dress' }, h('h1', { class: 'hidden', text: 'Dress a person' }), this.stage);
    this.stop = []; // what destroy() calls
    this.ready = this.begin();
  }

  async begin() {
    try {
      this.info = await api.getInfo();
    } catch (error) {
      complain(error);
      return;
    }
    const { models } = this.info;
    this.draft.follow(models.find((m) => m.id === this.draft.model) ?? models[0]);
    this.panel = panel({ draft: this.draft, info: this.info, onRun: () => this.run(), onFind: () => this.find(), onSnap: () => this.snap() });
    this.element.append(this.panel.element);
    this.draft.addEventListener('change', (e) => this.draftChanged(e.detail));
    const keepSoon = debounce(() => this.keepMask(), 400);
    this.editor.addEventListener('mask', () => {
      this.unkept = true;
      keepSoon();
      this.showRun();
    });
    const leave = () => this.unkept && this.keepMask();
    addEventListener('pagehide', leave);
    this.stop.push(() => { leave(); keepSoon.cancel(); removeEventListener('pagehide', leave); });
    this.editor.addEventListener('state', () => { this.editor.canvas.dataset.tool = this.editor.tool; });
    dropTarget(this.stage, (files) => this.takePhoto(files[0]), () => complain(new Error('that is not a picture')));
    this.stop.push(pasteTarget((files) => this.takePhoto(files[0])));
    const changed = () => this.showRun();
    jobs.addEventListener('change', changed);
    const taught = () => this.panel.refreshGarments();
    jobs.addEventListener('garments', taught);
    this.stop.push(() => jobs.removeEventListener('change', changed), () => jobs.removeEventListener('garments', taught));
    this.draftChanged({ grow: 0 });
    await this.restore();
  }

  /** After a reload: the photo, the mask as painted, and the job that was shown. */
  async restore() {
    if (!this.draft.photo) {
      this.setMode('start');
      return;
    }
    try {
      await this.showPhoto();
      const mask = load('mask', null);
      if (mask) this.editor.setMaskFrom(await loadImage(mask));
    } catch {
      this.draft.setPhoto(null);
      this.setMode('start');
      return;
    }
    if (this.draft.job) this.showJob(this.draft.job);
    else this.setMode('mask');
  }

  /* --- photo and mask ----------------------------------------------------------------------------- */

  async takePhoto(file, then = {}) {
    this.finding?.abort();
    fill(this.stage, busy('Reading the photo'));
    try {
      const photo = await api.uploadImage(file, file.name);
      this.draft.setPhoto({ ...photo, name: file.name });
      this.draft.set(then);
      this.panel.refresh();
      await this.showPhoto();
    } catch (error) {
      complain(error);
      this.setMode(this.draft.photo ? 'mask' : 'start');
      return;
    }
    this.setMode('mask');
    return this.find();
  }

  async showPhoto() {
    const { id, width, height } = this.draft.photo;
    const image = await loadImage(api.imageUrl(id, Math.min(STAGE_WIDTH, width)));
    this.editor.setPhoto(image, width, height);
    this.draftChanged({ grow: 0 });
  }

  /** One click: photo, mask, words, and off it goes. */
  async useExample(example) {
    fill(this.stage, busy('Reading the photo'));
    try {
      const blob = await api.fetchBlob(`examples/${example.name}`);
      const file = new File([blob], example.name, { type: 'image/jpeg' });
      await this.takePhoto(file, { prompt: example.prompt, category: example.category, garment: null });
      if (this.mode === 'mask' && !this.editor.field?.empty) await this.run();
    } catch (error) {
      complain(error);
      this.setMode('start');
    }
  }

  /** Snaps what is painted to the garment under it. */
  async snap() {
    if (!this.editor.mask || this.editor.field?.empty || this.mode !== 'mask') return;
    try {
      const rough = await api.uploadImage(await this.editor.toBlob());
      await this.find(rough.id);
    } catch (error) {
      complain(error);
    }
  }

  /** Finds the clothes. What was painted can be had back with undo. */
  async find(refine) {
    if (!this.draft.photo || this.mode === 'start') return;
    if (this.mode === 'job') this.setMode('mask'); // the job goes on; what it makes stays one click away
    this.finding?.abort();
    const abort = new AbortController();
    this.finding = abort;
    this.note('Finding the clothes');
    try {
      const { photo, category, sleeve, person } = this.draft;
      const found = await findClothes({ photo: photo.id, category, sleeve, person, refine },
                                      { signal: abort.signal, onJob: (job) => this.note(job.state === 'waiting' ? phrase(job) : 'Finding the clothes') });
      this.editor.setMaskFrom(found.image);
    } catch (error) {
      if (error.name !== 'AbortError') toast(`${sentence(error.message)} You can paint over the clothes instead.`, { kind: 'error' });
    } finally {
      if (this.finding === abort) {
        this.finding = null;
        this.note('');
      }
    }
  }

  note(text) {
    if (!this.noteElement) return;
    fill(this.noteElement, text ? [h('span', { class: 'spinner' }), text] : null);
    this.noteElement.hidden = !text;
    this.showRun();
  }

  keepMask() {
    this.unkept = false;
    if (this.editor.mask) save('mask', this.editor.toCanvas().toDataURL());
  }

  draftChanged(fields) {
    if ('grow' in fields || 'feather' in fields) this.editor.setEdges({ grow: this.draft.grow, feather: this.draft.featherPixels });
    this.showRun();
  }

  /* --- the stage ------------------------------------------------------------------------------------ */

  setMode(mode) {
    this.mode = mode;
    this.unwatch?.();
    this.unwatch = null;
    this.element.dataset.mode = mode;
    if (mode === 'start') fill(this.stage, startPanel({ onFiles: (f) => this.takePhoto(f[0]), onExample: (e) => this.useExample(e) }));
    else if (mode === 'mask') this.showMask();
    this.showRun();
  }

  showMask() {
    this.noteElement = h('div', { class: 'stage-note', role: 'status', hidden: true });
    fill(this.stage, this.editor.element, this.stageTop('mask'), this.noteElement, toolbar(this.editor));
    if (this.finding) this.note('Finding the clothes');
  }

  /* Mask or result; another photo. */
  stageTop(shown) {
    const switcher = this.draft.job ? segments({ label: 'Shown', value: shown, options: [
      { value: 'mask', label: 'Mask' }, { value: 'job', label: 'Result' }],
      onChange: (value) => (value === 'job' ? this.showJob(this.draft.job) : this.setMode('mask')) }).element : null;
    return [h('div', { class: 'float left' }, switcher),
            h('div', { class: 'float right' }, chooseButton({ label: 'Other photo', name: 'image', onFiles: (f) => this.takePhoto(f[0]) }),
              cameraButton({ label: 'Camera', onFiles: (f) => this.takePhoto(f[0]) }))];
  }

  showJob(id) {
    this.setMode('job');
    let shown = '';
    let running = null;
    this.unwatch = jobs.watch(id, (job) => {
      if (!job) {
        this.draft.set({ job: null });
        this.setMode('mask');
        return;
      }
      const kind = isOpen(job) ? 'running' : job.state;
      if (kind !== shown) {
        shown = kind;
        running = this.jobStage(job, kind);
      }
      running?.update?.(job);
      this.showRun();
    });
  }

  jobStage(job, kind) {
    const photo = this.photoOf(job);
    let content = null;
    if (kind === 'running') content = runningStage({ photo, onCancel: () => api.cancelJob(job.id).catch(complain) });
    else if (kind === 'done') {
      content = resultStage({ job, photo, onAgain: (j, result) => this.again(j, result), onMask: (result) => this.maskAgain(job, result) });
    } else {
      content = { element: failedStage(job, { sentence, onBack: () => this.setMode('mask'), onRetry: () => this.retry(job) }) };
    }
    fill(this.stage, content.element, this.stageTop('job'));
    return content;
  }

  photoOf(job) {
    const { photo } = job.settings;
    const { id, width, height } = photo === this.draft.photo?.id ? this.draft.photo : { id: photo, width: job.results[0]?.width, height: job.results[0]?.height };
    return { id, width, height, url: api.imageUrl(id, Math.min(STAGE_WIDTH, width ?? STAGE_WIDTH)) };
  }

  /* --- the job -------------------------------------------------------------------------------------- */

  /** What the button says and whether it can be pressed. */
  showRun() {
    if (!this.panel) return;
    const job = this.mode === 'job' ? jobs.get(this.draft.job) : null;
    if (job && isOpen(job)) this.panel.setRun({ label: 'Dressing', disabled: true, hint: '' });
    else if (!this.draft.photo) this.panel.setRun({ label: 'Dress', disabled: true, hint: 'Choose a photo first.' });
    else if (this.sending) this.panel.setRun({ label: 'Dressing', disabled: true });
    else if (this.finding) this.panel.setRun({ label: 'Dress', disabled: true, hint: 'Finding the clothes.' });
    else if (!this.editor.mask || this.editor.field?.empty) {
      this.panel.setRun({ label: 'Dress', disabled: true, hint: 'Paint what is to be replaced.' });
    } else if (!this.draft.prompt.trim()) this.panel.setRun({ label: 'Dress', disabled: true, hint: 'Say what to wear.' });
    else this.panel.setRun({ label: this.mode === 'job' ? 'Dress again' : 'Dress', disabled: false, hint: this.guess() });
  }

  /** How long it will take, from how long such jobs took. */
  guess() {
    const waiting = jobs.queue.filter((job) => job.type !== 'mask').length;
    if (waiting) return `It waits for ${waiting === 1 ? 'another job' : `${waiting} other jobs`} first.`;
    const seconds = estimate(jobs.all, this.settings());
    return seconds ? `About ${duration(Math.max(1, seconds))}.` : '';
  }

  async run() {
    const { draft } = this;
    if (this.sending || !draft.photo || !draft.prompt.trim()) return;
    this.sending = true;
    this.showRun();
    try {
      const mask = await api.uploadImage(await this.editor.toBlob(), 'mask.png');
      const job = await jobs.answer(api.submit({ type: 'tryon', ...this.settings(), mask: mask.id }));
      draft.set({ job: job.id, mask: mask.id });
      this.showJob(job.id);
    } catch (error) {
      complain(error);
    } finally {
      this.sending = false;
      this.showRun();
    }
  }

  settings() {
    const d = this.draft;
    const [width, height] = d.size ? d.size.split('x').map(Number) : [0, 0];
    return { photo: d.photo.id, prompt: d.prompt.trim(), negative: d.negative.trim(), model: d.model ?? this.info.models[0]?.id,
             garment: d.garment, garmentScale: d.garmentScale, lora: this.info.loras.includes(d.lora) ? d.lora : '', loraScale: d.loraScale,
             steps: d.steps, guidance: d.guidance, strength: d.strength, scheduler: d.scheduler,
             seed: d.seed === '' ? randomSeed() : Number(d.seed), count: d.count, width, height, grow: d.grow, feather: d.feather };
  }

  async retry(job) {
    try {
      const next = await jobs.answer(api.retryJob(job.id));
      this.draft.set({ job: next.id });
      this.showJob(next.id);
    } catch (error) {
      complain(error);
    }
  }

  /** Takes a job's settings into the form, with its photo and mask. */
  async again(job, result) {
    const s = job.settings;
    this.draft.set({ ...pick(s), seed: String(result?.seed ?? s.seed ?? ''), count: 1, job: job.id });
    this.panel.refresh();
    try {
      if (s.photo !== this.draft.photo?.id) {
        this.draft.set({ photo: { ...await api.imageInfo(s.photo), name: '' } });
        await this.showPhoto();
      }
      if (s.mask) this.editor.setMaskFrom(await loadImage(api.imageUrl(s.mask)));
    } catch (error) {
      complain(error);
    }
    this.draftChanged({ grow: 0 });
    this.setMode('mask');
    toast('The settings are back, with the same seed. Change what you like.');
  }

  /** The result becomes the photo: the next garment goes over it. */
  async maskAgain(job, result) {
    try {
      const { width, height } = this.photoOf(job);
      this.draft.setPhoto({ id: result.image, width: result.width ?? width, height: result.height ?? height, name: 'result' });
      await this.showPhoto();
      this.setMode('mask');
      this.find();
    } catch (error) {
      complain(error);
    }
  }

  destroy() {
    this.finding?.abort();
    this.unwatch?.();
    this.panel?.destroy();
    this.editor.destroy();
    for (const stop of this.stop) stop();
  }
}

/* The settings that the form has, of those that a job had. */
function pick(settings) {
  return Object.fromEntries(Object.keys(DEFAULTS).filter((key) => key in settings && !['photo', 'job', 'mask', 'seed', 'size'].includes(key))
    .map((key) => [key, settings[key]]).concat([['size', settings.width ? `${settings.width}x${settings.height}` : '']]));
}

function busy(text) {
  return h('div', { class: 'stage-busy', role: 'status' }, h('span', { class: 'spinner' }), text);
}

/** `id`: a job to show, from the history. */
export function dressView(id) {
  const view = new DressView();
  if (id) {
    jobs.find(id).then(async (job) => {
      await view.ready;
      await view.again(job, job.results?.[0]);
    }, complain);
    history.replaceState(null, '', '#/dress');
  }
  return view;
}
