// @ts-check
/**
 * The browser tag: names each event and sends it twice in one tick, to TikTok's Pixel and to the proxy, under one
 * event_id. Judging, hashing what needs a country, and TikTok's API it leaves to the proxy.
 *
 * The proxy serves the built file with the site's public settings in place of the arguments at the end. Three rules:
 * it never throws into the shop's page; it never waits between an action and its two reports, since a click may end the
 * page in that moment (on load alone it starts in tasks of its own; a page that is left before sends all of it then);
 * and it stays small (tests/web/test_tag_build.py has the budget).
 *
 * @typedef {{[name: string]: any}} Fields
 * @typedef {{[name: string]: (name: string, told: any) => any}} Commands what a first argument means that names no event
 * @typedef {Fields} Report one event as `POST /t/e` takes it. What the tag adds for itself the proxy passes by: `until`,
 *   the end of its lease in ms, if it waits in the browser's memory; `status`, the proxy's answer
 */
((
  /** @type {string} */ site,
  /** @type {string[]} the hosts it works on; none: the proxy's own */ domains,
  /** @type {string[]} their codes */ pixels,
  /** @type {string} the address of TikTok's script */ pixelScript,
  /** @type {string} the proxy's folder, for a tag that does not know its own address */ mount,
  /** @type {string[]} */ orderEvents,
  /** @type {string} held, granted, limited or denied */ consent,
  /** @type {string} what consent comes to under Global Privacy Control: limited or denied */ privateConsent,
  /** @type {number} of a page view: 2 both, 1 the Pixel's, 0 none */ pageViewLegs,
  /** @type {string} the attributes of cookies */ cookieRules,
  /** @type {((tell: (...told: any[]) => void, commands: Commands, attempt: any, list: any) => void)[]} the optional ones */ ...parts
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

  /** In a task of its own, so that a phone can answer its shopper in between. */
  const later = (/** @type {() => any} */ action) => setTimeout(() => attempt(action));

  const isText = (/** @type {any} */ value) => typeof value == "string";

  const isObject = (/** @type {any} */ value) => Object(value) === value && !Array.isArray(value);

  /** @returns {any[]} */
  const list = (/** @type {any} */ value) => [].concat(value ?? []);

  /** A string trimmed, a safe integer as its digits, else undefined. Not trim(): Python's is another. */
  const asText = (/** @type {any} */ value) => {
    if (isText(value)) return value.replace(/^[ \t-\r]+|[ \t-\r]+$/g, "");
    if (Number.isSafeInteger(value)) return "" + value;
  };

  /** NUL and half a surrogate pair, for which the proxy refuses a whole report, or an e-mail address. */
  const isUnfit = (/** @type {string} */ text) => /[\0\p{Cs}]|[^ @/]@[^ @]+\.[^ @0-9]/u.test(text);

  /** The entries of an object or array after `change`, less the empty ones; undefined if none is left. */
  const each = (/** @type {any} */ container, /** @type {(value: any, name: string) => any} */ change) => {
    const kept = Object.entries(container).filter((entry) => ((entry[1] = change(entry[1], entry[0])) ?? "") !== "");
    if (kept[0]) return isObject(container) ? Object.fromEntries(kept) : kept.map((entry) => entry[1]);
  };

  /** As the wire would carry it: no functions, dates as strings. Undefined for what JSON cannot hold. */
  const copy = (/** @type {any} */ told) => told && attempt(() => JSON.parse(JSON.stringify(told)));

  /**
   * `value` as it may stand under `name`, else nothing. `levels` of containers may lie in it. A name `isListed` if it is
   * one of an event's properties or of its contents' (both of them go by the name of `contents` here); deeper down no
   * name has a meaning. Personal data belongs in `identify`.
   *
   * @type {(value: any, name?: string, levels?: number, isListed?: boolean) => any}
   */
  const clean = (value, name = "contents", levels = 6, isListed = true) => {
    if (isListed) {
      const number = /^(value|price|predicted_ltv|(quantity|num_items))$/.exec(name);
      if (number)
        return (Number.isFinite(value) || /^-?\d+(\.\d+)?$/.test(/** @type {any} */ (asText(value)))) &&
          value >= 0 && value <= (number[2] ? 1e5 : 1e10) && !(number[2] && value % 1) ? +value : null;
      if (/^(content_id|content_type|content_name|content_category|brand|description|(order|shop)_id|query|search_string|status|delivery_category|currency)$/.test(name))
        value = asText(value);
      if (name == "currency") return /^[a-z]{3}$/i.test(value) ? value.toUpperCase() : null;
    }
    if (/^(email|phone|phone_number|first_name|last_name)$/.test(name) || isUnfit(name)) return;
    if (Object(value) === value)
      return levels
        ? each(value, (one, key) => clean(one, isObject(value) ? key : name, levels - 1, isListed && name == "contents" && levels > 3))
        : null;
    if (isText(value) ? !isUnfit(value) : value ** 2 < 2 ** 106) return value;
  };

  /** The properties of an event in TikTok's shape; a copy, since the page may change its own. */
  const repair = (/** @type {any} */ told) => {
    told = copy(told);
    if (!isObject(told)) return {};
    const once = clean({ ...told, contents: list(told.contents).filter(isObject), content_ids: list(told.content_ids).map(asText) }) || {};
    const contents = list(once.contents);
    const content_type = [once, ...contents].find((one) => one.content_type)?.content_type;
    const search_string = once.search_string || once.query;
    return clean({
      query: search_string,
      ...once,
      search_string,
      content_type,
      contents: contents.map((item) => ({ content_type, ...item })),
      content_ids: once.content_ids || contents.map((item) => item.content_id),
    }) || {};
  };

  /** The key that names the event, if one is told and usable: 1 to 128 bytes, no control characters, no e-mail address. */
  const keyOf = (/** @type {string} */ event, /** @type {any} */ told, /** @type {Fields} */ properties) => {
    let key = asText(told ?? "");
    if (key == "" && orderEvents.includes(event)) key = properties.order_id;
    if (key && !isUnfit(key) && !/\p{Cc}/u.test(key) && new TextEncoder().encode(key).length < 129) return key;
    // Told on as unusable, or the proxy would take the order's id where the Pixel got the view's.
    if (key || (told ?? "") !== "") return false;
  };

  const idOf = (/** @type {Report} */ report) => report.key || report.view + "." + report.n?.toString(36);

  /** 8 characters of time, 16 random ones; of 2^32 values 36 makes a bias of less than one in a hundred million. */
  const newViewId = () =>
    crypto.getRandomValues(new Uint32Array(16)).reduce((id, one) => id + (one % 36).toString(36), Date.now().toString(36));

  /* test-hook */

  // Not attempt(): a function in its place would be read twice, once to skip it.
  try {
    const w = /** @type {any} */ (window);
    const script = /** @type {any} */ (document.currentScript);
    // Not the address of a bundle that this script was put into.
    const endpoint = new URL("e", /^[^?]*\/tag(\.\w+)?\.js\b/.exec(script?.src)?.[0] || location.origin + mount);
    // A second tag on the page leaves everything to the first.
    if (!(domains[0] ? domains : [endpoint.hostname]).includes(location.hostname) || w.pixelpair?.log) return;

    // A router may have stripped the address before this script came; the browser still knows where it went.
    const landing = location.href + " " + performance.getEntriesByType("navigation")[0]?.name;
    // TikTok's placeholder, in an ad that nobody clicked, begins with __.
    const clickId = /[?&]ttclid=(?!__)([\w.-]{8,2048})(?![^&# ])/.exec(landing)?.[1];

    /** @type {Report[]} Told, and not sent on either leg yet. */ const held = [];
    /** @type {Report[]} The last events, for whoever looks. */ const log = [];
    let started = false;
    consent = script?.dataset.consent || consent;

    const allows = (/** @type {string} */ told) => /^(granted|limited)$/.test(told);
    const isOpen = () => started && allows(consent);

    const on = (/** @type {string} */ types, /** @type {(event: any) => any} */ listener, target = w) =>
      types.split(" ").map((type) => target.addEventListener(type, (/** @type {Event} */ event) => attempt(() => listener(event)), true));

    // ---- The Pixel ----

    let isBlocked = false;
    /** @type {boolean | undefined} Another script sends to the same pixel; not known before ours are loaded. */ let hasOther;
    /** @type {(() => void) | null} Tells once more of an order of a time when the Pixel was still loading. */ let unsure = null;

    /** @type {any} Where a page trusts no address by itself, this is asked. */ let policy;

    /** As a header has them, after a "; "; empty before the first look. */ let cookies = "";

    /** What others change while the page stands: cookies, and scripts of the same pixel, most of which a tag manager brings
     * after us. Not in a click, where it costs a phone some ms. */
    const lookAround = () => {
      if (!isOpen()) return;
      cookies = "; " + attempt(() => document.cookie);
      hasOther ||= pixels.some((code) => document.querySelectorAll('script[src*="?sdkid=' + code + '&lib"]')[1]);
    };

    /** Loads another script, with the nonce of this one. */
    const inject = (/** @type {any} */ source) => {
      const loader = document.createElement("script");
      policy ||= attempt(() => w.trustedTypes?.createPolicy("pixelpair", { createScriptURL: (/** @type {string} */ source) => source }));
      loader.src = policy?.createScriptURL(source) ?? source;
      loader.nonce = script?.nonce;
      loader.onload = loader.onerror = (event) => {
        lookAround();
        // The Pixel's address is text, that of debug.js is none.
        isBlocked ||= isText(source) && /** @type {Event} */ (event).type == "error";
        followUp();
      };
      document.head.append(loader);
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
      hasOther = false;
      for (const code of pixels)
        if (ttq._i?.[code]) hasOther = true;
        else {
          (ttq._i ||= {})[code] = [];
          (ttq._t ||= {})[code] = Date.now();
          (ttq._o ||= {})[code] = { historyObserver: false, limited_data_use: consent == "limited" };
          ttq._i[code]._u = pixelScript;
          // The calls wait in its queue anyway; a shopper's hashes should be there before it sends them.
          hashing.then(() => later(() => inject(pixelScript + "?sdkid=" + code + "&lib=ttq")));
        }
    };

    /** Calls `method` of each of our pixels, and of no other. */
    const callPixels = (/** @type {string} */ method, /** @type {any[]} */ ...told) =>
      pixels.map((code) =>
        attempt(() => {
          w.ttq.instance(code)[method](...told);
          const queue = w.ttq._i[code];
          // Who the shopper is has to stand before the events that wait with it.
          if (method == "identify" && queue[0]) queue.unshift(queue.pop());
        })
      );

    /** How the pixel leg of what was fired so far stands. A call that TikTok's script has not taken yet waits in its queue. */
    const pixelState = () =>
      pixels[0] ? (isBlocked ? "blocked" : pixels.some((code) => attempt(() => w.ttq._i[code].length)) ? "unknown" : "sent") : "off";

    /** When the pixel leg of such an order is known, tells it for all events of the view; others are not worth a request. */
    const followUp = () => {
      if (unsure && pixelState() != "unknown") {
        unsure();
        unsure = null;
      }
    };

    // ---- The browser's memory ----

    /** The `keys` of orders that the proxy knows, the `queue` of reports that wait, and whether the clock is `off`. */
    const memory = () => {
      /** @type {Fields} */ const saved = { ...attempt(() => JSON.parse(localStorage.pixelpair || null)) };
      saved.keys = list(saved.keys);
      saved.queue = list(saved.queue).filter((one) => Date.now() - one?.time < 864e5);
      return saved;
    };

    const nameOf = (/** @type {Report} */ report) => report.site + "\n" + report.event + "\n" + idOf(report);

    /** Writes a report down while it waits, or crosses it out; and what its answer tells.
     * @type {(report: Report, key?: any, isOff?: boolean) => void} */
    const remember = (report, key, isOff) =>
      attempt(() => {
        // Consent may be gone since it was sent.
        if (!isOpen()) return;
        const saved = memory();
        saved.keys = saved.keys.concat(key || []).slice(-100);
        saved.queue = saved.queue.filter((/** @type {Report} */ one) => nameOf(one) != nameOf(report)).concat(report.until ? report : []).slice(-50);
        saved.off = isOff ?? saved.off;
        while (JSON.stringify(saved).length > 2 ** 16 && saved.queue.shift());
        localStorage.pixelpair = JSON.stringify(saved);
      });

    // ---- The two legs ----

    /** Sends a report on both legs, now or never. */
    const fire = (/** @type {Report} */ report) => {
      if (report.key || report.placed) {
        const saved = memory();
        if ((Date.now() - 1e3 * report.placed > 864e5 && !saved.off) || saved.keys.concat(saved.queue.map(nameOf)).includes(nameOf(report)))
          return (report.status = "known");
      }
      callPixels("track", report.event, { ...report.properties, ...(consent == "limited" && { limited_data_use: true }) }, { event_id: idOf(report) });
      report.consent = consent;
      report.pixel = pixelState();
      if (report.event == "Pageview" && pageViewLegs == 1) return;
      if (!cookies) lookAround();
      report.ttclid = clickId || /; ttclid=([^;]*)/.exec(cookies)?.[1];
      report.ttp = /; _ttp=([^;]*)/.exec(cookies)?.[1];
      report.other_sender = hasOther;
      report.user = hashes;
      const shopper = user;
      if (report.key && report.pixel == "unknown") {
        unsure = () => {
          report.pixel = pixelState();
          post(report, shopper);
        };
        setTimeout(followUp, 3e3);
      }
      post(report, shopper);
    };

    /** What this page has told, each with what to call when another try might succeed; all else in the queue is for
     * whoever comes first.
     * @type {{[name: string]: () => any}} */
    let mine = {};
    /** @type {string[]} Those of `mine` that have used up the tries of this view. */ const spent = [];

    /** The server leg: tells the proxy of the report, and what only the proxy may know of the shopper. It stands in the
     * queue meanwhile if it has a key, else after a failure.
     * @type {(report: Report, shopper?: any, tries?: number) => void} */
    const post = (report, shopper, tries = 0) => {
      const name = nameOf(report);
      delete mine[name];
      // Consent may be gone since it last failed.
      if (!isOpen()) return;
      mine[name] = isOpen;
      if (consent == "limited") report.consent = consent;
      const body = JSON.stringify({
        ...report,
        user: report.user && { ...shopper, ...report.user },
        sent: Date.now(),
        retry: tries || undefined,
      });
      const lease = (/** @type {number} */ wait) => {
        report.until = body.length < 2 ** 15 && Date.now() + wait + 1e4;
        remember(report);
      };
      const fail = (/** @type {any} */ wait) => {
        wait = Math.max(+wait || 0, 2 ** tries * 1e3 * (1 + Math.random()));
        lease(wait);
        const again = () => mine[name] == again && post(report, shopper, tries + 1);
        if (tries < 2 || !navigator.onLine) setTimeout((mine[name] = again), wait);
        else spent.push(name);
      };
      if (report.key || tries) lease(0);
      try {
        // Without keepalive (Firefox before 133) a page that is left takes its fetch with it. All scripts of a page share
        // 64 KB of it, which others may hold: what is tried again does without.
        if (!(tries || "keepalive" in Request.prototype)) throw 0;
        fetch(endpoint, { method: "POST", body, keepalive: !tries, credentials: "include" }).then((/** @type {any} */ answer) => {
          const isOff = Math.abs(Date.parse(answer.headers.get("date")) - Date.now()) > 3e5;
          report.status = answer.status;
          if (/408|42[59]|5../.test(answer.status)) return fail(1e3 * answer.headers.get("retry-after"));
          if (report.key || tries || isOff) {
            report.until = 0;
            remember(report, answer.status == 202 && report.key && name, isOff);
          }
          if (answer.ok) takeUp();
        }).catch(fail);
      } catch (_) {
        if (!navigator.sendBeacon(endpoint, body)) fail(0);
      }
    };

    /** Sends one report that another page left behind, when that cannot be at it any more; its answer brings the next. */
    const takeUp = () => {
      lookAround();
      const left = isOpen() && memory().queue.find((/** @type {Report} */ one) => one.until < Date.now() && !mine[nameOf(one)]);
      if (left) post(left, 0, 1);
    };

    /** What every report of the view tells.
     * @type {Report} */
    let page;
    /** @type {string} */ let path;
    /** @type {{[same: string]: number}} */ let recent;

    /** @type {(event: any, told?: any, options?: Fields) => void} */
    const track = (event, told, options) => {
      if (!isText(event)) return;
      options ||= {};
      const properties = repair(told);
      const key = keyOf(event, options.key, properties);
      const same = JSON.stringify([event, key, properties]);
      const now = performance.now();
      // A double click; NaN is not less.
      if (now - recent[same] < 1e3) return;
      recent[same] = now;
      const report = { ...page, event, key, placed: options.placed, time: Date.now(), properties, ticket: asText(options.ticket) };
      held.push(report);
      if (log.push(report) > 50) log.shift();
      page.n++;
      release();
    };

    /** Sends what was held, if consent allows; forgets it, if consent was denied. */
    const release = () => {
      if (isOpen() || consent == "denied") held.splice(0).map((report) => isOpen() && attempt(() => fire(report)));
    };

    // ---- Consent and the shopper ----

    const writeCookie = (/** @type {string} */ cookie, /** @type {number} */ seconds) =>
      attempt(() => {
        document.cookie = cookie + cookieRules + ";max-age=" + seconds + (location.protocol == "https:" ? ";secure" : "");
      });

    /** Does what consent now allows: the cookie, TikTok's script, the shopper's name, the reports; or forgets all. */
    const decide = () => {
      if (isOpen() && /** @type {any} */ (navigator).globalPrivacyControl) consent = privateConsent;
      if (isOpen()) {
        if (clickId) writeCookie("ttclid=" + clickId, 2592e3);
        hasOther ?? attempt(loadPixels);
        introduce();
        setTimeout(takeUp, 1e3 * Math.random());
      } else if (consent == "denied") {
        // The proxy keeps another, which no script can delete.
        attempt(() => {
          if (/\bttclid=/.test(document.cookie))
            fetch(endpoint + "?site=" + site, { method: "DELETE", keepalive: true, credentials: "include" }).catch(() => {});
        });
        writeCookie("ttclid=", 0);
        writeCookie("_ttp=", 0);
        mine = {};
        cookies = "";
        unsure = null;
        attempt(() => delete localStorage.pixelpair);
      }
      release();
    };

    /** @type {Fields | false | undefined} Who the shopper is, as told: for the proxy alone. */ let user;
    /** @type {Fields | undefined} The same as hashes: for everybody. */ let hashes;
    /** @type {Promise<any>} */ let hashing = Promise.resolve();

    /** Tells our pixels the hashes, and nothing else, of who the shopper is. */
    const introduce = () => {
      if (hashes && isOpen())
        callPixels("identify", { ...hashes, phone_number: hashes.phone });
    };

    // ---- What the page calls ----

    /** @type {Commands} */
    const commands = {
      // An event may be called "constructor".
      __proto__: /** @type {any} */ (null),
      consent: (_, told) => {
        consent = told;
        w.ttq?.[(told == "denied" ? "revoke" : allows(told) ? "grant" : "hold") + "Consent"]?.();
        decide();
      },
      /** Learns who the shopper is; hashes each field whose rule is certain, and leaves the others to the proxy. */
      identify: (_, told) => {
        const { phone_number: phone, ...others } = copy(told) || {};
        /** @type {Fields} */ const raw = each({ phone, ...others }, (value) => (/[\0\p{Cs}]/u.test(value) ? null : asText(value) ?? value)) || {};
        /** @type {Fields} */ const these = (hashes = each(raw, (value) => (/^[\da-f]{64}$/i.test(value) ? value : null)) || {});
        // Raw values go to the proxy, which hashes them, if nobody can listen on the way: by http on this machine alone.
        user = (endpoint.protocol == "https:" || (isSecureContext && endpoint.host == location.host)) && raw;
        hashing = Promise.allSettled(
          Object.entries({
            email: (/** @type {any} */ told) => /^[\w.+-]+@[\w.-]+\.[a-z]+$/i.test(told) && told.toLowerCase(),
            // "(0" is a zero that falls away abroad.
            phone: (/** @type {any} */ told) =>
              /^(?!.*\(0)(\+|00) *[1-9]([ .()-]*\d){6,14}$/.test(told) && "+" + told.replace(/^00|\D/g, ""),
            external_id: (/** @type {any} */ told) => told,
          }).map(async ([name, rule]) => {
            const certain = !these[name] && rule(asText(raw[name]));
            if (certain)
              these[name] = new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(certain))).reduce(
                (hex, byte) => hex + (byte + 256).toString(16).slice(1),
                ""
              );
          })
        ).then(introduce);
      },
    };

    const call = (/** @type {any} */ told) => attempt(() => /** @type {any} */ (commands[told[0]] || track)(...told));

    /** Calls from before the start; then its push() makes the call, also for a page that kept the stub.
     * @type {any} */
    const calls = w.pixelpair?.q || [];
    w.pixelpair = (/** @type {any[]} */ ...told) => {
      calls.push(told);
    };
    w.pixelpair.q = calls;
    w.pixelpair.log = log;

    // ---- Views ----

    /** A router may have its path in the hash; any other hash is a place in the same view. */
    let route = "";
    const address = () => {
      if (!/^#[^!/]/.test(location.hash)) route = location.hash;
      return location.href.split("#")[0] + route;
    };

    /** An address as it may wait in the browser: without e-mail addresses. */
    const tidy = (/** @type {string} */ address) => address.replace(/[^?&=#/]+(@|%40)[^?&#/]+/g, "");

    const startView = (/** @type {string} */ referrer) => {
      path = address();
      recent = {};
      spent.splice(0).map((name) => delete mine[name]);
      page = { v: 1, site, view: newViewId(), n: 0, url: tidy(location.href), referrer: tidy(referrer) };
      if (pageViewLegs) track("Pageview");
    };

    /** Another address is another view, unless it only replaces the last: routers tidy their queries. */
    const moved = (/** @type {any} */ event) => {
      if (/replace/.test(event.navigationType)) path = address();
      if (path != address()) startView(page.url);
    };

    const start = () => {
      if (page) return;
      // All of it is held until the calls that came early have told of consent.
      startView(document.referrer);
      calls.push = call;
      parts.map((part) => attempt(() => part(w.pixelpair, commands, attempt, list)));
      calls.map(call);
      later(catchUp);
      if (/pixelpair_debug/.test(landing)) inject(new URL("debug.js", endpoint));
      on("online pageshow", (event) => {
        if (event.persisted) startView(page.referrer);
        // Not the pageshow of a first load, which has false; online has none.
        if (event.persisted != false) Object.values(mine).map((again) => again());
      });
      // Here and there some chance, so that of several tabs one is first.
      setInterval(takeUp, 1e4 * (1 + Math.random()));
      if (w.navigation) on("currententrychange", moved, w.navigation);
      else {
        for (const method of ["pushState", "replaceState"]) {
          const original = w.history[method];
          w.history[method] = (/** @type {any[]} */ ...told) => {
            original.apply(history, told);
            attempt(() => moved({ navigationType: method }));
          };
        }
        on("popstate", moved);
      }
    };

    /** What was put off, when its task comes or the page is left. */
    const catchUp = () => {
      start();
      if (!started) {
        started = true;
        decide();
      }
      followUp();
    };

    const prepare = () => {
      // The first for Safari before 14.5, and for a page that is left while it is hidden.
      on("pagehide visibilitychange", catchUp);
      // An element with data-pixelpair-event is clicked, or such a form sent.
      on("click auxclick submit", (/** @type {any} */ happened) => {
        const element = happened.target.closest?.("[data-pixelpair-event]");
        if (!element || happened.button > 1 || element.matches("form") != (happened.type == "submit")) return;
        /** @type {Fields} */ const contents = {};
        /** @type {Fields} */ const told = { contents };
        for (const { name, value } of element.attributes) {
          const field = name.split("data-pixelpair-")[1]?.replace(/-/g, "_");
          if (field) (/^(content_(id|name|type)|price|quantity)$/.test(field) ? contents : told)[field] = value;
        }
        const { event, key, placed, ticket, ...properties } = told;
        catchUp();
        track(event, properties, told);
      });
      later(start);
    };

    // A page prepared in advance may never be seen.
    if (/** @type {any} */ (document).prerendering) on("prerenderingchange", prepare);
    else prepare();
  } catch (_) {}
})(
  // @ts-ignore: the proxy writes the settings here.
  __PIXELPAIR__
);
