/** Types of the browser tag's function, for pages written in TypeScript: put this file among your sources. */

type PixelpairText = string | number;

interface PixelpairContent {
  content_id?: PixelpairText;
  content_type?: "product" | "product_group" | (string & {});
  content_name?: string;
  content_category?: string;
  brand?: string;
  price?: PixelpairText;
  quantity?: PixelpairText;
  [name: string]: unknown;
}

interface PixelpairProperties {
  value?: PixelpairText;
  /** Three letters, such as "EUR". */
  currency?: string;
  contents?: PixelpairContent | PixelpairContent[];
  content_ids?: PixelpairText | PixelpairText[];
  content_type?: "product" | "product_group" | (string & {});
  order_id?: PixelpairText;
  query?: string;
  search_string?: string;
  description?: string;
  num_items?: PixelpairText;
  [name: string]: unknown;
}

interface PixelpairOptions {
  /** The shop's own name for the action, such as an order's key: told again, it counts once. */
  key?: PixelpairText;
  /** When the order was placed, in Unix seconds: older than 24 hours, it is not told again. */
  placed?: PixelpairText;
  /** The order ticket that the shop's back end signed. */
  ticket?: string;
}

/** Plain or hashed by SHA-256; what is plain is hashed before TikTok gets it. */
interface PixelpairUser {
  email?: string;
  phone?: string;
  phone_number?: string;
  external_id?: PixelpairText;
  first_name?: string;
  last_name?: string;
  city?: string;
  state?: string;
  zip_code?: string;
  country?: string;
}

type PixelpairConsent = "held" | "granted" | "limited" | "denied";

type PixelpairEvent =
  | "ViewContent" | "AddToCart" | "AddToWishlist" | "InitiateCheckout" | "AddPaymentInfo" | "PlaceAnOrder"
  | "CompletePayment" | "Purchase" | "Search" | "Lead" | "Contact" | "Subscribe" | "CompleteRegistration"
  | "Download" | "SubmitForm" | "ClickButton" | "Schedule" | "StartTrial" | "CustomizeProduct" | "FindLocation"
  | (string & {});

interface Pixelpair {
  (event: "consent", consent: PixelpairConsent): void;
  (event: "identify", user: PixelpairUser): void;
  /** With the part "product": ViewContent of the product in the page's JSON-LD. */
  (event: "product"): void;
  <Name extends PixelpairEvent>(
    event: Name extends "consent" | "identify" | "product" ? never : Name,
    properties?: PixelpairProperties,
    options?: PixelpairOptions
  ): void;
  /** The last 50 events of this page, once the tag has loaded. */
  log?: readonly { readonly [field: string]: unknown }[];
}

declare var pixelpair: Pixelpair;

interface Window {
  pixelpair: Pixelpair;
}
