// Photographs with this computer's camera, in a dialog.

import { h, button } from '../dom.js';
import { openDialog } from './dialog.js';
import { complain } from './toast.js';

/** Resolves to a File, or to null when there is none. */
export async function takePhoto() {
  let stream = null;
  try {
    stream = await navigator.mediaDevices.getUserMedia({ video: { width: { ideal: 1920 }, height: { ideal: 1920 } } });
  } catch (error) {
    complain(new Error(error.name === 'NotAllowedError' ? 'the browser may not use the camera; allow it for this page'
                                                        : `there is no camera to use: ${error.message}`));
    return null;
  }
  const video = h('video', { autoplay: true, playsinline: true, muted: true, 'aria-label': 'What the camera sees' });
  video.srcObject = stream;
  let dialog = null;
  const shoot = button({ label: 'Take the photo', name: 'camera', kind: 'primary', on: async () => dialog.close(await still(video)) });
  dialog = openDialog({ title: 'Take a photo', content: h('div', { class: 'content' }, video), foot: shoot });
  shoot.focus();
  const file = await dialog.closed;
  for (const track of stream.getTracks()) track.stop();
  return file ?? null;
}

async function still(video) {
  const canvas = document.createElement('canvas');
  canvas.width = video.videoWidth;
  canvas.height = video.videoHeight;
  canvas.getContext('2d').drawImage(video, 0, 0);
  const blob = await new Promise((resolve) => { canvas.toBlob(resolve, 'image/jpeg', 0.95); });
  return blob ? new File([blob], 'camera.jpg', { type: 'image/jpeg' }) : null;
}
