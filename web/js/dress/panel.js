// Dress: the settings beside the photo.

import { h, fill, button } from '../dom.js';
import { slider, select, text, segments, more } from '../ui/fields.js';
import { garmentPicker } from './garments.js';
import { garmentPhoto, modelForPhoto } from './garmentphoto.js';
import { randomSeed } from './draft.js';

const CATEGORIES = [
  { value: 'upper', label: 'Top', icon: 'shirt' },
  { value: 'lower', label: 'Bottom', icon: 'trousers' },
  { value: 'dress', label: 'Dress', icon: 'dress' },
  { value: 'outer', label: 'Coat', icon: 'coat' },
];
const SLEEVES = [
  { value: 'keep', label: 'As now' },
  { value: 'long', label: 'Long' },
  { value: 'short', label: 'Short' },
];
const PERSONS = [{ value: '0', label: 'The largest' }, { value: '2', label: 'The second largest' }, { value: '3', label: 'The third' }, { value: '4', label: 'The fourth' }];
const SPEEDS = [{ value: 'exact', label: 'Every step whole' }, { value: 'balanced', label: 'Balanced: much faster, nearly the same' }, { value: 'fast', label: 'Fast: for first tries' }];
const UNWORN = [{ value: 'auto', label: 'As suits the model' }, { value: 'keep', label: 'The photo stays' }, { value: 'paint', label: 'What the model painted' }];
const IDEAS = ['red t-shirt', 'denim jacket', 'white shirt', 'black dress', 'green sweater', 'floral skirt'];

/** `draft`, `info` (what the server has), and what the buttons do: onRun, onFind, onSnap. */
export function panel({ draft, info, onRun, onFind, onSnap }) {
  const prompt = promptField(draft);
  const garments = garmentPicker(draft, prompt);
  const photo = garmentPhoto({ draft, info, onChange: () => refresh() });
  const where = whereField(draft, onFind, onSnap);
  const settings = moreSettings(draft, info, onFind);
  const run = button({ label: 'Dress', kind: 'primary big wide', on: onRun });
  const note = h('p', { class: 'hint run-note', 'aria-live': 'polite' });
  const words = h('div', {}, prompt.element, garments.element);
  const element = h('form', { class: 'panel', 'aria-label': 'Settings', on: { submit: (e) => { e.preventDefault(); onRun(); } } },
    h('div', { class: 'panel-body' },
      h('section', { class: 'group' }, words, photo.element),
      h('section', { class: 'group' }, where.element),
      h('section', { class: 'group' }, settings.element)),
    h('div', { class: 'panel-foot' }, run, note));
  /* Shows the draft as it is now, after it was set from elsewhere. */
  function refresh() {
    prompt.value = draft.prompt;
    where.refresh();
    settings.refresh();
    garments.refresh();
    photo.refresh();
    words.hidden = wordless(draft, info);
  }
  words.hidden = wordless(draft, info);
  return {
    element,
    refresh,
    refreshGarments: () => garments.reload(),
    setRun({ label, disabled, hint }) {
      fill(run, h('span', { text: label }));
      run.disabled = disabled;
      note.textContent = hint ?? '';
    },
    destroy() { garments.destroy(); },
  };
}

/* A photo takes the place of words, or no model here reads any. */
function wordless(draft, info) {
  return Boolean(draft.garmentPhoto) || !info.models.some((m) => m.prompts);
}

function promptField(draft) {
  const field = text({ label: 'What to wear', value: draft.prompt, area: true, rows: 2, placeholder: 'a red t-shirt',
                       onInput: (prompt) => draft.set({ prompt }), name: 'prompt' });
  const ideas = IDEAS.map((idea) => h('button', { type: 'button', class: 'chip', text: idea, on: { click: () => {
    const prompt = `${idea === 'denim jacket' || !/^[aeiou]/.test(idea) ? 'a' : 'an'} ${idea}`;
    field.value = prompt;
    draft.set({ prompt });
  } } }));
  return {
    element: h('div', { class: 'stack' }, field.element, h('div', { class: 'chips', role: 'group', 'aria-label': 'Ideas' }, ideas)),
    get value() { return field.value; },
    set value(v) { field.value = v; },
    input: field.input,
  };
}

function whereField(draft, onFind, onSnap) {
  const category = segments({ label: 'What is replaced', options: CATEGORIES, value: draft.category, tall: true,
                              onChange: (value) => { draft.set({ category: value }); refresh(); onFind(); } });
  const sleeve = segments({ label: 'Sleeves', options: SLEEVES, value: draft.sleeve,
                            onChange: (value) => { draft.set({ sleeve: value }); onFind(); } });
  const sleeveRow = h('div', { class: 'labelled' }, h('span', { class: 'soft small', 'aria-hidden': 'true', text: 'Sleeves' }), sleeve.element);
  const grow = slider({ label: 'Grow', min: -30, max: 80, value: draft.grow, format: (v) => `${v} px`,
                        onInput: (v) => draft.set({ grow: v }) });
  const feather = slider({ label: 'Soft edge', min: 0, max: 60, value: draft.featherPixels, format: (v) => `${v} px`,
                           onInput: (v) => draft.set({ feather: v }) });
  const find = button({ label: 'Find again', name: 'wand', kind: 'link', title: 'Finds the clothes anew', on: () => onFind() });
  const snap = button({ label: 'Snap', name: 'fit', kind: 'link', title: 'Snaps what is painted to the garment under it', on: onSnap });
  const refresh = () => {
    category.value = draft.category;
    sleeve.value = draft.sleeve;
    sleeveRow.hidden = draft.category === 'lower';
    grow.value = draft.grow;
    feather.value = draft.featherPixels;
  };
  refresh();
  return {
    element: h('div', { class: 'stack' }, h('div', { class: 'group-head' }, h('h2', { text: 'What is replaced' }), h('span', { class: 'row push' }, snap, find)),
               category.element, sleeveRow, h('div', { class: 'pair' }, grow.element, feather.element)),
    refresh,
  };
}

