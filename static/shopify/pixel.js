/**
 * Pixelpair for Shopify: paste this whole file as a custom pixel (Settings > Customer events > Add custom pixel), with
 * the address of your Pixelpair in the first line of code.
 *
 * Shopify runs it in a sandbox without the shop's page: no tag.js works there, and no Pixel of TikTok's. So it sends the
 * server leg alone, told by the browser; what it needs of the page it asks Shopify for. An order that was not taken is
 * kept and told again: three times on its page, then from the next one, for a day.
 */
const ENDPOINT = "https://t.shop.example/t/e"; // where your Pixelpair answers
const SITE = undefined; // if it serves several sites: the name in [sites.NAME], in quotes

// What Shopify calls it, and what TikTok does. Take out the line of an event that is not to be sent.
const EVENTS = {
  page_viewed: "Pageview",
  product_viewed: "ViewContent",
  product_added_to_cart: "AddToCart",
  checkout_started: "InitiateCheckout",
  checkout_completed: "PlaceAnOrder",
};

const pause = (ms) => new Promise((done) => setTimeout(done, ms));

// ---- Consent: Shopify's own ----

let privacy = init.customerPrivacy || {};
const mayTell = () => privacy.marketingAllowed !== false;

api.customerPrivacy.subscribe("visitorConsentCollected", (event) => {
  privacy = event.customerPrivacy;
  keepClick();
});

// ---- The click that brought the shopper ----

const told = new URLSearchParams(init.context.document.location.search).get("ttclid") || "";
const signals = { ttclid: /^(?!__CLICKID__)[\w.-]{8,2048}$/.test(told) ? told : undefined };

function keepClick() {
  if (signals.ttclid === told && mayTell())
    browser.cookie.set(`ttclid=${told};path=/;max-age=2592000;samesite=lax;secure`).catch(() => {});
}
keepClick();

const reading = Promise.all([browser.cookie.get("ttclid"), browser.cookie.get("_ttp")]).then(([ttclid, ttp]) => {
  signals.ttclid = signals.ttclid || ttclid || undefined;
  signals.ttp = ttp || undefined;
});
// Once it is over it holds nobody up: the page may be left at any moment.
const ready = Promise.race([reading.catch(() => {}), pause(1000)]);

// ---- What happened, in TikTok's words ----

// TikTok finds a product by the id that your catalogue there gives it; here it is Shopify's id of the product.
const lineOf = (variant, quantity) => ({
  content_id: variant.product.id,
  content_type: "product",
  content_name: variant.product.title,
  price: variant.price.amount,
  quantity,
});

function propertiesOf({ productVariant, cartLine, checkout }) {
  if (productVariant) return money(productVariant.price, [lineOf(productVariant, 1)]);
  if (cartLine) return money(cartLine.cost.totalAmount, [lineOf(cartLine.merchandise, cartLine.quantity)]);
  if (checkout)
    return money(
      checkout.totalPrice,
      checkout.lineItems.filter((line) => line.variant).map((line) => lineOf(line.variant, line.quantity)),
    );
  return {};
}

const money = (price, contents) => ({ contents, value: price?.amount, currency: price?.currencyCode });

// ---- Telling it ----

/** 8 characters of time, 16 random ones: what Pixelpair names the events of one page view by. */
const newView = () =>
  Date.now().toString(36).padStart(8, "0") +
  Array.from(crypto.getRandomValues(new Uint32Array(16)), (one) => (one % 36).toString(36)).join("");

let view = newView();
let n = 0;

for (const [name, event] of Object.entries(EVENTS))
  analytics.subscribe(name, async ({ data, context, timestamp }) => {
    if (!mayTell()) return;
    if (name == "page_viewed" && n) [view, n] = [newView(), 0];
    const checkout = data.checkout;
    const report = {
      v: 1,
      site: SITE,
      event,
      view,
      n: n++,
      // Nobody can guess it, and Shopify's webhooks of the order have it too, as checkout_token.
      key: name == "checkout_completed" ? checkout.token : undefined,
      time: Date.parse(timestamp),
      url: context.document.location.href,
      referrer: context.document.referrer,
      properties: propertiesOf(data),
      user: { email: checkout?.email, phone: checkout?.phone, external_id: init.data?.customer?.id },
      consent: privacy.saleOfDataAllowed === false ? "limited" : "granted",
      pixel: "off",
    };
    await ready;
    await (report.key ? sendOrder({ ...report, ...signals }) : post({ ...report, ...signals }));
  });

/** Whether the report needs no further telling: it was taken, or it never will be. */
async function post(report) {
  try {
    // Text needs no question beforehand (a CORS preflight); without keepalive it dies with the page.
    const body = JSON.stringify({ ...report, sent: Date.now() });
    const { status } = await fetch(ENDPOINT, { method: "POST", body, keepalive: true, credentials: "omit" });
    return status < 500 && ![408, 425, 429].includes(status);
  } catch (_) {
    return false;
  }
}

// ---- Orders that were not taken wait in the shop's localStorage, without e-mail and phone ----

const KEPT = "pixelpair_orders";

const kept = async () => JSON.parse((await browser.localStorage.getItem(KEPT)) || "[]");

const change = async (how) => browser.localStorage.setItem(KEPT, JSON.stringify(how(await kept())));

const without = (report) => (orders) => orders.filter((order) => order.key != report.key);

async function sendOrder(report) {
  const unnamed = { ...report, user: undefined };
  const keeping = change((orders) => [...without(unnamed)(orders), unnamed]).catch(() => {});
  for (const wait of [0, 2000, 10000]) {
    if (wait) await pause(wait);
    if (await post(report)) return keeping.then(() => change(without(report)));
    report = { ...report, retry: (report.retry || 0) + 1 };
  }
}

async function tellOfEarlier() {
  for (const order of await kept()) {
    if (Date.now() - order.time > 864e5) await change(without(order));
    else if (mayTell()) sendOrder({ ...order, retry: (order.retry || 0) + 1 });
  }
}
tellOfEarlier().catch(() => {});
