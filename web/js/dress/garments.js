// The garments that were taught, to choose from, under the prompt.

import { h, fill, icon } from '../dom.js';
import { slider } from '../ui/fields.js';
import * as api from '../api.js';

/** `prompt` is the prompt's field: choosing a garment writes the words that it was taught with. */
export function garmentPicker(draft, prompt) {
  const element = h('div', { class: 'stack garments', hidden: true });
  let garments = [];

  const choose = (garment) => {
    const chosen = draft.garment === garment.id ? null : garment.id;
    const fields = { garment: chosen };
    if (chosen && garment.prompt) {
      fields.prompt = garment.prompt;
      prompt.value = garment.prompt;
    }
    draft.set(fields);
    show();
  };

  const card = (garment) => {
    const picture = garment.image ? h('img', { src: api.imageUrl(garment.image, 160), alt: '', loading: 'lazy' }) : icon('shirt');
    const chosen = draft.garment === garment.id;
    return h('button', { type: 'button', class: 'garment', 'aria-pressed': String(chosen), title: garment.name,
                         on: { click: () => choose(garment) } },
             h('span', { class: 'garment-picture' }, picture, chosen ? h('span', { class: 'garment-check' }, icon('check')) : null),
             h('span', { class: 'garment-name', text: garment.name }));
  };

  const scale = slider({ label: 'How much of it', min: 0.1, max: 1.5, step: 0.05, value: draft.garmentScale,
                         format: (v) => v.toFixed(2), onInput: (v) => draft.set({ garmentScale: v }) });

  const show = () => {
    element.hidden = false;
    if (!garments.length) {
      fill(element, h('p', { class: 'hint' }, 'A garment of your own? ', h('a', { href: '#/teach', text: 'Teach it from photos' }), '.'));
      return;
    }
    scale.value = draft.garmentScale;
    scale.element.hidden = !garments.find((g) => g.id === draft.garment)?.lora;
    const focused = [...element.querySelectorAll('.garment')].indexOf(document.activeElement);
    fill(element, h('h3', { class: 'soft small', text: 'Or a garment you taught' }),
         h('div', { class: 'garment-row', role: 'group', 'aria-label': 'Taught garments' }, garments.map(card)), scale.element);
    if (focused >= 0) element.querySelectorAll('.garment')[focused]?.focus();
  };

  const reload = async () => {
    try {
      garments = await api.listGarments();
      if (draft.garment && !garments.some((g) => g.id === draft.garment)) draft.set({ garment: null });
      show();
    } catch {
      // a prompt alone will do
    }
  };
  reload();
  return { element, refresh: show, reload, destroy() {} };
}
