// A picture that is shown as large as its box allows, whatever both shapes are.

import { h } from '../dom.js';

/** Sets the shape (width / height) that css/compare.css sizes `.fit > *` by. */
export function fitBox(width, height, ...children) {
  const inner = h('div', { class: 'fit-inner' }, children);
  inner.style.setProperty('--ratio', String(width / height));
  return h('div', { class: 'fit' }, inner);
}
