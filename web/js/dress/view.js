// Dress: the picture on the stage, wishes beside it, and the result where the photo was.

import { h, fill } from '../dom.js';
import { toolbar } from '../mask/toolbar.js';
import { dropTarget, pasteTarget, chooseButton, cameraButton } from '../ui/intake.js';
import { segments } from '../ui/fields.js';
import { complain, toast, sentence } from '../ui/toast.js';
import * as api from '../api.js';
import { jobs, isOpen } from '../jobs.js';
import { Draft } from './draft.js';
import { Picture, stageUrl } from './picture.js';
import { Order, wishesOf } from './order.js';
import { modelForPhoto } from './garmentphoto.js';
import { startPanel } from './start.js';
import { panel } from './panel.js';
import { runningStage, failedStage } from './running.js';
import { resultStage } from './result.js';

class DressView {
  constructor() {
    this.draft = new Draft();
    this.mode = 'start'; // start, mask, job
    this.picture = new Picture(this.draft);
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
    this.order = new Order(this.draft, this.info);
    this.panel = panel({ draft: this.draft, info: this.info, onRun: () => this.run(), onFind: () => this.find(), onSnap: () => this.snap() });
    this.element.append(this.panel.element);
    this.draft.addEventListener('change', (e) => {
      if ('grow' in e.detail || 'feather' in e.detail) this.picture.showEdges();
      this.showRun();
    });
    this.picture.addEventListener('change', () => this.showRun());
    this.picture.addEventListener('note', (e) => this.note(e.detail));
    dropTarget(this.stage, (files) => this.takePhoto(files[0]), () => complain(new Error('that is not a picture')));
    this.stop.push(pasteTarget((files) => this.takePhoto(files[0])));
    const changed = () => this.showRun();
    jobs.addEventListener('change', changed);
    const taught = () => this.panel.refreshGarments();
    jobs.addEventListener('garments', taught);
    this.stop.push(() => jobs.removeEventListener('change', changed), () => jobs.removeEventListener('garments', taught));
    this.picture.showEdges();
    this.showRun();
    await this.restore();
  }

  /** After a reload: the photo, the mask as painted, and the job that was shown. */
  async restore() {
    if (!this.draft.photo) {
      this.setMode('start');
      return;
    }
    try {
      await this.picture.restore();
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
    this.picture.cancel();
    fill(this.stage, busy('Reading the photo'));
    try {
      await this.picture.take(file, then);
    } catch (error) {
      complain(error);
      this.panel.refresh();
      this.setMode(this.draft.photo ? 'mask' : 'start');
      return;
    }
    this.panel.refresh();
    this.setMode('mask');
    return this.find();
  }

  /** One click: photo, mask, words, and off it goes. */
  async useExample(example) {
    fill(this.stage, busy('Reading the photo'));
    try {
      const blob = await api.fetchBlob(`examples/${example.name}`);
      const file = new File([blob], example.name, { type: 'image/jpeg' });
      await this.takePhoto(file, { prompt: example.prompt, category: example.category, garment: null });
      if (this.mode === 'mask' && this.picture.masked) await this.run();
    } catch (error) {
      complain(error);
      this.setMode('start');
    }
  }

  async snap() {
    if (this.mode === 'mask') await this.picture.snap();
  }

  async find() {
    if (!this.draft.photo || this.mode === 'start') return;
    if (this.mode === 'job') this.setMode('mask'); // the job goes on; what it makes stays one click away
    await this.picture.find();
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
    const { editor, finding } = this.picture;
    this.noteElement = h('div', { class: 'stage-note', role: 'status', hidden: true });
    fill(this.stage, editor.element, this.stageTop('mask'), this.noteElement, toolbar(editor));
    if (finding) this.note('Finding the clothes');
  }

  note(text) {
    if (this.noteElement) {
      fill(this.noteElement, text ? [h('span', { class: 'spinner' }), text] : null);
      this.noteElement.hidden = !text;
    }
    this.showRun();
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
    return { id, width, height, url: stageUrl(id, width) };
  }

  /** The chosen model reads no words. */
  get wordless() {
    return this.info.models.find((m) => m.id === (this.draft.model ?? this.info.models[0]?.id))?.prompts === false;
  }

  /** It is said what to wear. */
  get wished() {
    return Boolean(this.draft.garmentPhoto && modelForPhoto(this.draft, this.info.models)) || (!this.wordless && Boolean(this.draft.prompt.trim()));
  }

  /* --- the job -------------------------------------------------------------------------------------- */

  /** What the button says and whether it can be pressed. */
  showRun() {
    if (!this.panel) return;
    const job = this.mode === 'job' ? jobs.get(this.draft.job) : null;
    if (job && isOpen(job)) this.panel.setRun({ label: 'Dressing', disabled: true, hint: '' });
    else if (!this.draft.photo) this.panel.setRun({ label: 'Dress', disabled: true, hint: 'Choose a photo first.' });
    else if (this.order.sending) this.panel.setRun({ label: 'Dressing', disabled: true });
    else if (this.picture.finding) this.panel.setRun({ label: 'Dress', disabled: true, hint: 'Finding the clothes.' });
    else if (!this.picture.masked) this.panel.setRun({ label: 'Dress', disabled: true, hint: 'Paint what is to be replaced.' });
    else if (!this.wished) this.panel.setRun({ label: 'Dress', disabled: true, hint: this.wordless ? 'Drop a photo of the garment.' : 'Say what to wear.' });
    else this.panel.setRun({ label: this.mode === 'job' ? 'Dress again' : 'Dress', disabled: false, hint: this.order.guess() });
  }

  async run() {
    if (this.order.sending || !this.draft.photo || !this.wished) return;
    const sent = this.order.send(() => this.picture.upload('mask.png'));
    this.showRun();
    await this.follow(sent);
  }

  async retry(job) {
    await this.follow(this.order.retry(job));
  }

  /** Shows the job whose id comes. */
  async follow(sent) {
    try {
      this.showJob(await sent);
    } catch (error) {
      complain(error);
      this.showRun();
    }
  }

  /** Takes a job's settings into the form, with its photo and mask. */
  async again(job, result) {
    const s = job.settings;
    this.draft.set({ ...wishesOf(s), seed: String(result?.seed ?? s.seed ?? ''), count: 1, job: job.id });
    this.panel.refresh();
    try {
      await this.picture.takeFrom(s);
    } catch (error) {
      complain(error);
    }
    this.picture.showEdges();
    this.setMode('mask');
    toast('The settings are back, with the same seed. Change what you like.');
  }

  /** The result becomes the photo: the next garment goes over it. */
  async maskAgain(job, result) {
    try {
      const { width, height } = this.photoOf(job);
      this.draft.setPhoto({ id: result.image, width: result.width ?? width, height: result.height ?? height, name: 'result' });
      await this.picture.show();
      this.setMode('mask');
      this.find();
    } catch (error) {
      complain(error);
    }
  }

  destroy() {
    this.unwatch?.();
    this.panel?.destroy();
    this.picture.destroy();
    for (const stop of this.stop) stop();
  }
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
