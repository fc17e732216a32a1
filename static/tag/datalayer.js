// @ts-check
/**
 * Optional part of the tag: tells what Google's tags are told. Reads the page's dataLayer, earlier entries too, whether
 * pushed as objects or by gtag(); sends its shop events on both legs, and follows Google's Consent Mode.
 *
 * @typedef {{[name: string]: any}} Fields
 */
((/** @type {string} how the site calls an order */ orderEvent) =>
  (
    /** @type {(...told: any[]) => void} */ tell,
    /** @type {unknown} */ _,
    /** @type {(action: () => any) => any} */ attempt,
    /** @type {(value: any) => any[]} */ list
  ) => {
    /** Google's events and TikTok's. Page views are the tag's own.
     * @type {Fields} */
    const names = {
      add_payment_info: "AddPaymentInfo",
      add_to_cart: "AddToCart",
      add_to_wishlist: "AddToWishlist",
      begin_checkout: "InitiateCheckout",
      generate_lead: "Lead",
      purchase: orderEvent,
      search: "Search",
      sign_up: "CompleteRegistration",
      view_item: "ViewContent",
    };

    const content = (/** @type {Fields} */ item) => ({
      content_id: item.item_id ?? item.id,
      content_type: "product",
      content_name: item.item_name ?? item.name,
      brand: item.item_brand ?? item.brand,
      content_category: [item.item_category ?? item.category, item.item_category2, item.item_category3, item.item_category4, item.item_category5]
        .filter(Boolean)
        .join(" > "),
      price: item.price,
      quantity: item.quantity ?? 1,
    });

    /** What all `items` cost; undefined if one has no price: better no value than a wrong one. */
    const total = (/** @type {Fields[]} */ items) => {
      const sum = items.reduce((sum, { price, quantity }) => sum + (price ?? NaN) * (quantity ?? 1), 0);
      if (items[0] && sum >= 0) return Math.round(sum * 100) / 100;
    };

    const shopEvent = (/** @type {string} */ name, /** @type {Fields} */ params) => {
      if (!names[name]) return;
      const { items: told, value, currency, transaction_id, search_term } = params?.ecommerce || params || {};
      /** @type {Fields[]} */ const items = list(told);
      // No currency is invented: a wrong one is worse than none.
      tell(
        names[name],
        { contents: items.map(content), value: value ?? total(items), currency, order_id: transaction_id, query: search_term },
        { key: transaction_id }
      );
    };

    /** @type {Fields} What Consent Mode was told so far. */ const granted = {};

    /** Denied by default means: not asked yet. A default for some regions counts everywhere, as we do not know ours. */
    const consent = (/** @type {string} */ mode, /** @type {Fields} */ told) => {
      const isUpdate = mode == "update";
      const names = ["ad_storage", "ad_user_data"].filter((name) => told[name]);
      for (const name of names) if (isUpdate || granted[name] != "denied") granted[name] = told[name];
      if (names[0])
        tell(
          "consent",
          isUpdate && names.some((name) => told[name] == "denied")
            ? "denied"
            : Object.values(granted).every((one) => one == "granted")
            ? "granted"
            : "held"
        );
    };

    const read = (/** @type {any} */ entry) =>
      attempt(() => {
        if (entry.event) shopEvent(entry.event, entry);
        else if (entry[0] == "event") shopEvent(entry[1], entry[2]);
        else if (entry[0] == "consent") consent(entry[1], entry[2]);
      });

    const layer = ((/** @type {any} */ (window)).dataLayer ||= []);
    const push = layer.push;
    layer.push = (/** @type {any[]} */ ...entries) => {
      entries.forEach(read);
      return push.apply(layer, entries);
    };
    layer.forEach(read);
  })(
  // @ts-ignore: the proxy writes the settings here.
  __PIXELPAIR__
);
