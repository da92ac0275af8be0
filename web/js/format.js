// Numbers and times for people.

/** 95 -> "1 min 35 s" */
export function duration(seconds) {
  const s = Math.max(0, Math.round(seconds));
  if (s < 60) return `${s} s`;
  if (s < 3600) return s < 600 && s % 60 ? `${Math.floor(s / 60)} min ${s % 60} s` : `${Math.round(s / 60)} min`;
  const minutes = Math.round(s / 60);
  const h = Math.floor(minutes / 60);
  const m = minutes % 60;
  return m ? `${h} h ${m} min` : `${h} h`;
}

export function bytes(n) {
  if (n < 1000) return `${n} B`;
  const units = ['kB', 'MB', 'GB', 'TB'];
  let value = n;
  let unit = -1;
  do {
    value /= 1000;
    unit += 1;
  } while (value >= 999.5 && unit + 1 < units.length);
  return `${value < 10 ? value.toFixed(1) : Math.round(value)} ${units[unit]}`;
}

const DAY = 86400;

/** Seconds since 1970 -> "just now", "5 min ago", "today 14:03", "12 Mar 14:03" */
export function when(time, now = Date.now() / 1000) {
  const ago = now - time;
  if (ago < 60) return 'just now';
  if (ago < 3600) return `${Math.floor(ago / 60)} min ago`;
  const date = new Date(time * 1000);
  const clock = date.toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' });
  if (ago < DAY && new Date(now * 1000).getDate() === date.getDate()) return `today ${clock}`;
  const year = ago > 300 * DAY ? { year: 'numeric' } : {};
  return `${date.toLocaleDateString([], { day: 'numeric', month: 'short', ...year })} ${clock}`;
}

/** (1, 'photo') -> "1 photo", (2, 'photo') -> "2 photos" */
export function count(n, noun) {
  return `${n} ${noun}${n === 1 ? '' : 's'}`;
}

/** "blue_jacket (2).jpg" -> "blue jacket", as drape train reads prompts from file names. */
export function captionFromName(name) {
  return name.replace(/\.[^.]*$/, '').replace(/( \(\d+\)|[_-]\d+)$/, '').replaceAll('_', ' ').trim();
}
