// Any two of many pictures, large: under one line, side by side, or as their difference.

import { h, fill, button, uid } from '../dom.js';
import { segments } from './fields.js';
import { fitBox } from './frame.js';
import { compare } from './compare.js';

const HINTS = { slider: 'Drag in the picture, or use the arrow keys.', side: '', difference: 'Black is equal; what differs is shown twice as strong.' };

const sameShape = (a, b) => Math.abs(a.width / a.height - b.width / b.height) < 0.02 * (a.width / a.height);

/**
 * `pictures` are {key, group, name, short, src, width, height}; `left` and `right` are keys, and onChange({left, right})
 * is told of others. Returns {element, choose(side, key), left, right}.
 */
export function pairViewer({ pictures, left, right, mode = 'slider', onChange, onMode }) {
  const byKey = new Map(pictures.map((p) => [p.key, p]));
  const state = { left, right, mode, at: 50 };
  const view = h('div', { class: 'view' });
  const note = h('p', { class: 'view-note', 'aria-live': 'polite' });

  const chooser = (label, side) => {
    const id = uid('choose');
    const groups = [...new Set(pictures.map((p) => p.group))];
    const input = h('select', { class: 'select', id, on: { change: () => choose(side, input.value) } }, groups.map((group) =>
      h('optgroup', { label: group }, pictures.filter((p) => p.group === group).map((p) => h('option', { value: p.key, text: p.name })))));
    return { element: h('div', { class: 'field' }, h('label', { for: id, text: label }), input), input };
  };
  const chooseLeft = chooser('Left', 'left');
  const chooseRight = chooser('Right', 'right');
  const modes = segments({ label: 'How to compare', value: mode, onChange: (value) => { state.mode = value; onMode?.(value); draw(); }, options: [
    { value: 'slider', label: 'Slider' }, { value: 'side', label: 'Side by side' }, { value: 'difference', label: 'Difference' }] });

  const picture = (p, extra) => h('img', { src: p.src, alt: p.name, width: p.width, height: p.height, class: extra });
  const underLine = (a, b) => {
    const el = compare({ src: a.src, alt: a.name, name: a.short }, { src: b.src, alt: b.name, name: b.short },
                       { at: state.at, onMove: (at) => { state.at = at; } });
    el.firstChild.style.setProperty('--ratio', String(b.width / b.height));
    return el;
  };
  const sideBySide = (a, b) => h('div', { class: 'pair-view' }, [a, b].map((p) =>
    h('figure', {}, fitBox(p.width, p.height, picture(p)), h('figcaption', { text: p.name }))));
  const difference = (a, b) => fitBox(b.width, b.height, h('div', { class: 'louder' }, h('div', { class: 'difference' }, picture(a, 'fitted'), picture(b, 'fitted'))));

  function draw() {
    const [a, b] = [byKey.get(state.left), byKey.get(state.right)];
    const fits = sameShape(a, b);
    const how = fits ? state.mode : 'side';
    chooseLeft.input.value = a.key;
    chooseRight.input.value = b.key;
    view.style.setProperty('--ratio', String((how === 'side' ? 2 : 1) * (b.width / b.height)));
    fill(view, how === 'side' ? sideBySide(a, b) : how === 'difference' ? difference(a, b) : underLine(a, b));
    note.textContent = !fits && state.mode !== 'side' ? 'These two have different shapes, so they stand side by side.' : HINTS[how];
    onChange?.({ left: a.key, right: b.key });
  }

  function choose(side, key) {
    state[side] = key;
    draw();
  }

  const swap = button({ label: 'Swap left and right', name: 'swap', quiet: true, kind: 'swap', on: () => {
    [state.left, state.right] = [state.right, state.left];
    draw();
  } });
  const element = h('section', { class: 'pair-stage', 'aria-label': 'Two of them, large' },
    h('div', { class: 'stage-tools' }, chooseLeft.element, swap, chooseRight.element, modes.element), view, note);
  draw();
  return { element, choose, get left() { return state.left; }, get right() { return state.right; } };
}

/** A small picture with what puts it left or right: {element, show(left, right)}. */
export function pairShot(viewer, p, caption, { onOpen } = {}) {
  const side = (name, which) => h('button', { type: 'button', text: name, 'aria-pressed': 'false', 'aria-label': `${name}: ${p.name}`,
                                              on: { click: () => viewer().choose(which, p.key) } });
  const [left, right] = [side('Left', 'left'), side('Right', 'right')];
  const open = h('button', { type: 'button', class: 'open', 'aria-label': `Show on the right: ${p.name}`, on: { click: () => {
    viewer().choose('right', p.key);
    onOpen?.();
  } } }, h('img', { src: p.small ?? p.src, alt: '', width: p.width, height: p.height, loading: 'lazy' }));
  const element = h('figure', { class: 'shot' }, open, h('figcaption', {}, h('span', { text: caption }), h('span', { class: 'shot-sides' }, left, right)));
  return { element, show(a, b) {
    left.setAttribute('aria-pressed', String(p.key === a));
    right.setAttribute('aria-pressed', String(p.key === b));
    element.classList.toggle('on', p.key === a || p.key === b);
  } };
}