function moreSettings(draft, info, onFind) {
  const person = select({ label: 'Who, of several in the photo', options: PERSONS, onChange: (value) => { draft.set({ person: Number(value) }); onFind(); } });
  const model = select({ label: 'Model', options: [], onChange: (value) => {
    draft.follow(info.models.find((m) => m.id === value), { anew: true });
    refresh();
  } });
  const preset = select({ label: 'Speed', options: [], onChange: (value) => {
    draft.set({ preset: value });
    refresh();
  } });
  const steps = slider({ label: 'Steps', min: 1, max: 100, value: draft.steps, onInput: (v) => draft.set({ steps: v }),
                         hint: 'More is finer and slower.' });
  const guidance = slider({ label: 'Guidance', min: 1, max: 15, step: 0.5, value: draft.guidance, format: (v) => v.toFixed(1),
                            onInput: (v) => draft.set({ guidance: v }), hint: 'How closely it follows the words.' });
  const strength = slider({ label: 'Strength', min: 0.1, max: 1, step: 0.05, value: draft.strength, format: (v) => v.toFixed(2),
                            onInput: (v) => draft.set({ strength: v }), hint: 'Less keeps some of what was there.' });
  const scheduler = select({ label: 'Sampler', options: [], onChange: (value) => draft.set({ scheduler: value }) });
  const size = select({ label: 'Working size', options: [], onChange: (value) => draft.set({ size: value }) });
  const dice = button({ label: 'A random seed', name: 'dice', quiet: true, kind: 'tool', on: () => {
    seed.value = String(randomSeed());
    draft.set({ seed: seed.value });
  } });
  const seed = text({ label: 'Seed', value: draft.seed, placeholder: 'random', inputmode: 'numeric', pattern: '[0-9]*', maxlength: 19,
                      extra: dice, onInput: (value) => draft.set({ seed: value.replace(/\D/g, '') }) });
  const count = segments({ label: 'Pictures', options: ['1', '2', '3', '4'].map((v) => ({ value: v, label: v })), value: String(draft.count),
                           onChange: (value) => draft.set({ count: Number(value) }) });
  const negative = text({ label: 'What it should not be', value: draft.negative, placeholder: 'blurry, distorted',
                          onInput: (value) => draft.set({ negative: value }) });
  const unworn = select({ label: 'Where the new garment leaves the mask bare', options: UNWORN, onChange: (value) => draft.set({ unworn: value }) });
  const lora = select({ label: 'LoRA', options: [], onChange: (value) => {
    draft.set({ lora: value });
    refresh();
  } });
  const loraScale = slider({ label: 'How much of the LoRA', min: 0.1, max: 1.5, step: 0.05, value: draft.loraScale, format: (v) => v.toFixed(2),
                             onInput: (v) => draft.set({ loraScale: v }) });
  const element = more('More', model.element, lora.element, loraScale.element,
    h('div', { class: 'field' }, h('span', { class: 'label', 'aria-hidden': 'true', text: 'Pictures' }), count.element),
    preset.element, steps.element, guidance.element, h('div', { class: 'pair' }, scheduler.element, size.element), seed.element, negative.element, strength.element, unworn.element, person.element);
  const refresh = () => {
    const fitting = info.models.filter((m) => (draft.garmentPhoto ? m.garments : true));
    const chosen = draft.garmentPhoto ? modelForPhoto(draft, info.models)?.id : draft.model ?? info.models[0]?.id;
    model.setOptions(fitting.map((m) => ({ value: m.id, label: m.label })), chosen);
    preset.setOptions(SPEEDS, draft.preset);
    steps.element.hidden = draft.preset !== 'exact';
    for (const field of [negative, strength]) field.element.hidden = Boolean(draft.garmentPhoto);
    scheduler.setOptions([{ value: '', label: "The model's own" }, ...info.schedulers.map((s) => ({ value: s, label: s }))], draft.scheduler);
    size.setOptions(sizes(info, draft), draft.size);
    lora.setOptions([{ value: '', label: 'None' }, ...info.loras.map((name) => ({ value: name, label: name }))], draft.lora);
    lora.element.hidden = !info.loras.length || Boolean(draft.garmentPhoto);
    loraScale.element.hidden = !info.loras.includes(draft.lora) || Boolean(draft.garmentPhoto);
    loraScale.value = draft.loraScale;
    steps.value = draft.steps;
    guidance.value = draft.guidance;
    strength.value = draft.strength;
    person.value = String(draft.person);
    unworn.value = draft.unworn;
    seed.value = draft.seed;
    count.value = String(draft.count);
    negative.value = draft.negative;
  };
  refresh();
  return { element, refresh };
}

function sizes(info, draft) {
  const model = info.models.find((m) => m.id === draft.model) ?? info.models[0];
  const own = model?.size ? `The model's (${model.size})` : "The model's";
  const list = [256, 384, 512, 640, 768].map((s) => ({ value: `${s}x${s}`, label: `${s} x ${s}` }));
  const portrait = { value: '512x768', label: '512 x 768' };
  const known = [{ value: '', label: own }, ...list, portrait];
  if (draft.size && !known.some((o) => o.value === draft.size)) known.push({ value: draft.size, label: draft.size.replace('x', ' x ') });
  return known;
}

