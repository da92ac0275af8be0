// Form fields with their labels.

import { h, icon, uid } from '../dom.js';

/** A slider whose value is shown beside its label. `format` makes the text. */
export function slider({ label, min, max, step = 1, value, format = String, onInput, hint }) {
  const id = uid('slider');
  const out = h('output', { for: id });
  const input = h('input', { type: 'range', class: 'range', id, min, max, step });
  const show = () => {
    out.textContent = format(Number(input.value));
    input.setAttribute('aria-valuetext', out.textContent);
  };
  input.value = value;
  input.addEventListener('input', () => {
    show();
    onInput?.(Number(input.value));
  });
  show();
  return {
    element: h('div', { class: 'field' }, h('label', { for: id }, label, out), input, hint ? h('p', { class: 'hint', text: hint }) : null),
    get value() { return Number(input.value); },
    set value(v) {
      input.value = v;
      show();
    },
  };
}

/** A choice from a list of {value, label}. */
export function select({ label, options, value, onChange }) {
  const id = uid('select');
  const input = h('select', { class: 'select', id, on: { change: () => onChange?.(input.value) } });
  const set = (list, chosen) => {
    input.replaceChildren(...list.map((o) => h('option', { value: o.value, text: o.label, selected: o.value === chosen })));
    if (chosen !== undefined && chosen !== null && list.some((o) => o.value === chosen)) input.value = chosen;
  };
  set(options, value);
  return {
    element: h('div', { class: 'field' }, h('label', { for: id, text: label }), input),
    input,
    setOptions: set,
    get value() { return input.value; },
    set value(v) { input.value = v; },
  };
}

/** One line of text, or a number. */
export function text({ label, value = '', type = 'text', placeholder, onInput, hint, area = false, extra = null, ...rest }) {
  const id = uid('text');
  const hintId = hint ? uid('hint') : null;
  const input = h(area ? 'textarea' : 'input', { id, class: area ? 'textarea' : 'input', type: area ? null : type, placeholder,
                                                 'aria-describedby': hintId, ...rest });
  input.value = value;
  input.addEventListener('input', () => onInput?.(input.value));
  return {
    element: h('div', { class: 'field' }, h('label', { for: id, text: label }), extra ? h('div', { class: 'row' }, input, extra) : input,
               hint ? h('p', { class: 'hint', id: hintId, text: hint }) : null),
    input,
    get value() { return input.value; },
    set value(v) { input.value = v; },
  };
}

/** One of a few, as a row. `options`: {value, label, icon}. */
export function segments({ label, options, value, onChange, tall = false }) {
  const name = uid('segments');
  const inputs = options.map((o) => h('input', { type: 'radio', name, value: o.value,
                                                 on: { change: () => onChange?.(o.value) } }));
  const el = h('fieldset', { class: `segments${tall ? ' tall' : ''}` }, h('legend', { class: 'hidden', text: label }),
               options.map((o, i) => h('label', {}, inputs[i], h('span', {}, o.icon ? icon(o.icon) : null, o.label))));
  const api = {
    element: el,
    get value() { return inputs.find((i) => i.checked)?.value; },
    set value(v) { for (const i of inputs) i.checked = i.value === v; },
  };
  api.value = value;
  return api;
}

export function check({ label, checked = false, hint, onChange }) {
  const input = h('input', { type: 'checkbox', on: { change: () => onChange?.(input.checked) } });
  input.checked = checked;
  return {
    element: h('label', { class: 'check' }, input, h('span', {}, label, hint ? h('span', { class: 'hint', text: ` ${hint}` }) : null)),
    get value() { return input.checked; },
    set value(v) { input.checked = v; },
  };
}

/** "More": what most people leave alone. */
export function more(label, ...body) {
  return h('details', { class: 'more' }, h('summary', {}, icon('sliders'), label, icon('chevron')), h('div', { class: 'body' }, body));
}
