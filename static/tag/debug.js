// @ts-check
/**
 * What the tag does, in the browser's console: loaded by the tag itself on pages whose address has `pixelpair_debug`.
 * Reads `pixelpair.log` and the page; changes nothing.
 *
 * @typedef {{[name: string]: any}} Report an entry of the log; `status` is the proxy's answer, once it is there
 */
(() => {
  const KNOWN = new Set(
    ("event key placed ticket value currency order_id description query search_string status shop_id num_items delivery_category predicted_ltv " +
      "content_id content_ids content_type content_name content_category brand price quantity").split(" ")
  );

  /** @type {{[state: string]: string}} */
  const PIXEL = {
    sent: "sent",
    unknown: "TikTok's script was not there yet; it sends this once it has loaded",
    blocked: "blocked: TikTok's script did not load (a content blocker, or Content-Security-Policy)",
    off: "off: the site has no pixel",
  };

  const server = (/** @type {Report} */ report) => {
    const { status, until, consent } = report;
    if (status == "known") return "not told: this order is known already, or older than 24 hours";
    if (!consent) return "held back: no consent yet";
    // The tag sets it on all that it tells the proxy, be it undefined.
    if (!("ttclid" in report)) return "off: the site's page views go to the Pixel alone (page_view)";
    if (status == 202) return "accepted (202)";
    if (until && (!status || status > 399)) return `${status || "no answer yet"}: waits in this browser and is tried again`;
    return status ? `refused (${status}): look at the answer in the network tab` : "under way";
  };

  /** What is odd about a report, as sentences. */
  const warnings = (/** @type {Report} */ { event, key, properties, user, other_sender }) => {
    const { value, currency } = properties;
    const found = [];
    if (key === false) found.push("an unusable key: 1 to 128 bytes of text or a whole number, no e-mail address. The view names the event instead.");
    if (value != null && !currency) found.push("a value without a currency: TikTok cannot count it. Tell currency, such as \"EUR\".");
    if (currency && value == null) found.push("a currency without a value: tell value as a number.");
    if (/^(PlaceAnOrder|CompletePayment|Purchase)$/.test(event) && !key)
      found.push("an order without a key: told again (a reload, your back end) it counts again. Tell {key: the order's key}.");
    if (properties.contents?.some((/** @type {Report} */ item) => !item.content_id)) found.push("contents without content_id: TikTok cannot find them in your catalogue.");
    if (other_sender) found.push("another script on this page loads the same pixel: TikTok counts its events besides. Switch one of them off.");
    if (user && !Object.values(user)[0]) found.push("nothing of identify() could be hashed here: the Pixel is told nothing of it.");
    return found;
  };

  const facts = (/** @type {Report} */ report) => ({
    "pixel leg": PIXEL[report.pixel] || "held back: no consent yet",
    "server leg": server(report),
    event_id: report.key || `${report.view}.${report.n.toString(36)}`,
    consent: report.consent || "none yet",
    ttclid: report.ttclid || "none: the visit did not start at an ad, or 30 days ago",
    _ttp: report.ttp || "none yet: TikTok's script sets it",
    user: Object.keys(report.user || {}).join(", ") || "nobody identified",
    properties: JSON.stringify(report.properties),
  });

  /** @type {Map<Report, string>} */ const shown = new Map();

  const show = (/** @type {Report} */ report) => {
    const all = facts(report);
    const text = JSON.stringify(all);
    if (shown.get(report) == text) return;
    shown.set(report, text);
    console.groupCollapsed(`pixelpair ${report.event}: pixel ${report.pixel || "held"}, server ${all["server leg"]}`);
    console.table(all);
    warnings(report).forEach((warning) => console.warn(`pixelpair ${report.event}: ${warning}`));
    console.groupEnd();
  };

  /** @type {Set<string>} */ const odd = new Set();

  const showAttributes = () => {
    for (const element of document.querySelectorAll("[data-pixelpair-event]"))
      for (const { name } of element.attributes) {
        const field = name.split("data-pixelpair-")[1]?.replace(/-/g, "_");
        if (!field || KNOWN.has(field) || odd.has(name)) continue;
        odd.add(name);
        console.warn(`pixelpair: the attribute ${name} names no field of TikTok's; it is sent as a property of its own`, element);
      }
  };

  setInterval(() => {
    /** @type {any} */ (window).pixelpair.log.forEach(show);
    showAttributes();
  }, 300);
})();
