/* The stand-in for TikTok's events.js: takes over the queues that a page's `ttq` snippet filled, as the real one does,
   and posts each event to /api/v2/pixel of the host it came from. Running it again (for a second pixel, or twice for
   one) only takes over what is new. */
(() => {
  'use strict';

  const EVENT_PATH = '/api/v2/pixel';
  const COOKIE_SECONDS = 390 * 86400; // 13 months
  const CROCKFORD = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';

  const ttq = (window[window.TiktokAnalyticsObject || 'ttq'] ||= []);
  if (ttq._sandbox) {
    ttq._sandbox.takeOver();
    return;
  }

  const origin = new URL(document.currentScript.src).origin;
  const pixels = new Map(); // pixel code -> Pixel
  const everyone = { user: {}, hashing: Promise.resolve(), busy: 0 };
  const consent = { state: 'granted', held: [] };
  const cookies = { allowed: true };

  /* ---- one pixel ---- */

  const newPixel = (code) => ({ code, user: {}, hashing: Promise.resolve(), busy: 0 });

  const optionsOf = (code) => (ttq._o && ttq._o[code]) || {};

  const track = (targets, name, properties, options) => {
    const only = options && options.pixel_code;
    for (const pixel of targets) {
      if (!only || only === pixel.code) tell(pixel, name, properties || {}, options || {});
    }
  };

  /** Builds the event now, so that it holds this moment's page, and sends it once nothing stands in its way. */
  const tell = (pixel, name, properties, options) => {
    if (consent.state === 'revoked') return;
    const event = buildEvent(pixel, name, properties, options);
    const send = () => post({ ...event, context: { ...event.context, user: userOf(pixel) } });
    const sendWhenAllowed = () => {
      if (consent.state === 'granted') send();
      else if (consent.state === 'held') consent.held.push(send);
    };
    // Nobody waits who need not: a click may leave the page in this very turn.
    if (everyone.busy || pixel.busy) Promise.all([everyone.hashing, pixel.hashing]).then(sendWhenAllowed);
    else sendWhenAllowed();
  };

  const buildEvent = (pixel, name, properties, options) => {
    const limited = properties.limited_data_use ?? optionsOf(pixel.code).limited_data_use;
    const { limited_data_use: _, ...rest } = properties;
    return {
      event: name,
      event_id: options.event_id ?? '',
      message_id: `messageId-${Date.now()}-${Math.floor(Math.random() * 1e13)}-${pixel.code}`,
      timestamp: new Date().toISOString(),
      properties: rest,
      ...(limited === undefined ? {} : { limited_data_use: limited }),
      context: {
        pixel: { code: pixel.code },
        page: { url: location.href, referrer: document.referrer },
        library: { name: 'pixel.js', version: 'sandbox' },
        userAgent: navigator.userAgent,
      },
    };
  };

  const userOf = (pixel) => {
    const ttp = readCookie('_ttp');
    const ttclid = new URLSearchParams(location.search).get('ttclid') || readCookie('ttclid');
    return {
      ...everyone.user,
      ...pixel.user,
      ...(ttp && { anonymous_id: ttp, ttp }),
      ...(ttclid && { ttclid }),
    };
  };

  // What is under way when a page is left fails for the page, and arrives all the same.
  let isLeft = false;
  addEventListener('pagehide', () => (isLeft = true));
  addEventListener('pageshow', () => (isLeft = false));

  /** A string body is text/plain: no preflight. keepalive lets it outlive the page; its 64 KiB may be used up. */
  const post = (event) => {
    const body = JSON.stringify(event);
    const send = (keepalive) => fetch(origin + EVENT_PATH, { method: 'POST', body, keepalive, credentials: 'omit' });
    send(true).catch(() => isLeft || send(false).catch(() => {}));
  };

  /* ---- who the shopper is ---- */

  const identify = (target, told) => {
    for (const [name, value] of Object.entries(told || {})) {
      if (value === undefined || value === null || value === '') continue;
      if (name === 'sha256_email') target.user.email = value;
      else if (name === 'sha256_phone_number') target.user.phone_number = value;
      else if (name === 'email') identifyHashed(target, name, String(value).trim().toLowerCase());
      else if (name === 'phone_number') identifyHashed(target, name, String(value).trim());
      else target.user[name] = value; // external_id too: TikTok's script sends it as it is given
    }
  };

  const identifyHashed = (target, name, text) => {
    if (/^[0-9a-f]{64}$/i.test(text)) {
      target.user[name] = text;
      return;
    }
    if (!window.crypto || !crypto.subtle) return; // a plain address never leaves the page
    target.busy += 1;
    const hashed = crypto.subtle.digest('SHA-256', new TextEncoder().encode(text)).then((digest) => {
      target.user[name] = [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, '0')).join('');
      target.busy -= 1;
    });
    target.hashing = Promise.all([target.hashing, hashed]);
  };

  /* ---- consent and the cookie ---- */

  const grantConsent = () => {
    consent.state = 'granted';
    keepCookie();
    for (const send of consent.held.splice(0)) send();
  };

  const holdConsent = () => {
    consent.state = 'held';
  };

  const revokeConsent = () => {
    consent.state = 'revoked';
    consent.held.length = 0;
    dropCookie();
  };

  const readCookie = (name) => {
    const found = document.cookie.split('; ').find((pair) => pair.startsWith(`${name}=`));
    return found ? found.slice(name.length + 1) : '';
  };

  /** Sets `_ttp`, or prolongs the one there is. */
  const keepCookie = () => {
    if (cookies.allowed && consent.state === 'granted') writeCookie(readCookie('_ttp') || `${ulid()}_.tt.1`, COOKIE_SECONDS);
  };

  const dropCookie = () => writeCookie('', 0);

  /** Tries the widest domain first: browsers ignore a cookie for a public suffix such as .com or .co.uk. */
  const writeCookie = (value, seconds) => {
    for (const domain of domains()) {
      document.cookie = `_ttp=${value}; max-age=${seconds}; path=/; samesite=lax${domain && `; domain=${domain}`}`;
      if (value && readCookie('_ttp') === value) return;
    }
  };

  const domains = () => {
    const labels = location.hostname.split('.');
    const isName = labels.length > 1 && !/^\d+$/.test(labels[labels.length - 1]);
    const parents = isName ? labels.slice(0, -1).map((_, place) => labels.slice(place).join('.')) : [];
    return [...parents.reverse(), ''];
  };

  /** 48 bits of time and 80 random ones in Crockford's base 32: 26 characters. */
  const ulid = () => {
    let time = Date.now();
    let head = '';
    for (let place = 0; place < 10; place += 1) {
      head = CROCKFORD[time % 32] + head;
      time = Math.floor(time / 32);
    }
    const tail = [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => CROCKFORD[byte % 32]);
    return head + tail.join('');
  };

  /* ---- page views of single-page shops ---- */

  let lastUrl = location.href;
  let watching = false;

  const watchHistory = () => {
    if (watching || [...pixels.keys()].every((code) => optionsOf(code).historyObserver === false)) return;
    watching = true;
    for (const name of ['pushState', 'replaceState']) {
      const original = history[name];
      history[name] = function (...args) {
        const result = original.apply(this, args);
        noticeUrl();
        return result;
      };
    }
    addEventListener('popstate', noticeUrl);
  };

  const noticeUrl = () => {
    if (location.href === lastUrl) return;
    lastUrl = location.href;
    track([...pixels.values()].filter((pixel) => optionsOf(pixel.code).historyObserver !== false), 'Pageview');
  };

  /* ---- taking over the queues ---- */

  const taken = new WeakSet();

  /** The methods of `ttq` itself (all pixels) or of an instance (one); identify() goes to `identity`. */
  const methodsFor = (targets, identity) => ({
    track: (name, properties, options) => track(targets(), name, properties, options),
    page: (properties) => track(targets(), 'Pageview', properties),
    identify: (told) => identify(identity, told),
    instance,
    instances: () => [...pixels.keys()].map(instance),
    ready: (callback) => callback && setTimeout(callback, 0),
    holdConsent,
    grantConsent,
    revokeConsent,
    enableCookie: () => {
      cookies.allowed = true;
      keepCookie();
    },
    disableCookie: () => {
      cookies.allowed = false;
      dropCookie();
    },
  });

  const instance = (code) => {
    takeOver();
    return (ttq._i && ttq._i[code]) || takeQueue([], {}).queue;
  };

  /** Replaces the deferring methods in place, since pages keep references, and returns how to make up for the calls. */
  const takeQueue = (queue, methods) => {
    taken.add(queue);
    const waiting = queue.splice(0);
    const call = ([name, ...args]) => methods[name] && methods[name](...args);
    for (const name of ttq.methods || []) queue[name] = () => {};
    Object.assign(queue, methods, { push: (...calls) => calls.forEach(call) });
    return { queue, makeUp: () => waiting.forEach(call) };
  };

  const takeOver = () => {
    const codes = Object.keys(ttq._i || {});
    for (const code of codes) if (!pixels.has(code)) pixels.set(code, newPixel(code));
    const news = [];
    if (!taken.has(ttq)) news.push(takeQueue(ttq, methodsFor(allPixels, everyone)));
    for (const code of codes) {
      const pixel = pixels.get(code);
      if (!taken.has(ttq._i[code])) news.push(takeQueue(ttq._i[code], methodsFor(() => [pixel], pixel)));
    }
    for (const { makeUp } of news) makeUp();
    keepCookie();
    watchHistory();
  };

  const allPixels = () => {
    takeOver(); // one that was loaded since, whose own script is still on its way
    return [...pixels.values()];
  };

  ttq._sandbox = { takeOver };
  takeOver();
})();
