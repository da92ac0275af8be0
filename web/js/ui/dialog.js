// Modal dialogs on the browser's own <dialog>: it keeps the focus inside and closes on Escape.

import { h, button, uid } from '../dom.js';

/**
 * Opens a dialog. `content` and `foot` are nodes; `full` fills the window. Returns {element, close(value), closed}:
 * `closed` is a promise of the value that close() was given, or undefined when it was dismissed.
 */
export function openDialog({ title, content, foot, full = false }) {
  const id = uid('dialog');
  let value;
  const close = (v) => {
    value = v;
    el.close();
  };
  const el = h('dialog', { class: `dialog${full ? ' full' : ''}`, 'aria-labelledby': id },
               h('div', { class: 'head' }, h('h2', { id, text: title }),
                 button({ label: 'Close', name: 'close', quiet: true, kind: 'tool', on: () => close() })),
               content, foot ? h('div', { class: 'foot' }, foot) : null);
  const closed = new Promise((resolve) => {
    el.addEventListener('close', () => {
      el.remove();
      resolve(value);
    });
  });
  document.body.append(el);
  el.showModal();
  return { element: el, close, closed };
}

/** Asks before something that cannot be taken back. Resolves to true or false. */
export async function confirmDialog({ title, text, label, danger = true }) {
  let dialog = null;
  const yes = button({ label, kind: danger ? 'danger' : 'primary', on: () => dialog.close(true) });
  const no = button({ label: 'Keep it', on: () => dialog.close(false) });
  dialog = openDialog({ title, content: h('div', { class: 'content' }, h('p', { text })), foot: [no, yes] });
  return (await dialog.closed) === true;
}
