/* Keeps the page of the sandbox up to date: asks every second, redraws what changed, and never parses text as HTML. */
'use strict';

const ROWS = 50;
const byId = (id) => document.getElementById(id);

/** An element with a class (or ""), and children that are nodes or text. */
const make = (tag, className, ...children) => {
  const element = document.createElement(tag);
  if (className) element.className = className;
  element.append(...children.filter((child) => child !== null && child !== ''));
  return element;
};

/* ---- cells ---- */

const clockTime = (seconds) => {
  const date = new Date(seconds * 1000);
  const hour = date.toLocaleTimeString(undefined, { hour12: false });
  const today = date.toDateString() === new Date().toDateString();
  const time = make('time', '', today ? hour : `${date.toLocaleDateString(undefined, { day: 'numeric', month: 'short' })}, ${hour}`);
  time.dateTime = date.toISOString();
  time.title = date.toLocaleString();
  return time;
};

const chip = (kind, text) => make('span', `chip ${kind}`, text);

const leg = (name, event, arrivals) => {
  if (!event) return make('span', 'none', 'missing');
  return make('span', `leg ${name}`, '● ', clockTime(event.received_at), arrivals > 1 ? ` ×${arrivals}` : '');
};

const duration = (seconds) => {
  if (seconds === null) return make('span', 'none', '–');
  if (seconds < 1) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 120) return `${seconds.toFixed(1)} s`;
  if (seconds < 7200) return `${(seconds / 60).toFixed(1)} min`;
  return `${(seconds / 3600).toFixed(1)} h`;
};

const verdict = (pair) => {
  if (pair.counted > 1) return chip('bad', `${pair.counted} times`);
  if (pair.pixel && pair.server) return pair.merged ? chip('good', 'once, merged') : chip('warn', 'once, not merged');
  const only = pair.pixel ? 'once, pixel only' : 'once, server only';
  return chip('warn', pair.event_id ? only : `${only}, no event_id`);
};

const words = (warnings) => {
  if (!warnings.length) return '';
  const list = make('ul', 'words', ...warnings.slice(0, 5).map((warning) => make('li', '', warning)));
  if (warnings.length > 5) list.append(make('li', '', `and ${warnings.length - 5} more`));
  return list;
};

const identifier = (text) => {
  if (!text) return make('span', 'none', 'none');
  return make('span', text.length > 40 ? 'id long' : 'id', text);
};

const pixelCode = (row) => {
  if (!row.pixel_code) return '';
  return make('span', '', identifier(row.pixel_code), ' ', row.known ? '' : chip('warn', 'foreign'));
};

const answer = (request) => {
  const good = request.status < 300 && (request.code === null || request.code === 0);
  const code = request.code === null ? `HTTP ${request.status}` : `HTTP ${request.status}, code ${request.code}`;
  const text = make('div', 'answer', chip(good ? 'good' : 'bad', code));
  if (request.message && request.message !== 'OK') text.append(make('div', 'id long', request.message));
  return text;
};

/* ---- rows: how each list is shown ---- */

const eventRow = (event) => ({
  key: event.number,
  name: event.event,
  cells: [
    identifier(event.event_id),
    clockTime(event.received_at),
    make('span', '', pixelCode(event), event.test_event_code ? chip('', `test ${event.test_event_code}`) : ''),
    words(event.warnings),
  ],
  items: [['', event]],
});

const LISTS = {
  pairs: (pair) => ({
    key: `${pair.pixel_code} ${pair.event} ${pair.event_id || (pair.pixel || pair.server).number}`,
    name: pair.event,
    cells: [
      identifier(pair.event_id),
      leg('pixel', pair.pixel, pair.pixel_arrivals),
      leg('server', pair.server, pair.server_arrivals),
      duration(pair.seconds_apart),
      verdict(pair),
    ],
    items: [['Pixel', pair.pixel], ['Server', pair.server]],
  }),
  pixel_events: eventRow,
  server_events: eventRow,
  requests: (request) => ({
    key: String(request.number),
    name: `${request.method} ${request.path}`,
    cells: [
      clockTime(request.received_at),
      pixelCode(request),
      answer(request),
      request.items ? `${request.accepted} of ${request.items}` : '',
      words(request.warnings),
    ],
    items: [['', request]],
  }),
};

/* ---- tables ---- */

const opened = new Set(); // `${list} ${key}` of the rows whose items are shown
const drawn = {}; // list -> key -> { text, rows }

const cell = (label, content) => {
  const td = make('td', '', content);
  td.setAttribute('role', 'cell');
  td.dataset.label = label;
  return td;
};

const tableRow = (className, ...cells) => {
  const tr = make('tr', className, ...cells);
  tr.setAttribute('role', 'row');
  return tr;
};

