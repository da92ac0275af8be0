// The address after '#' chooses the page: #/dress, #/teach, #/history, each with an optional job: #/history/12.

export function route(hash = location.hash) {
  const [page = '', id = ''] = hash.replace(/^#\/?/, '').split('/').map(decodeURIComponent);
  return { page, id };
}

export function go(page, id) {
  const hash = `#/${page}${id ? `/${encodeURIComponent(id)}` : ''}`;
  if (location.hash === hash) window.dispatchEvent(new HashChangeEvent('hashchange'));
  else location.hash = hash;
}
