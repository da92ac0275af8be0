// A photo of the garment in place of words: dropped beside the person, for models that dress from one.

import { h, fill, icon, button } from '../dom.js';
import { chooseButton, cameraButton, dropTarget } from '../ui/intake.js';
import { complain } from '../ui/toast.js';
import * as api from '../api.js';

/** The model that wears a photo: the chosen one if it can, else the first that can; undefined where none can. */
export function modelForPhoto(draft, models) {
  const able = models.filter((m) => m.garments);
  return able.find((m) => m.id === draft.model) ?? able[0];
}

/** onChange() is told when a photo came or went. */
export function garmentPhoto({ draft, info, onChange }) {
  const element = h('div', { class: 'stack garment-photo' });
  let busy = false;

  const take = async (file) => {
    busy = true;
    show();
    try {
      const { id } = await api.uploadImage(file);
      const model = modelForPhoto(draft, info.models);
      draft.set({ garmentPhoto: id, garment: null });
      draft.follow(model, { anew: true });
    } catch (error) {
      complain(error);
    }
    busy = false;
    show();
    onChange();
  };

  const remove = () => {
    draft.set({ garmentPhoto: null });
    const model = info.models.find((m) => m.id === draft.model && m.prompts) ?? info.models.find((m) => m.prompts) ?? info.models[0];
    draft.follow(model, { anew: true });
    show();
    onChange();
    element.querySelector('button')?.focus();
  };

  const box = (files) => take(files[0]);
  const other = () => complain(new Error('that is not a picture'));

  const offer = () => {
    const drop = h('div', { class: 'garment-drop' }, busy ? [h('span', { class: 'spinner' }), 'Reading the photo']
      : [icon('shirt'), h('p', { text: 'Drop a photo of the garment here' }),
        h('div', { class: 'row' }, chooseButton({ label: 'Choose a photo', onFiles: box }), cameraButton({ label: 'Camera', onFiles: box }))]);
    dropTarget(drop, box, other);
    return drop;
  };

  const worn = (model) => {
    const card = h('div', { class: 'garment-worn' }, h('img', { src: api.imageUrl(draft.garmentPhoto, 240), alt: 'The garment' }),
      h('div', {}, h('p', {}, h('strong', { text: 'This garment' })), h('p', { class: 'hint' }, 'Worn by ', h('strong', { text: model.label ?? model.name }), '. Choose below what it replaces: nothing else of the photo changes.'),
        h('div', { class: 'row' }, chooseButton({ label: 'Another photo', onFiles: box }), button({ label: 'Take it off', name: 'close', on: remove }))));
    dropTarget(card, box, other);
    return card;
  };

  const show = () => {
    const model = modelForPhoto(draft, info.models);
    const title = h('h3', { class: 'soft small', text: info.models.some((m) => m.prompts) ? 'Or a photo of the garment' : 'A photo of the garment' });
    element.dataset.state = !model ? 'none' : draft.garmentPhoto ? 'worn' : 'open';
    if (!model) {
      fill(element, title, h('p', { class: 'hint', text: 'No model here dresses from a photo. Start drape serve with --attention to add one.' }));
    } else if (draft.garmentPhoto) {
      fill(element, worn(model));
    } else fill(element, title, offer());
  };
  show();
  return { element, refresh: show };
}
