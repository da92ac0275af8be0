// Dark and light: what the system says, or what the switch says.

import { icon, button } from '../dom.js';
import { load, save } from '../store.js';

const ORDER = ['auto', 'light', 'dark'];
const ICONS = { auto: 'auto', light: 'sun', dark: 'moon' };
const LABELS = { auto: 'as the system', light: 'light', dark: 'dark' };

export function applyTheme(theme = load('theme', 'auto')) {
  const root = document.documentElement;
  if (theme === 'auto') delete root.dataset.theme;
  else root.dataset.theme = theme;
}

export function themeSwitch() {
  let theme = load('theme', 'auto');
  const el = button({ label: '', name: ICONS[theme], kind: 'tool', quiet: true, on: () => {
    theme = ORDER[(ORDER.indexOf(theme) + 1) % ORDER.length];
    save('theme', theme);
    applyTheme(theme);
    show();
  } });
  const show = () => {
    el.replaceChildren(icon(ICONS[theme]));
    el.setAttribute('aria-label', `Colours: ${LABELS[theme]}. Switch`);
    el.title = `Colours: ${LABELS[theme]}`;
  };
  show();
  return el;
}
