// Small helpers to build the page without markup in strings: nothing from a server is ever parsed as HTML.

/**
 * Makes an element. `props`: class, dataset, on (event handlers), text, and any attribute; null and false leave an
 * attribute out, true writes it empty. Children may be nested lists, strings, nodes or null.
 */
export function h(tag, props = {}, ...children) {
  const el = document.createElement(tag);
  for (const [key, value] of Object.entries(props ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (key === 'class') el.className = value;
    else if (key === 'text') el.textContent = value;
    else if (key === 'dataset') Object.assign(el.dataset, value);
    else if (key === 'on') for (const [type, handler] of Object.entries(value)) el.addEventListener(type, handler);
    else if (key === 'value') el.value = value;
    else el.setAttribute(key, value === true ? '' : String(value));
  }
  append(el, children);
  return el;
}

function append(el, children) {
  for (const child of children.flat(Infinity)) {
    if (child === null || child === undefined || child === false) continue;
    el.append(child);
  }
}

/** Replaces what is in `el`. */
export function fill(el, ...children) {
  el.replaceChildren();
  append(el, children);
  return el;
}

const SVG = 'http://www.w3.org/2000/svg';

let sprite = 'icons.svg';
/** Where icons come from, if not from icons.svg: '' is the page itself. */
export function iconsFrom(address) { sprite = address; }

/** An icon of icons.svg; decoration only, the button around it carries the name. */
export function icon(name, extra = '') {
  const svg = document.createElementNS(SVG, 'svg');
  svg.setAttribute('class', `icon ${extra}`.trim());
  svg.setAttribute('aria-hidden', 'true');
  svg.setAttribute('focusable', 'false');
  const use = document.createElementNS(SVG, 'use');
  use.setAttribute('href', `${sprite}#${name}`);
  svg.append(use);
  return svg;
}

/** An SVG element with attributes, for charts. */
export function svg(tag, attrs = {}, ...children) {
  const el = document.createElementNS(SVG, tag);
  for (const [key, value] of Object.entries(attrs)) el.setAttribute(key, String(value));
  append(el, children);
  return el;
}

/** A button with icon and label; `label` alone is read to those who cannot see the icon when `quiet`. */
export function button({ label, name, kind = 'plain', quiet = false, title, on, ...rest }) {
  return h('button', { type: 'button', class: `button ${kind}${quiet ? ' quiet' : ''}`,
                       'aria-label': quiet ? label : null, title: title ?? (quiet ? label : null),
                       on: on ? { click: on } : null, ...rest },
           name ? icon(name) : null, quiet ? null : h('span', { text: label }));
}

/** A number that no other element's id has. */
let counter = 0;
export function uid(prefix = 'x') {
  counter += 1;
  return `${prefix}-${counter}`;
}

/** Calls `fn` once after `ms` without another call. */
export function debounce(fn, ms) {
  let timer = 0;
  const later = (...args) => {
    clearTimeout(timer);
    timer = setTimeout(() => fn(...args), ms);
  };
  later.cancel = () => clearTimeout(timer);
  return later;
}
