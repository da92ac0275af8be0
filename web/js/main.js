// Starts the page: frame, router, events.

import { h, fill } from './dom.js';
import { applyTheme, themeSwitch } from './ui/theme.js';
import { route, go } from './router.js';
import * as api from './api.js';
import { jobs } from './jobs.js';
import { askForToken } from './ui/token.js';
import { dressView } from './dress/view.js';
import { teachView } from './teach/view.js';
import { historyView } from './history/view.js';

const PAGES = {
  dress: { title: 'Dress', make: dressView },
  teach: { title: 'Teach', make: teachView },
  history: { title: 'History', make: historyView },
};

const main = document.getElementById('main');
let current = null;

function show() {
  const { page, id } = route();
  if (!PAGES[page]) {
    go('dress');
    return;
  }
  current?.destroy?.();
  current = PAGES[page].make(id);
  fill(main, current.element);
  document.title = `${PAGES[page].title} - drape`;
  for (const a of document.querySelectorAll('.nav a')) {
    if (a.dataset.page === page) a.setAttribute('aria-current', 'page');
    else a.removeAttribute('aria-current');
  }
}

function frame() {
  const links = Object.entries(PAGES).map(([page, { title }]) =>
    h('a', { href: `#/${page}`, dataset: { page }, text: title }));
  fill(document.getElementById('top'),
       h('a', { class: 'brand', href: '#/dress', 'aria-label': 'drape' }, h('img', { src: 'favicon.svg', alt: '' }), h('span', { text: 'drape' })),
       h('nav', { class: 'nav', 'aria-label': 'Pages' }, links),
       h('div', { class: 'end' }, queuePill(), themeSwitch()));
}

/* What the machine is doing, on every page. */
function queuePill() {
  const el = h('div', { role: 'status' });
  const update = () => {
    const queue = jobs.queue;
    if (!jobs.online) fill(el, h('span', { class: 'offline' }, h('span', { class: 'spinner' }), 'Reconnecting'));
    else if (!queue.length) fill(el);
    else {
      const waiting = queue.filter((job) => job.state === 'waiting').length;
      const running = queue.length - waiting;
      const text = [running ? `${running} running` : '', waiting ? `${waiting} waiting` : ''].filter(Boolean).join(', ');
      fill(el, h('a', { class: 'queue-pill', href: '#/history', 'aria-label': `Queue: ${text}` }, h('span', { class: 'spinner' }),
                 h('span', { class: 'words', text })));
    }
  };
  let last = '';
  const changed = () => { // leave the element alone while nothing changes: it is a live region
    const key = `${jobs.online} ${jobs.queue.map((job) => job.state).join()}`;
    if (key !== last) update();
    last = key;
  };
  jobs.addEventListener('change', changed);
  jobs.addEventListener('online', changed);
  return el;
}

// A photo that misses its target must not replace the page.
for (const type of ['dragover', 'drop']) window.addEventListener(type, (e) => e.preventDefault());
window.addEventListener('hashchange', () => {
  show();
  window.scrollTo(0, 0);
  main.focus({ preventScroll: true });
});

api.onUnauthorized(askForToken);
applyTheme();
frame();
jobs.start();
show();
