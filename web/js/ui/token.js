// A server that was started with --token wants it once; a cookie remembers it.

import { h, button } from '../dom.js';
import { openDialog } from './dialog.js';
import { text } from './fields.js';

let open = false;

export async function askForToken() {
  if (open) return;
  open = true;
  let dialog = null;
  const field = text({ label: 'Token', type: 'password', autocomplete: 'off', hint: 'What drape serve was started with: --token.' });
  const enter = () => dialog.close(field.value);
  field.input.addEventListener('keydown', (e) => { if (e.key === 'Enter') enter(); });
  dialog = openDialog({ title: 'This server wants a token', content: h('div', { class: 'content' }, field.element),
                        foot: button({ label: 'Enter', kind: 'primary', on: enter }) });
  field.input.focus();
  const token = await dialog.closed;
  open = false;
  if (token) location.assign(`./?token=${encodeURIComponent(token)}${location.hash}`);
}
