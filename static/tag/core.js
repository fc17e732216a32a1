// @ts-check
/**
 * The browser tag: names each event and sends it twice in one tick, to TikTok's Pixel and to the proxy, under one
 * event_id. Judging, hashing what needs a country, and TikTok's API it leaves to the proxy.
 *
 * The proxy serves the built file with the site's public settings in place of the argument at the end. Three rules:
 * it never throws into the shop's page, it never waits between an action and its two reports (a click may end the
 * page in that moment), and it stays small (tests/web/test_tag_build.py has the budget).
 *
 * @typedef {{site: string, domains: string[], pixels: string[], pixelUrl: string, mount: string,
 *   orderEvents: string[], consent: string, gpc: string, pageView: string}} Settings
 * @typedef {{[name: string]: any}} Fields
 */
((/** @type {Settings} */ settings) => {
  // ---- Loose values, by the rules of proxy/events/: tests/vectors/ hold both to them ----

  /** What `action` returns, or undefined when it throws: pages block cookies, break storage and patch fetch. */
  const attempt = (/** @type {() => any} */ action) => {
    try {
      return action();
    } catch (_) {}
  };

  const isText = (/** @type {any} */ value) => typeof value == "string";

  const isContainer = (/** @type {any} */ value) => Object(value) === value;

  const isObject = (/** @type {any} */ value) => isContainer(value) && !Array.isArray(value);

  /** A string trimmed, a safe integer as its digits, else undefined. Not trim(): Python's is another. */
  const asText = (/** @type {any} */ value) => {
    if (isText(value)) return value.replace(/^[ \t-\r]+|[ \t-\r]+$/g, "");
    if (Number.isSafeInteger(value)) return "" + value;
  };

  /** NUL and half a surrogate pair, for which the proxy refuses a whole report, or an e-mail address. */
  const isUnfit = (/** @type {string} */ text) => /[\0\ud800-\udfff]|[^ @/]@[^ @]+\.[^ @0-9]/u.test(text);

  /** The entries of an object or array after `repairOne`, less the empty ones; undefined if none is left. */
  const each = (/** @type {any} */ container, /** @type {(value: any, name: string) => any} */ repairOne) => {
    const kept = Object.entries(container)
      .map(([name, value]) => [name, repairOne(value, name)])
      .filter(([, value]) => value != null && value !== "");
    if (kept[0]) return Array.isArray(container) ? kept.map(([, value]) => value) : Object.fromEntries(kept);
  };

  /** A value that TikTok does not list; `levels` of containers may lie in it. Personal data belongs in `identify`. */
  const unlisted = (/** @type {any} */ value, /** @type {string} */ name, /** @type {number} */ levels) => {
    if (/^(email|phone(_number)?|(fir|la)st_name)$/.test(name) || isUnfit(name)) return;
    if (isContainer(value)) {
      if (levels) return each(value, (one, name) => unlisted(one, name, levels - 1));
    } else if (isText(value) ? !isUnfit(value) : Math.abs(value) < 2 ** 53) return value;
  };

  const text = (/** @type {any} */ value) => {
    value = asText(value);
    if (value && !isUnfit(value)) return value;
  };

  const number = (/** @type {any} */ value) => {
    if ((typeof value == "number" || /^-?\d+(\.\d+)?$/.test(asText(value))) && value >= 0 && value <= 1e10) return +value;
  };

  const listed = (/** @type {Fields} */ fields, /** @type {number} */ levels) =>
    each(fields, (value, name) => {
      if (/^(content_(id|type|name|category)|brand|description|(order|shop)_id|query|search_string|status|delivery_category)$/.test(name))
        return text(value);
      if (/^(value|price|predicted_ltv)$/.test(name)) return number(value);
      if (/^(quantity|num_items)$/.test(name)) {
        value = number(value);
        if (!(value % 1 || value > 1e5)) return value;
      } else if (name == "currency") {
        value = asText(value);
        if (/^[a-z]{3}$/i.test(value)) return value.toUpperCase();
      } else return unlisted(value, name, levels);
    });

  /** As the wire would carry it: no functions, dates as strings. Undefined for what JSON cannot hold. */
  const copy = (/** @type {any} */ value) => attempt(() => JSON.parse(JSON.stringify(value)));

  /** The properties of an event in TikTok's shape; a copy, since the page may change its own. */
  const repair = (/** @type {any} */ properties) => {
    properties = copy(properties);
    if (!isObject(properties)) return {};
    // The two zeros, replaced below, make sure that something is left.
    const repaired = listed({ ...properties, contents: 0, content_ids: 0 }, 5);
    const items = [].concat(properties.contents).filter(isObject).map((item) => listed(item, 3)).filter(Boolean);
    const content_type = repaired.content_type || items.map((item) => item.content_type).find(Boolean);
    const search_string = repaired.search_string || repaired.query;
    return copy({
      query: search_string,
      ...repaired,
      search_string,
      content_type,
      contents: items[0] && items.map((item) => ({ content_type, ...item })),
      content_ids: each([].concat(properties.content_ids), text) || each(items, (item) => item.content_id),
    });
  };

  /** The key that names the event, if one is told and usable: 1 to 128 bytes, no control characters, no e-mail address. */
  const keyOf = (/** @type {string} */ event, /** @type {any} */ told, /** @type {Fields} */ properties) => {
    let key = asText(told ?? "");
    if (key === "" && settings.orderEvents.includes(event)) key = properties.order_id;
    if (key && !isUnfit(key) && !/[\0-\x1f\x7f-\x9f]/.test(key) && new Blob([key]).size < 129) return key;
    if (key || told) console.warn("pixelpair: unusable key", told);
  };

  const idOf = (/** @type {Fields} */ report) => report.key || report.view + "." + report.n.toString(36);

  /** 8 characters of time, 16 random ones; of 2^32 values 36 makes a bias of less than one in a hundred million. */
  const newViewId = () =>
    Date.now().toString(36).padStart(8, "0") +
    Array.from(crypto.getRandomValues(new Uint32Array(16)), (one) => (one % 36).toString(36)).join("");

  const isHash = (/** @type {any} */ value) => /^[\da-f]{64}$/i.test(value);

  /** The fields that are hashed here, each where its rule is certain; the proxy reads and hashes the others. */
  const certain = {
    email: (/** @type {string} */ told) => /^[\w.+-]+@[\w.-]+\.[a-z]+$/i.test(told) && told.toLowerCase(),
    // "(0" is a zero that falls away abroad.
    phone: (/** @type {string} */ told) => /^(\+|00) *[1-9]([ .()-]*\d){6,14}$/.test(told) && !/\(0/.test(told) && "+" + told.replace(/^00|\D/g, ""),
    external_id: (/** @type {string} */ told) => told,
  };

  const hash = async (/** @type {string} */ told) =>
    Array.from(new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(told))), (byte) => byte.toString(16).padStart(2, "0")).join("");

  /* test-hook */

  attempt(() => {
    const w = /** @type {any} */ (window);
    const script = /** @type {HTMLScriptElement | null} */ (document.currentScript);
    const endpoint = new URL("e", script?.src || location.origin + settings.mount + "/");
    const isHome = settings.domains[0] ? settings.domains.includes(location.hostname) : endpoint.host == location.host;
    // A second tag on the page leaves everything to the first.
    if (!isHome || w.pixelpair?.on) return;

    // First of all, before a single-page router strips the address.
    const told = new URLSearchParams(location.search).get("ttclid");
    const clickId = /^(?!__CLICKID__)[\w.-]{8,2048}$/.test(told || "") ? told : undefined;

    /** @type {Fields[]} */ let held = [];
    /** @type {Fields | undefined} */ let user;
    let consent = script?.dataset.consent || settings.consent;
    let started = false;
    let blocked = false;
    /** @type {Fields | undefined} A keyed report of a time when the Pixel was still loading. */ let unsure;
    const isPrivacyAsked = /** @type {any} */ (navigator).globalPrivacyControl;
    const isOpen = () => started && /^(granted|limited)$/.test(consent) && !(isPrivacyAsked && settings.gpc == "drop");
    const isLimited = () => consent == "limited" || isPrivacyAsked;

    // ---- The Pixel ----

    /** As TikTok's own loader, with the address and the nonce of this tag. */
    const load = (/** @type {string} */ code, /** @type {object=} */ options) => {
      const ttq = w.ttq;
      const loader = document.createElement("script");
      (ttq._i = ttq._i || {})[code] = [];
      (ttq._t = ttq._t || {})[code] = Date.now();
      (ttq._o = ttq._o || {})[code] = options || {};
      const source = (ttq._i[code]._u = settings.pixelUrl + "/i18n/pixel/events.js");
      loader.src = source + "?sdkid=" + code + "&lib=ttq";
      if (script) loader.nonce = script.nonce;
      loader.onload = loader.onerror = (/** @type {any} */ event) => {
        blocked = event.type == "error";
        if (unsure) tell(unsure, blocked ? "blocked" : "sent");
        unsure = undefined;
      };
      document.head.append(loader);
    };

    /** Loads those of our pixels that the page has not, after TikTok's array protocol where the page lacks that too. */
    const loadPixels = () => {
      const ttq = (w.ttq = w.ttq || []);
      if (!ttq.instance) {
        w.TiktokAnalyticsObject = "ttq";
        ttq.methods =
          "page track identify instances debug on off once ready alias group enableCookie disableCookie holdConsent revokeConsent grantConsent".split(" ");
        ttq.setAndDefer = (/** @type {any} */ target, /** @type {string} */ method) => {
          target[method] = (/** @type {any[]} */ ...told) => {
            target.push([method, ...told]);
          };
        };
        const deferAll = (/** @type {any} */ target) => {
          ttq.methods.map((/** @type {string} */ method) => ttq.setAndDefer(target, method));
          return target;
        };
        ttq.instance = (/** @type {string} */ code) => deferAll(ttq._i[code] || []);
        ttq.load = load;
        deferAll(ttq);
      }
      for (const code of settings.pixels)
        if (!ttq._i?.[code]) load(code, { historyObserver: false, limited_data_use: isLimited() });
    };

    /** Calls `method` of each of our pixels, and of no other. True if none of them has put the call off. */
    const callPixels = (/** @type {string} */ method, /** @type {any[]} */ ...told) =>
      settings.pixels.map((code) =>
          attempt(() => {
            const queue = w.ttq._i[code];
            const before = queue.length;
            w.ttq.instance(code)[method](...told);
            const later = queue.length > before;
            // Who the shopper is has to stand before the events that wait with it.
            if (later && method == "identify") queue.unshift(queue.pop());
            return !later;
          })
        )
        .every(Boolean);

    // ---- The browser's memory ----

    /** @returns {Fields} `keys` that the proxy knows; `off`: this browser's clock is wrong. */
    const memory = () => attempt(() => JSON.parse(localStorage.pixelpair)) || {};

    const nameOf = (/** @type {Fields} */ report) => [report.site, report.event, report.key].join("\n");

    const cookie = (/** @type {string} */ name) =>
      attempt(() => ("; " + document.cookie).split("; " + name + "=")[1].split(";")[0]);

    // ---- The two legs ----

    /** Sends a report on both legs, now or never. */
    const fire = (/** @type {Fields} */ report) => {
      const { keys, off } = report.key || report.placed ? memory() : /** @type {Fields} */ ({});
      if ((Date.now() / 1e3 - report.placed > 86400 && !off) || [].concat(keys).includes(nameOf(report))) return;
      const sent = callPixels(
        "track",
        report.event,
        isLimited() ? { ...report.properties, limited_data_use: true } : report.properties,
        { event_id: idOf(report) }
      );
      if (report.event == "Pageview" && settings.pageView == "pixel") return;
      const pixel = settings.pixels[0] ? (blocked ? "blocked" : sent ? "sent" : "unknown") : "off";
      // An order is told once more when it is known, for all events of its view; others are not worth a request.
      if (pixel == "unknown" && report.key) unsure = report;
      tell(report, pixel);
    };

    /** The server leg: tells the proxy of the report, and how its pixel leg stands. */
    const tell = (/** @type {Fields} */ report, /** @type {string} */ pixel) => {
      const body = JSON.stringify({
        ...report,
        sent: Date.now(),
        ttclid: cookie("ttclid") || clickId,
        ttp: cookie("_ttp"),
        user: isPrivate ? user : undefined,
        consent: isLimited() ? "limited" : "granted",
        pixel,
      });
      try {
        // Without keepalive (Firefox before 133) a page that is left takes its fetch with it.
        if (!("keepalive" in Request.prototype)) throw 0;
        fetch(endpoint, { method: "POST", body, keepalive: true, credentials: "include" })
          .then((answer) => {
            const off = Math.abs(Date.parse(answer.headers.get("date")) - Date.now()) > 3e5;
            if (answer.status == 202 && (report.key || off))
              localStorage.pixelpair = JSON.stringify({ keys: [].concat(memory().keys || [], report.key ? nameOf(report) : []).slice(-100), off });
          })
          .catch(() => {});
      } catch (_) {
        navigator.sendBeacon(endpoint, body);
      }
    };

    /** What every report of the view tells. @type {Fields} */ let page;
    /** @type {string} */ let path;
    /** @type {{[same: string]: number}} */ const recent = {};

    const track = (/** @type {any} */ event, /** @type {any=} */ told, /** @type {Fields=} */ options) => {
      if (!isText(event)) return;
      const { key: toldKey, placed, ticket } = options || {};
      const properties = repair(told);
      const key = keyOf(event, toldKey, properties);
      const same = JSON.stringify([page.view, event, properties, key]);
      const now = performance.now();
      // A double click; NaN is not less.
      if (now - recent[same] < 1e3) return;
      recent[same] = now;
      held.push({ ...page, event, key, placed, time: Date.now(), properties, ticket });
      page.n++;
      release();
    };

    /** Sends what was held, if consent allows; forgets it, if consent was denied. */
    const release = () => {
      const reports = held;
      if (isOpen() || consent == "denied") held = [];
      if (isOpen()) reports.forEach(fire);
    };

    // ---- Consent and the shopper ----

    /** Starts all that waits for consent: the cookie, TikTok's script, the shopper's name, the reports. */
    const open = () => {
      if (isOpen()) {
        if (clickId)
          attempt(() => {
            document.cookie = "ttclid=" + clickId + ";path=/;max-age=2592000;samesite=lax" + (location.protocol == "https:" ? ";secure" : "");
          });
        attempt(loadPixels);
        introduce();
      }
      release();
    };

    // Raw values go to the proxy, which hashes them, if nobody can listen on the way.
    const isPrivate = endpoint.protocol == "https:" || (isSecureContext && endpoint.host == location.host);

    const identify = async (/** @type {any} */ told) => {
      /** @type {Fields} */
      const mine = (user = { phone: told.phone_number, ...told });
      delete mine.phone_number;
      for (const [name, rule] of Object.entries(certain)) {
        const value = asText(mine[name]);
        const sure = value && !isHash(value) && rule(value);
        if (sure) mine[name] = await hash(sure);
      }
      introduce();
    };

    /** Tells our pixels the hashes, and nothing else, of who the shopper is. */
    const introduce = () => {
      if (user && isOpen())
        callPixels(
          "identify",
          each({ sha256_email: user.email, sha256_phone_number: user.phone, external_id: user.external_id }, (value) => {
            if (isHash(value)) return value;
          })
        );
    };

    // ---- What the page calls ----

    const call = (/** @type {any} */ [name, ...told]) =>
      attempt(() => {
        if (name == "consent") {
          consent = told[0];
          open();
        } else if (name == "identify") identify(told[0]).catch(() => {});
        else track(name, ...told);
      });

    /** Calls from before the start; then its push() makes the call, also for a page that kept the stub. @type {any} */
    const calls = w.pixelpair?.q || [];
    w.pixelpair = (/** @type {any[]} */ ...told) => {
      calls.push(told);
    };
    w.pixelpair.q = calls;
    w.pixelpair.on = true;

    const on = (/** @type {EventTarget} */ target, /** @type {string} */ type, /** @type {(event: any) => any} */ listener) =>
      target.addEventListener(type, (event) => attempt(() => listener(event)), true);

    /** An element with data-pixelpair-event was clicked, or such a form sent. */
    const declared = (/** @type {any} */ happened) => {
      const element = happened.target.closest("[data-pixelpair-event]");
      if (happened.button > 1 || element.matches("form") != (happened.type == "submit")) return;
      /** @type {Fields} */ const told = {};
      /** @type {Fields} */ const contents = {};
      for (const { name, value } of element.attributes) {
        const field = name.split("data-pixelpair-")[1]?.replace(/-/g, "_");
        if (field) (/^(content_(id|name|type)|price|quantity)$/.test(field) ? contents : told)[field] = value;
      }
      const { event, key, placed, ticket, ...properties } = told;
      track(event, { contents, ...properties }, { key, placed, ticket });
    };

    // ---- Views ----

    const address = () => location.pathname + location.search;

    const startView = (/** @type {string} */ referrer) => {
      path = address();
      page = { v: 1, site: settings.site, view: newViewId(), n: 0, url: location.href, referrer };
      if (settings.pageView != "off") track("Pageview");
    };

    /** Another address is another view, unless it only replaces the last: routers tidy their queries. */
    const moved = (/** @type {any} */ event) => {
      if (event.navigationType == "replace") path = address();
      if (path != address()) startView(page.url);
    };

    const start = () => {
      // All of it is held until the calls that came early have told of consent.
      startView(document.referrer);
      calls.forEach(call);
      calls.push = call;
      started = true;
      open();
      for (const type of ["click", "auxclick", "submit"]) on(document, type, declared);
      on(w, "pageshow", (event) => event.persisted && startView(page.referrer));
      if (w.navigation) on(w.navigation, "currententrychange", moved);
      else {
        for (const method of ["pushState", "replaceState"]) {
          const original = w.history[method];
          w.history[method] = (/** @type {any[]} */ ...told) => {
            original.apply(history, told);
            attempt(() => moved({ navigationType: method.slice(0, -5) }));
          };
        }
        on(w, "popstate", moved);
      }
    };

    // A page prepared in advance may never be seen.
    if (/** @type {any} */ (document).prerendering) on(document, "prerenderingchange", start);
    else start();
  });
})(
  // @ts-ignore: the proxy writes the settings here.
  __PIXELPAIR__
);
