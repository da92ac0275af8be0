// Dress, before there is a photo: the ways in, and an example one click away.

import { h, icon } from '../dom.js';
import { chooseButton, cameraButton } from '../ui/intake.js';

export const EXAMPLES = [
  { name: 'astronaut.jpg', alt: 'An astronaut in an orange suit', prompt: 'a red t-shirt', category: 'upper' },
  { name: 'grace_hopper.jpg', alt: 'An officer in a dark uniform', prompt: 'a green jacket', category: 'upper' },
];

/** `onFiles(files)`, `onExample(example)`. */
export function startPanel({ onFiles, onExample }) {
  const examples = EXAMPLES.map((e) => h('button', { type: 'button', class: 'example', on: { click: () => onExample(e) } },
    h('img', { src: `examples/${e.name}`, alt: e.alt, width: 96, height: 96 }),
    h('span', {}, h('strong', { text: `Dress ${e.name === 'astronaut.jpg' ? 'the astronaut' : 'the admiral'}` }),
      h('span', { class: 'soft', text: `in ${e.prompt}` })), icon('play')));
  return h('div', { class: 'start' },
    h('div', { class: 'start-box' },
      h('div', { class: 'start-mark', 'aria-hidden': 'true' }, icon('person')),
      h('h1', { text: 'Who gets dressed?' }),
      h('p', { class: 'soft', text: 'Drop a photo of a person here, or paste one.' }),
      h('div', { class: 'start-ways' },
        chooseButton({ label: 'Choose a photo', kind: 'primary', big: true, onFiles }),
        cameraButton({ onFiles, big: true })),
      h('div', { class: 'start-examples' }, h('h2', { class: 'soft small', text: 'Or try an example' }), h('div', { class: 'examples' }, examples))));
}
