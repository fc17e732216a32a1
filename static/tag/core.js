// @ts-check
/**
 * The browser tag: names each event and sends it twice in one tick, to TikTok's Pixel and to the proxy, under one
 * event_id. Judging, hashing what needs a country, and TikTok's API it leaves to the proxy.
 *
 * The proxy serves the built file with the site's public settings in place of the arguments at the end. Three rules:
 * it never throws into the shop's page, it never waits between an action and its two reports (a click may end the
 * page in that moment), and it stays small (tests/web/test_tag_build.py has the budget).
 *
 * @typedef {{[name: string]: any}} Fields
 * @typedef {{[name: string]: (told: any) => any}} Commands what a first argument means that names no event
 * @typedef {Fields} Report one event as `POST /t/e` takes it; queued, it also has `until`, the end of its lease in ms
 */
((
  /** @type {string} */ site,
  /** @type {string[]} the hosts it works on; none: the proxy's own */ domains,
  /** @type {string[]} their codes */ pixels,
  /** @type {string} the address of TikTok's script */ pixelScript,
  /** @type {string} the proxy's folder, for a tag that does not know its own address */ mount,
  /** @type {string[]} */ orderEvents,
  /** @type {string} held, granted, limited or denied */ consent,
  /** @type {boolean} Global Privacy Control means: nothing at all */ gpcDrops,
  /** @type {string} both, pixel or off */ pageView,
  /** @type {string} the attributes of cookies */ cookieRules,
  /** @type {((call: (...told: any[]) => void, commands: Commands) => void)[]} the optional parts */ ...parts
) => {
  // ---- Loose values, by the rules of proxy/events/: tests/vectors/ hold both to them ----

  /**
   * What `action` returns, or undefined when it throws: pages block cookies, break storage and patch fetch. Not for what
   * happens every time: the first thing thrown on a page costs a phone 10 ms.
   */
  const attempt = (/** @type {() => any} */ action) => {
    try {
      return action();
    } catch (_) {}
  };

  const encoder = new TextEncoder();

  const isText = (/** @type {any} */ value) => typeof value == "string";

  const isContainer = (/** @type {any} */ value) => Object(value) === value;

  const isObject = (/** @type {any} */ value) => isContainer(value) && !Array.isArray(value);

  /** @returns {any[]} */
  const list = (/** @type {any} */ value) => [].concat(value ?? []);

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

  /**
   * The repair of one property, `value` under `name`. `levels` of containers may lie in it; only the names of an event
   * and of its contents have meanings. What is dropped is undefined. Personal data belongs in `identify`.
   *
   * @type {(levels: number, isListed?: boolean) => (value: any, name: string) => any}
   */
  const repairOne = (levels, isListed) => (/** @type {any} */ value, /** @type {string} */ name) => {
    if (isListed) {
      if (/^(value|price|predicted_ltv|quantity|num_items)$/.test(name)) {
        const isCount = /y|s/.test(name);
        if (typeof value != "number" && !/^-?\d+(\.\d+)?$/.test(/** @type {any} */ (asText(value)))) return;
        return value >= 0 && value <= (isCount ? 1e5 : 1e10) && !(isCount && value % 1) ? +value : null;
      }
      if (/^(content_(id|type|name|category)|brand|description|(order|shop)_id|query|search_string|status|delivery_category|currency)$/.test(name))
        value = asText(value);
      if (name == "currency") return /^[a-z]{3}$/i.test(value) ? value.toUpperCase() : null;
    }
    if (/^(email|phone(_number)?|(fir|la)st_name)$/.test(name) || isUnfit(name)) return;
    if (isContainer(value)) return levels ? each(value, repairOne(levels - 1)) : null;
    if (isText(value) ? !isUnfit(value) : Math.abs(value) < 2 ** 53) return value;
  };

  /** As the wire would carry it: no functions, dates as strings. Undefined for what JSON cannot hold. */
  const copy = (/** @type {any} */ told) => told && attempt(() => JSON.parse(JSON.stringify(told)));

  /** The properties of an event in TikTok's shape; a copy, since the page may change its own. */
  const repair = (/** @type {any} */ told) => {
    told = copy(told);
    if (!isObject(told)) return {};
    const items = list(told.contents).filter(isObject).map((item) => each(item, repairOne(3, true))).filter(Boolean);
    // The two zeros, replaced below, make sure that something is left.
    const repaired = each({ ...told, contents: 0, content_ids: 0 }, repairOne(5, true));
    const content_type = repaired.content_type || items.map((item) => item.content_type).find(Boolean);
    const search_string = repaired.search_string || repaired.query;
    return each(
      {
        query: search_string,
        ...repaired,
        search_string,
        content_type,
        contents: items[0] && items.map((item) => ({ content_type, ...item })),
        content_ids: each(list(told.content_ids), (id) => repairOne(0, true)(id, "content_id")) || each(items, (item) => item.content_id),
      },
      (value) => value
    ) || {};
  };

  /** The key that names the event, if one is told and usable: 1 to 128 bytes, no control characters, no e-mail address. */
  const keyOf = (/** @type {string} */ event, /** @type {any} */ told, /** @type {Fields} */ properties) => {
    let key = asText(told ?? "");
    if (key === "" && orderEvents.includes(event)) key = properties.order_id;
    if (key && !isUnfit(key) && !/[\0-\x1f\x7f-\x9f]/.test(key) && encoder.encode(key).length < 129) return key;
    // Told on as unusable, or the proxy would take the order's id where the Pixel got the view's.
    if (key || told) return false;
  };

  const idOf = (/** @type {Fields} */ report) => report.key || report.view + "." + report.n.toString(36);

  /** 8 characters of time, 16 random ones; of 2^32 values 36 makes a bias of less than one in a hundred million. */
  const newViewId = () =>
    Date.now().toString(36).padStart(8, "0") +
    [...crypto.getRandomValues(new Uint32Array(16))].map((one) => (one % 36).toString(36)).join("");

  /* test-hook */

  // ---- The shopper ----

  const isHash = (/** @type {any} */ value) => /^[\da-f]{64}$/i.test(value);

  /** The fields that are hashed here, each where its rule is certain; the proxy reads and hashes the others. */
  const certain = {
    email: (/** @type {string} */ told) => /^[\w.+-]+@[\w.-]+\.[a-z]+$/i.test(told) && told.toLowerCase(),
    // "(0" is a zero that falls away abroad.
    phone: (/** @type {string} */ told) => /^(\+|00) *[1-9]([ .()-]*\d){6,14}$/.test(told) && !/\(0/.test(told) && "+" + told.replace(/^00|\D/g, ""),
    external_id: (/** @type {string} */ told) => told,
  };

  const hash = async (/** @type {string} */ told) =>
    [...new Uint8Array(await crypto.subtle.digest("SHA-256", encoder.encode(told)))].map((byte) => (byte + 256).toString(16).slice(1)).join("");

  attempt(() => {
    const w = /** @type {any} */ (window);
    const script = /** @type {HTMLScriptElement | null} */ (document.currentScript);
    // Not the address of a bundle that this script was put into.
    const endpoint = new URL("e", /^[^?]*\/tag(\.\w+)?\.js\b/.test(script?.src || "") ? script?.src : location.origin + mount);
    // A second tag on the page leaves everything to the first.
    if (!(domains[0] ? domains : [endpoint.hostname]).includes(location.hostname) || w.pixelpair?.log) return;

    // A router may have stripped the address before this script came; the browser still knows where it went.
    const landing = location.href + " " + performance.getEntriesByType("navigation")[0]?.name;
    const clickId = landing.match(/[?&]ttclid=(?!__CLICKID__)([\w.-]{8,2048})(?![^&# ])/)?.[1];

    /** @type {Report[]} Told, and not sent on either leg yet. */ let held = [];
    /** @type {Fields | undefined} */ let user;
    /** @type {Report[]} The last events, for whoever looks. */ const log = [];
    let started = false;
    let blocked = false;
    let isLoaded = false;
    let hashing = Promise.resolve();
    /** @type {boolean | undefined} Another script sends to the same pixel. */ let hasOther;
    /** @type {Report | undefined} A keyed report of a time when the Pixel was still loading. */ let unsure;
    const isPrivacyAsked = /** @type {any} */ (navigator).globalPrivacyControl;
    const isOpen = () => started && /^(granted|limited)$/.test(consent) && !(isPrivacyAsked && gpcDrops);
    const isLimited = () => consent == "limited" || isPrivacyAsked;
    consent = script?.dataset.consent || consent;

    const on = (/** @type {EventTarget} */ target, /** @type {string} */ type, /** @type {(event: any) => any} */ listener) =>
      target.addEventListener(type, (event) => attempt(() => listener(event)), true);

    // ---- The Pixel ----

    /** Where a page trusts no address by itself, this is asked. */
    const policy = attempt(() => w.trustedTypes?.createPolicy("pixelpair", { createScriptURL: (/** @type {string} */ source) => source }));

    /** Loads another script, with the nonce of this one. */
    const inject = (/** @type {any} */ source) => {
      const loader = document.createElement("script");
      loader.src = policy ? policy.createScriptURL(source) : source;
      if (script) loader.nonce = script.nonce;
      loader.onload = followUp;
      document.head.append(loader);
      return loader;
    };

    /** As TikTok's own loader does. */
    const load = (/** @type {string} */ code, /** @type {object} */ options) => {
      const ttq = w.ttq;
      (ttq._i ||= {})[code] = [];
      (ttq._t ||= {})[code] = Date.now();
      (ttq._o ||= {})[code] = options;
      ttq._i[code]._u = pixelScript;
      // The calls wait in its queue anyway; a shopper's hashes should be there before it sends them.
      hashing.then(() =>
        attempt(() => {
          inject(pixelScript + "?sdkid=" + code + "&lib=ttq").onerror = () => {
            blocked = true;
            followUp();
          };
        })
      );
    };

    /** Loads those of our pixels that the page has not, after TikTok's array protocol where the page lacks that too. */
    const loadPixels = () => {
      const ttq = (w.ttq ||= []);
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
        deferAll(ttq);
      }
      for (const code of pixels)
        if (!ttq._i?.[code]) load(code, { historyObserver: false, limited_data_use: isLimited() });
        else hasOther = true;
    };

    /** Calls `method` of each of our pixels, and of no other. */
    const callPixels = (/** @type {string} */ method, /** @type {any[]} */ ...told) =>
      pixels.map((code) =>
        attempt(() => {
          const queue = w.ttq._i[code];
          const before = queue.length;
          w.ttq.instance(code)[method](...told);
          // Who the shopper is has to stand before the events that wait with it.
          if (method == "identify" && queue.length > before) queue.unshift(queue.pop());
        })
      );

    /** How the pixel leg of what was fired so far stands. A call that TikTok's script has not taken yet waits in its queue. */
    const pixelState = () =>
      pixels[0] ? (blocked ? "blocked" : pixels.some((code) => attempt(() => w.ttq._i[code].length)) ? "unknown" : "sent") : "off";

    /** Tells once more of an order when its pixel leg is known, for all events of its view; others are not worth a request. */
    const followUp = () => {
      if (unsure && pixelState() != "unknown") {
        unsure.pixel = pixelState();
        post({ ...unsure, until: 0 });
        unsure = undefined;
      }
    };

    // ---- The browser's memory ----

    const memory = () => {
      /** @type {Fields} */
      const { keys, queue, off } = attempt(() => JSON.parse(localStorage.pixelpair || "{}")) || {};
      return { keys: list(keys), queue: list(queue).filter((one) => Date.now() - one?.time < 864e5), off };
    };

    const nameOf = (/** @type {Report} */ report) => report.key && [report.site, report.event, report.key].join("\n");

    const isSame = (/** @type {Report} */ a) => (/** @type {Report} */ b) => a.view == b.view && a.n == b.n;

    /** Takes a report out of the queue, and puts it back in if it still `waits`; or remembers that the proxy knows its `key`.
     * @type {(report: Report, waits: boolean, key?: any, isOff?: boolean) => void} */
    const remember = (report, waits, key, isOff) =>
      attempt(() => {
        // Consent may be gone since it was sent.
        if (!isOpen()) return;
        const { keys, queue, off } = memory();
        const rest = queue.filter((one) => !isSame(report)(one)).concat(waits && JSON.stringify(report).length < 32768 ? report : []).slice(-50);
        const text = () => JSON.stringify({ keys: keys.concat(key || []).slice(-100), queue: rest, off: isOff ?? off });
        while (rest[0] && text().length > 65536) rest.shift();
        localStorage.pixelpair = text();
      });

    // ---- The two legs ----

    /** Sends a report on both legs, now or never. */
    const fire = (/** @type {Report} */ report) => {
      const { keys, queue, off } = report.key || report.placed ? memory() : /** @type {Fields} */ ({ keys: [], queue: [] });
      report.status = "known";
      if ((Date.now() / 1e3 - report.placed > 86400 && !off) || keys.concat(queue.map(nameOf)).includes(nameOf(report) || 0)) return;
      callPixels(
        "track",
        report.event,
        isLimited() ? { ...report.properties, limited_data_use: true } : report.properties,
        { event_id: idOf(report) }
      );
      report.status = undefined;
      report.consent = isLimited() ? "limited" : "granted";
      report.pixel = pixelState();
      if (report.event == "Pageview" && pageView == "pixel") return;
      const cookies = "; " + attempt(() => document.cookie);
      report.ttclid = clickId || cookies.match(/; ttclid=([^;]*)/)?.[1];
      report.ttp = cookies.match(/; _ttp=([^;]*)/)?.[1];
      report.other_sender = hasOther;
      if (report.key && report.pixel == "unknown") {
        unsure = report;
        setTimeout(followUp, 3e3);
      }
      post(report);
    };

    /** Reports that wait for another try: what takes each up, if nothing else has. @type {Set<() => any>} */
    const waiting = new Set();
    const retryAll = () => waiting.forEach((again) => again());
    /** Reports under way. @type {Set<string>} */
    const busy = new Set();

    /** The server leg: tells the proxy of the report. It stands in the queue meanwhile if it has a key, else after a failure. */
    const post = (/** @type {Report} */ report, tries = 0) => {
      // Consent may be gone since it last failed.
      if (!isOpen()) return;
      // Another view's report may be of another person; and what waits in the browser holds hashes alone.
      const isHere = report.view == page.view;
      const addHashes = () => {
        if (isHere) report.user = user && each(user, (value) => (isHash(value) ? value : null));
      };
      const lease = (/** @type {number} */ wait) => {
        report.until = Date.now() + wait + 1e4;
        addHashes();
        remember(report, true);
      };
      /** @type {(wait?: number) => void} */
      const fail = (wait) => {
        busy.delete(name);
        wait = Math.max(wait || 0, 2 ** tries * 1e3 * (1 + Math.random()));
        lease(wait);
        const again = () => {
          if (waiting.delete(again)) post(report, tries + 1);
        };
        if (tries < 2 || !navigator.onLine) {
          waiting.add(again);
          setTimeout(again, wait);
        }
      };
      if (isLimited()) report.consent = "limited";
      if (report.until) report.retry = (report.retry || 0) + 1;
      const name = report.view + report.n;
      busy.add(name);
      addHashes();
      if (report.key || report.until) lease(0);
      const body = JSON.stringify({ ...report, user: (isPrivate && isHere && user) || report.user, sent: Date.now(), until: undefined, status: undefined });
      try {
        // Without keepalive (Firefox before 133) a page that is left takes its fetch with it. All scripts of a page share
        // 64 KB of it, which others may hold: what is tried again does without.
        if (!report.retry && !("keepalive" in Request.prototype)) throw 0;
        fetch(endpoint, { method: "POST", body, keepalive: !tries, credentials: "include" }).then((/** @type {any} */ answer) => {
          const off = Math.abs(Date.parse(answer.headers.get("date")) - Date.now()) > 3e5;
          busy.delete(name);
          report.status = answer.status;
          if (/408|425|429|5../.test(answer.status)) fail(1e3 * answer.headers.get("retry-after"));
          else if (report.until || off) remember(report, false, answer.status == 202 && nameOf(report), off);
          if (answer.ok) takeUp();
        }).catch(() => fail());
      } catch (_) {
        if (!navigator.sendBeacon(endpoint, body)) fail();
      }
    };

    /** Sends what other pages left behind, each when nobody can be at it any more: all, once the proxy is known to answer.
     * @type {(most?: number) => unknown} */
    const takeUp = (most) =>
      memory().queue.slice(0, most).map((report) =>
        setTimeout(() => {
          const left = memory().queue.find(isSame(report));
          if (left && left.until == report.until && !busy.has(left.view + left.n)) post(left);
          // Some chance, so that of several tabs one is first.
        }, report.until - Date.now() + 1e3 * Math.random())
      );

    /** What every report of the view tells. @type {Report} */ let page;
    /** @type {string} */ let path;
    /** @type {{[same: string]: number}} */ let recent = {};

    /** @type {(event: any, told?: any, options?: Fields) => void} */
    const track = (event, told, options) => {
      if (!isText(event)) return;
      const { key: toldKey, placed, ticket } = options || {};
      const properties = repair(told);
      const key = keyOf(event, toldKey, properties);
      const same = JSON.stringify([event, properties, key]);
      const now = performance.now();
      // A double click; NaN is not less.
      if (now - recent[same] < 1e3) return;
      recent[same] = now;
      const report = { ...page, event, key, placed: placed && Number(placed), time: Date.now(), properties, ticket: asText(ticket) };
      held.push(report);
      if (log.push(report) > 50) log.shift();
      page.n++;
      release();
    };

    /** Sends what was held, if consent allows; forgets it, if consent was denied. */
    const release = () => {
      const reports = held;
      if (isOpen() || consent == "denied") held = [];
      if (isOpen()) reports.map((report) => attempt(() => fire(report)));
    };

    // ---- Consent and the shopper ----

    const writeCookie = (/** @type {string} */ name, /** @type {string} */ value, /** @type {number} */ seconds) =>
      attempt(() => {
        document.cookie = name + "=" + value + cookieRules + ";max-age=" + seconds + (location.protocol == "https:" ? ";secure" : "");
      });

    /** Does what consent now allows: the cookie, TikTok's script, the shopper's name, the reports; or forgets all. */
    const decide = () => {
      if (isOpen()) {
        if (clickId) writeCookie("ttclid", clickId, 2592e3);
        if (!isLoaded) attempt(loadPixels);
        isLoaded = true;
        introduce();
        takeUp(1);
      } else if (consent == "denied") {
        // The proxy keeps another, which no script can delete.
        attempt(() => {
          if (/\bttclid=/.test(document.cookie))
            fetch(endpoint + "?site=" + site, { method: "DELETE", keepalive: true, credentials: "include" }).catch(() => {});
        });
        for (const name of ["ttclid", "_ttp"]) writeCookie(name, "", 0);
        waiting.clear();
        unsure = undefined;
        attempt(() => localStorage.removeItem("pixelpair"));
      }
      release();
    };

    // Raw values go to the proxy, which hashes them, if nobody can listen on the way.
    const isPrivate = endpoint.protocol == "https:" || (isSecureContext && endpoint.host == location.host);

    const identify = async (/** @type {any} */ told) => {
      /** @type {Fields} */
      const mine = (user = each({ phone: told.phone_number, ...copy(told) }, (value) => (/[\0\ud800-\udfff]/u.test(value) ? null : value)) || {});
      delete mine.phone_number;
      await Promise.all(
        Object.entries(certain).map(async ([name, rule]) => {
          const value = asText(mine[name]);
          const sure = value && !isHash(value) && rule(value);
          // Plain http has no crypto.subtle.
          if (sure) mine[name] = await hash(sure).catch(() => value);
        })
      );
      introduce();
    };

    /** Tells our pixels the hashes, and nothing else, of who the shopper is. */
    const introduce = () => {
      if (user && isOpen())
        callPixels(
          "identify",
          each({ sha256_email: user.email, sha256_phone_number: user.phone, external_id: user.external_id }, (value) => (isHash(value) ? value : null))
        );
    };

    // ---- What the page calls ----

    /** @type {Commands} */
    const commands = {
      // @ts-ignore: so that no event is taken for a method of all objects
      __proto__: null,
      consent: (/** @type {string} */ told) => {
        consent = told;
        w.ttq?.[(told == "denied" ? "revoke" : /^(granted|limited)$/.test(told) ? "grant" : "hold") + "Consent"]?.();
        decide();
      },
      identify: (/** @type {any} */ told) => {
        hashing = identify(told).catch(() => {});
      },
    };

    const call = (/** @type {any} */ told) =>
      attempt(() => {
        const [name, ...rest] = told;
        /** @type {any} */ (commands[name] || track.bind(0, name))(...rest);
      });

    /** Calls from before the start; then its push() makes the call, also for a page that kept the stub. @type {any} */
    const calls = Array.isArray(w.pixelpair?.q) ? w.pixelpair.q : [];
    w.pixelpair = (/** @type {any[]} */ ...told) => {
      calls.push(told);
    };
    w.pixelpair.q = calls;
    w.pixelpair.log = log;

    /** An element with data-pixelpair-event was clicked, or such a form sent. */
    const declared = (/** @type {any} */ happened) => {
      const element = happened.target.closest?.("[data-pixelpair-event]");
      if (!element || happened.button > 1 || element.matches("form") != (happened.type == "submit")) return;
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

    /** A router may have its path in the hash; any other hash is a place in the same view. */
    let route = "";
    const address = () => {
      if (!/^#[^!/]/.test(location.hash)) route = location.hash;
      return location.pathname + location.search + route;
    };

    /** An address as it may wait in the browser: without e-mail addresses. */
    const tidy = (/** @type {string} */ address) => address.replace(/[^?&=#/]+(@|%40)[^?&#/]+/gi, "");

    const startView = (/** @type {string} */ referrer) => {
      path = address();
      page = { v: 1, site, view: newViewId(), n: 0, url: tidy(location.href), referrer: tidy(referrer) };
      recent = {};
      if (pageView != "off") track("Pageview");
    };

    /** Another address is another view, unless it only replaces the last: routers tidy their queries. */
    const moved = (/** @type {any} */ event) => {
      if (event.navigationType == "replace") path = address();
      if (path != address()) startView(page.url);
    };

    const start = () => {
      // All of it is held until the calls that came early have told of consent.
      startView(document.referrer);
      parts.map((part) => attempt(() => part(w.pixelpair, commands)));
      // Not forEach: what the parts tell meanwhile comes too.
      for (const one of calls) call(one);
      calls.push = call;
      started = true;
      decide();
      if (/pixelpair_debug/.test(location.search)) inject(new URL("debug.js", endpoint));
      for (const type of ["click", "auxclick", "submit"]) on(document, type, declared);
      on(document, "visibilitychange", followUp);
      on(w, "online", retryAll);
      on(w, "pageshow", (event) => {
        if (event.persisted) {
          startView(page.referrer);
          retryAll();
        }
      });
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
