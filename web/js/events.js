// Server-Sent Events that come back: the browser reconnects by itself after a broken line, and we do after an answer
// that it gives up on (a restart, a refusal). The server sends the present state first, so nothing is missed.
//
// A page that nobody sees for a while lets go of its line: browsers open six to a server and no more, and a seventh
// tab would wait for ever.

const FIRST_WAIT = 500;
const LONGEST_WAIT = 10000;
const UNSEEN = 20000;

/**
 * Listens to `url`. `handlers` maps event names to functions of the parsed JSON; handlers.online(bool) is told when the
 * line breaks and returns. Returns a function that stops.
 */
export function listen(url, handlers) {
  let source = null;
  let wait = FIRST_WAIT;
  let timer = 0;
  let stopped = false;

  const open = () => {
    const again = source !== null;
    source = new EventSource(url);
    source.onopen = () => {
      wait = FIRST_WAIT;
      handlers.online?.(true);
      if (again) handlers.sync?.(); // a new line does not know what the old one had sent
    };
    source.onerror = () => {
      handlers.online?.(false);
      if (source.readyState !== EventSource.CLOSED || stopped) return;
      timer = setTimeout(open, wait);
      wait = Math.min(LONGEST_WAIT, wait * 2);
    };
    for (const [name, handler] of Object.entries(handlers)) {
      if (name === 'online') continue;
      source.addEventListener(name, (e) => handler(parse(e.data), e));
    }
  };
  const seen = () => {
    clearTimeout(timer);
    if (document.hidden) timer = setTimeout(() => source.close(), UNSEEN);
    else if (source.readyState === EventSource.CLOSED) open();
  };
  document.addEventListener('visibilitychange', seen);
  open();
  return () => {
    stopped = true;
    clearTimeout(timer);
    document.removeEventListener('visibilitychange', seen);
    source.close();
  };
}

function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
