// @ts-check
/**
 * Optional part of the tag: `pixelpair("product")` tells ViewContent of the product that the page's JSON-LD describes,
 * the markup that shops write for search engines.
 *
 * @typedef {{[name: string]: any}} Fields
 */
(() => (/** @type {(...told: any[]) => void} */ tell, /** @type {{[name: string]: (told: any) => void}} */ commands) => {
  /** @returns {any[]} */
  const list = (/** @type {any} */ value) => [].concat(value ?? []);

  /** The first Product in `node`, which may be an array, a graph or a page about it. @returns {Fields | undefined} */
  const productIn = (/** @type {any} */ node) => {
    if (list(node?.["@type"]).some((type) => /(^|\/)Product(Group)?$/.test(type))) return node;
    for (const inner of Array.isArray(node) ? node : list(node?.["@graph"] ?? node?.mainEntity)) {
      const found = productIn(inner);
      if (found) return found;
    }
  };

  const product = () => {
    for (const script of document.querySelectorAll('script[type="application/ld+json"]'))
      try {
        const found = productIn(JSON.parse(script.textContent || ""));
        if (found) return found;
      } catch (_) {}
  };

  commands.product = () => {
    const found = product();
    if (!found) return console.warn("pixelpair: the page's JSON-LD has no Product");
    const offer = list(found.offers)[0] || {};
    const specified = list(offer.priceSpecification)[0] || {};
    const price = offer.price ?? offer.lowPrice ?? specified.price;
    const currency = offer.priceCurrency ?? specified.priceCurrency;
    tell("ViewContent", {
      contents: {
        content_id: found.sku ?? found.productID ?? found.productGroupID ?? found.gtin ?? found.gtin13 ?? offer.sku,
        content_type: list(found["@type"]).some((type) => /ProductGroup$/.test(type)) ? "product_group" : "product",
        content_name: found.name,
        brand: found.brand?.name ?? found.brand,
        content_category: found.category,
        price,
        quantity: 1,
      },
      value: price,
      currency,
    });
  };
})(
  // @ts-ignore: the proxy writes the settings here.
  __PIXELPAIR__
);
