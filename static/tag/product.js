// @ts-check
/**
 * Optional part of the tag: `pixelpair("product")` tells ViewContent of the product that the page's JSON-LD describes,
 * the markup that shops write for search engines.
 *
 * @typedef {{[name: string]: any}} Fields
 */
(() =>
  (
    /** @type {(...told: any[]) => void} */ tell,
    /** @type {{[name: string]: () => void}} */ commands,
    /** @type {(action: () => any) => any} */ attempt,
    /** @type {(value: any) => any[]} */ list
  ) => {
    /** The first Product in `nodes`: in one or many, in a graph or a page about it.
     * @type {(nodes: any) => Fields | undefined} */
    const productIn = (nodes) => {
      for (const node of list(nodes)) {
        const found = /\bProduct(Group)?\b/.test(node?.["@type"]) ? node : productIn(node?.["@graph"] ?? node?.mainEntity);
        if (found) return found;
      }
    };

    commands.product = () => {
      const blocks = /** @type {any[]} */ ([...document.querySelectorAll('[type$="ld+json"]')]);
      const found = productIn(blocks.flatMap((block) => attempt(() => JSON.parse(block.textContent))));
      if (!found) return console.warn("pixelpair: the page's JSON-LD has no Product");
      const offer = list(found.offers)[0] || {};
      const specified = list(offer.priceSpecification)[0] || {};
      const price = offer.price ?? offer.lowPrice ?? specified.price;
      tell("ViewContent", {
        contents: {
          content_id: found.sku ?? found.productID ?? found.productGroupID ?? found.gtin ?? found.gtin13 ?? offer.sku,
          content_type: /ProductGroup/.test(found["@type"]) ? "product_group" : "product",
          content_name: found.name,
          brand: found.brand?.name ?? found.brand,
          content_category: found.category,
          price,
          quantity: 1,
        },
        value: price,
        currency: offer.priceCurrency ?? specified.priceCurrency,
      });
    };
  })(
  // @ts-ignore: the proxy writes the settings here.
  __PIXELPAIR__
);
