// Ways for photos to come in: dropped, pasted, chosen, photographed.

import { h, button } from '../dom.js';
import { takePhoto } from './camera.js';

export const ACCEPT = 'image/*,.heic,.heif,.avif,.tif,.tiff';

/** A button that opens the system's file chooser. */
export function chooseButton({ label, multiple = false, kind = 'plain', capture = false, name = 'image', onFiles, big }) {
  const input = h('input', { type: 'file', accept: ACCEPT, multiple, class: 'hidden', tabindex: -1,
                             'aria-label': label, capture: capture ? 'environment' : null });
  input.addEventListener('change', () => {
    const files = [...input.files];
    input.value = '';
    if (files.length) onFiles(files);
  });
  const open = button({ label, name, kind: `${kind}${big ? ' big' : ''}`, on: () => input.click() });
  return h('span', { class: 'chooser' }, open, input);
}

/** A button that photographs: the phone's own camera, or a dialog with this computer's. Null where there is none. */
export function cameraButton({ label = 'Take a photo', kind = 'plain', onFiles, big }) {
  if (matchMedia('(pointer: coarse)').matches) {
    return chooseButton({ label, kind, capture: true, name: 'camera', onFiles, big });
  }
  if (!navigator.mediaDevices?.getUserMedia) return null;
  return button({ label, name: 'camera', kind: `${kind}${big ? ' big' : ''}`, on: async () => {
    const file = await takePhoto();
    if (file) onFiles([file]);
  } });
}

const pictures = (list) => [...(list ?? [])].filter((f) => f.type.startsWith('image/') || /\.(hei[cf]|avif|tiff?)$/i.test(f.name));

/** Lets files be dropped onto `el`, which has the class 'dropping' meanwhile. */
export function dropTarget(el, onFiles, onOther = () => {}) {
  let depth = 0;
  const over = (on) => el.classList.toggle('dropping', on);
  el.addEventListener('dragenter', (e) => {
    if (!e.dataTransfer?.types.includes('Files')) return;
    e.preventDefault();
    depth += 1;
    over(true);
  });
  el.addEventListener('dragover', (e) => {
    if (e.dataTransfer?.types.includes('Files')) e.preventDefault();
  });
  el.addEventListener('dragleave', () => {
    depth = Math.max(0, depth - 1);
    over(depth > 0);
  });
  el.addEventListener('drop', (e) => {
    if (!e.dataTransfer?.files.length) return;
    e.preventDefault();
    depth = 0;
    over(false);
    const files = pictures(e.dataTransfer.files);
    if (files.length) onFiles(files);
    else onOther([...e.dataTransfer.files]);
  });
}

/** Takes pasted pictures until the returned function is called. Text pasted into a field stays text. */
export function pasteTarget(onFiles) {
  const handler = (e) => {
    const files = pictures(e.clipboardData?.files);
    if (!files.length) return;
    e.preventDefault();
    onFiles(files);
  };
  document.addEventListener('paste', handler);
  return () => document.removeEventListener('paste', handler);
}
