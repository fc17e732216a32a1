// @ts-check
/**
 * Optional part of the tag: consent by the IAB's Transparency and Consent Framework 2, as consent managers speak it.
 * Nothing is sent until the shopper has chosen; where the law of consent does not apply, everything is.
 */
((/** @type {number | null} TikTok's number in the list of vendors, if the site demands it */ vendor) =>
  (
    /** @type {(...told: any[]) => void} */ tell,
    /** @type {unknown} */ _,
    /** @type {(action: () => any) => any} */ attempt
  ) => {
    tell("consent", "held");

    const listen = () => {
      const api = /** @type {any} */ (window).__tcfapi;
      api?.("addEventListener", 2, (/** @type {any} */ told, /** @type {boolean} */ isKnown) => {
        if (!isKnown || told.eventStatus == "cmpuishown") return;
        // Purpose 1 is to store and read on the shopper's device, without which there is no click id.
        // Outside the law's reach nothing is told of purposes.
        const isGranted =
          told.gdprApplies === false || (told.purpose.consents[1] && (vendor == null || told.vendor.consents[vendor]));
        tell("consent", isGranted ? "granted" : "denied");
      });
      return api;
    };

    let looks = 0;
    /** Consent managers may come later than the tag. */
    const look = () => {
      if (attempt(listen)) return;
      if (++looks == 20) console.warn("pixelpair: no consent manager speaks TCF on this page, so nothing is sent");
      setTimeout(look, 500);
    };
    look();
  })(
  // @ts-ignore: the proxy writes the settings here.
  __PIXELPAIR__
);