const detailRow = (items, columns) => {
  const parts = items.filter(([, item]) => item).map(([title, item]) => {
    const text = make('pre', '', JSON.stringify(item, null, 2));
    text.tabIndex = 0;
    return make('div', '', title ? make('h3', '', title) : '', text);
  });
  const td = cell('', make('div', 'items', ...parts));
  td.colSpan = columns;
  return tableRow('detail', td);
};

const drawRows = (list, labels, { key, name, cells, items }) => {
  const id = `${list} ${key}`;
  const button = make('button', 'open', name);
  button.type = 'button';
  button.dataset.id = id;
  const detail = detailRow(items, labels.length);
  const show = () => {
    button.setAttribute('aria-expanded', String(opened.has(id)));
    detail.hidden = !opened.has(id);
  };
  button.addEventListener('click', () => {
    if (!opened.delete(id)) opened.add(id);
    show();
  });
  show();
  return [tableRow('', ...[button, ...cells].map((content, place) => cell(labels[place], content))), detail];
};

/** Newest first. Rows that did not change stay the same elements, so that what is open stays open. */
const drawList = (list, facts, total) => {
  const section = document.querySelector(`[data-listing="${list}"]`);
  section.hidden = facts.length === 0;
  section.querySelector('.shown').textContent = total > facts.length ? `newest ${facts.length} of ${total}` : String(total);
  const labels = [...section.querySelectorAll('th')].map((th) => th.textContent);
  const before = drawn[list] || new Map();
  drawn[list] = new Map();
  for (const fact of [...facts].reverse()) {
    const text = JSON.stringify(fact);
    const shown = LISTS[list](fact);
    const old = before.get(shown.key);
    drawn[list].set(shown.key, old && old.text === text ? old : { text, rows: drawRows(list, labels, shown) });
  }
  const focused = document.activeElement && document.activeElement.dataset.id;
  section.querySelector('tbody').replaceChildren(...[...drawn[list].values()].flatMap(({ rows }) => rows));
  if (focused) section.querySelector(`[data-id="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
};

/* ---- the page ---- */

const describeClock = (offset) => {
  if (!offset) return 'real time';
  return `${Math.abs(offset) < 7200 ? `${(offset / 60).toFixed(0)} minutes` : `${(offset / 3600).toFixed(0)} hours`} ${offset > 0 ? 'ahead' : 'off'}`;
};

const describeBehaviour = ({ path, times, status, code, delay_ms }) =>
  `${path}: status ${status}, code ${code}${delay_ms ? `, after ${delay_ms} ms` : ''} (${times === null ? 'until reset' : `${times} more`}).`;

let offset = 0;

const draw = (facts) => {
  offset = facts.clock_offset;
  for (const name of ['counted', 'pixel_events', 'server_events', 'requests']) {
    byId(name).textContent = facts.totals[name].toLocaleString();
  }
  byId('clock').textContent = describeClock(offset);
  byId('behaving').hidden = facts.behave.length === 0;
  byId('behaviours').textContent = facts.behave.map(describeBehaviour).join(' ');
  byId('empty').hidden = facts.totals.requests > 0;
  for (const list of Object.keys(LISTS)) drawList(list, facts[list], facts.totals[list]);
};

const say = (text, lost) => {
  const live = byId('live');
  if (live.textContent !== text) live.textContent = text;
  live.parentElement.classList.toggle('lost', lost);
};

let etag = '';

const look = async () => {
  try {
    const reply = await fetch(`/sandbox/received?limit=${ROWS}`, { headers: etag ? { 'If-None-Match': etag } : {}, cache: 'no-store' });
    if (reply.status === 200) {
      etag = reply.headers.get('ETag');
      const facts = await reply.json();
      draw(facts);
      const events = facts.totals.pixel_events + facts.totals.server_events;
      say(events ? `Live: ${events} events, counted as ${facts.totals.counted}` : 'Live: waiting for events', false);
    } else if (reply.status !== 304) say(`The sandbox answered ${reply.status}`, true);
  } catch {
    etag = ''; // a sandbox that started anew has another memory
    say('The sandbox does not answer', true);
  }
};

const ask = async (method, path, body) => {
  await fetch(path, { method, body: body && JSON.stringify(body), headers: body ? { 'Content-Type': 'application/json' } : {} });
  await look();
};

byId('forget').addEventListener('click', () => ask('DELETE', '/sandbox/received'));
byId('behave-reset').addEventListener('click', () => ask('DELETE', '/sandbox/behave'));
byId('clock-reset').addEventListener('click', () => ask('DELETE', '/sandbox/clock'));
for (const button of document.querySelectorAll('[data-ahead]')) {
  button.addEventListener('click', () => ask('POST', '/sandbox/clock', { offset: offset + Number(button.dataset.ahead) }));
}

const watch = async () => {
  if (!document.hidden) await look();
  setTimeout(watch, 1000);
};
watch();
