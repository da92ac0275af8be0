// Corrects one photo's mask with the same brush as under Dress, in a dialog.

import { h, button } from '../dom.js';
import { openDialog } from '../ui/dialog.js';
import { Editor } from '../mask/editor.js';
import { toolbar } from '../mask/toolbar.js';
import { loadImage, STAGE_WIDTH } from '../ui/image.js';
import * as api from '../api.js';

/** Resolves to a PNG of the mask as corrected, or to null. */
export async function correctMask(photo) {
  const image = await loadImage(api.imageUrl(photo.id, Math.min(STAGE_WIDTH, photo.width)));
  const editor = new Editor({ label: 'Mask of the garment', inset: { top: 16, right: 16, bottom: 76, left: 16 } });
  let dialog = null;
  const cancel = button({ label: 'Cancel', on: () => dialog.close(null) });
  const done = button({ label: 'Use this mask', name: 'check', kind: 'primary', on: async () => dialog.close(await editor.toBlob()) });
  dialog = openDialog({ title: 'Cover the garment, and nothing else', full: true, foot: [cancel, done],
                        content: h('div', { class: 'stage' }, editor.element, toolbar(editor)) });
  editor.setPhoto(image, photo.width, photo.height);
  if (photo.mask) editor.setMaskFrom(await loadImage(api.imageUrl(photo.mask)));
  editor.canvas.focus({ preventScroll: true });
  const blob = await dialog.closed;
  editor.destroy();
  return blob ?? null;
}
