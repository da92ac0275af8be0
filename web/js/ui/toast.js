// Short notes at the foot of the page. They are read aloud; errors stay until they are closed.

import { h, icon, button } from '../dom.js';

let region = null;

export function toast(text, { kind = 'note', action } = {}) {
  region ??= document.getElementById('toasts');
  const close = () => el.remove();
  const el = h('div', { class: `toast ${kind}`, role: kind === 'error' ? 'alert' : 'status' },
               icon(kind === 'error' ? 'alert' : 'info'), h('p', { text }),
               action ? button({ label: action.label, kind: 'link', on: () => { close(); action.run(); } }) : null,
               button({ label: 'Close this note', name: 'close', quiet: true, kind: 'tool', on: close }));
  region.append(el);
  while (region.children.length > 3) region.firstChild.remove();
  if (kind !== 'error') setTimeout(close, action ? 8000 : 4000);
  return el;
}

/** Says what an exception says. */
export function complain(error) {
  if (error?.name === 'AbortError') return;
  toast(sentence(error?.message ?? String(error)), { kind: 'error' });
}

/** drape's messages are lower-case and have no full stop; on the page they are sentences. */
export function sentence(text) {
  const t = text.trim();
  if (!t) return t;
  return t[0].toUpperCase() + t.slice(1) + (/[.!?]$/.test(t) ? '' : '.');
}
