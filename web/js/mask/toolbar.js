// The mask editor's tools, as one row that floats over the photo.

import { h, icon, button, uid } from '../dom.js';

const TOOLS = [
  { id: 'brush', label: 'Brush', key: 'B' },
  { id: 'eraser', label: 'Eraser', key: 'E' },
  { id: 'pan', label: 'Move', key: 'H', icon: 'hand' },
];
const SMALLEST = 0.004;
const LARGEST = 0.4;

export function toolbar(editor) {
  const tools = TOOLS.map((t) => h('button', {
    type: 'button', class: 'tool', 'aria-pressed': 'false', 'aria-label': t.label, title: `${t.label} (${t.key})`,
    dataset: { tool: t.id }, on: { click: () => editor.setTool(t.id) } }, icon(t.icon ?? t.id)));
  const size = sizeSlider(editor);
  const act = (label, name, key, fn) => button({ label, name, kind: 'tool', quiet: true, title: `${label} (${key})`, on: fn });
  const undo = act('Undo', 'undo', 'Ctrl+Z', () => editor.undo());
  const redo = act('Redo', 'redo', 'Ctrl+Shift+Z', () => editor.redo());
  const clear = button({ label: 'Clear the mask', name: 'trash', kind: 'tool', quiet: true, on: () => editor.clear() });
  const invert = button({ label: 'Invert the mask', name: 'invert', kind: 'tool', quiet: true, on: () => editor.invert() });
  const show = h('button', { type: 'button', class: 'tool', 'aria-pressed': 'true', 'aria-label': 'Show the mask',
                             title: 'Show the mask (M)', on: { click: () => editor.setShown(!editor.shown) } }, icon('eye'));
  const out = act('Zoom out', 'minus', '-', () => editor.zoom(0.8));
  const fit = h('button', { type: 'button', class: 'tool zoom', title: 'Fit (0)', on: { click: () => editor.fit() } });
  const zoomIn = act('Zoom in', 'plus', '+', () => editor.zoom(1.25));

  const update = () => {
    for (const b of tools) b.setAttribute('aria-pressed', String(b.dataset.tool === editor.tool));
    show.setAttribute('aria-pressed', String(editor.shown));
    undo.disabled = !editor.mask?.canUndo;
    redo.disabled = !editor.mask?.canRedo;
    fit.textContent = `${editor.view.percent}%`;
    fit.setAttribute('aria-label', `Zoom ${editor.view.percent} percent, fit to screen`);
    size.update();
  };
  editor.addEventListener('state', update);
  update();
  return h('div', { class: 'toolbar', role: 'toolbar', 'aria-label': 'Mask tools' },
           h('div', { class: 'tools' }, tools), size.element,
           h('div', { class: 'tools' }, undo, redo),
           h('div', { class: 'tools' }, invert, clear, show),
           h('div', { class: 'tools zooms' }, out, fit, zoomIn));
}

/* The slider is logarithmic: small brushes need fine steps. */
function sizeSlider(editor) {
  const id = uid('size');
  const input = h('input', { type: 'range', id, min: 0, max: 100, step: 1, class: 'range' });
  const toSize = (v) => SMALLEST * (LARGEST / SMALLEST) ** (v / 100);
  const toValue = (s) => Math.round((100 * Math.log(s / SMALLEST)) / Math.log(LARGEST / SMALLEST));
  input.addEventListener('input', () => editor.setSize(toSize(Number(input.value))));
  return {
    element: h('div', { class: 'size', title: 'Brush size ([ and ])' }, h('span', { class: 'dot small' }),
               h('label', { class: 'hidden', for: id, text: 'Brush size' }), input, h('span', { class: 'dot large' })),
    update: () => {
      const value = toValue(editor.size);
      if (Number(input.value) !== value) input.value = value;
      input.setAttribute('aria-valuetext', `${(editor.size * 100).toFixed(1)} percent of the photo`);
    },
  };
}
