"""The event names TikTok knows, as of its help pages of 2025, and which of them a slip of the pen was meant to be."""

from collections.abc import Container

STANDARD = frozenset(
    {
        *("ViewContent", "AddToCart", "Purchase", "InitiateCheckout", "AddPaymentInfo", "AddToWishlist", "Search"),
        *("StartTrial", "Subscribe", "Download", "Lead", "CompleteRegistration", "Contact", "CustomizeProduct"),
        *("FindLocation", "Schedule", "SubmitApplication", "ApplicationApproval", "Pageview"),
        *("CompletePayment", "SubmitForm"),  # older names, still taken
        *("PlaceAnOrder", "ClickButton"),  # retired from the list, still taken
    }
)

# Names by which other tools call the same action.
_ALIASES = {
    "placeorder": "PlaceAnOrder",
    "orderplaced": "PlaceAnOrder",
    "order": "PlaceAnOrder",
    "viewitem": "ViewContent",
    "viewproduct": "ViewContent",
    "begincheckout": "InitiateCheckout",
    "startcheckout": "InitiateCheckout",
    "checkout": "InitiateCheckout",
    "generatelead": "Lead",
    "signup": "CompleteRegistration",
    "register": "CompleteRegistration",
    "registration": "CompleteRegistration",
    "pageviewed": "Pageview",
    "addtobasket": "AddToCart",
}
_BY_LETTERS = {**_ALIASES, **{name.lower(): name for name in STANDARD}}


def problem_with(event: object, custom: Container[str]) -> tuple[str, str] | None:
    """Why ``event`` is no event name of TikTok's or of ``custom``, as (code, sentence); None when it is one."""
    if event is None or event == "":
        return "missing", "Name the event, such as ViewContent."
    if not isinstance(event, str):
        return "invalid", "The event must be a string, such as ViewContent."
    if event in STANDARD or event in custom:
        return None
    meant = _BY_LETTERS.get("".join(filter(str.isalpha, event)).lower())
    if meant:
        return "unknown_event", f"Write this event {meant}, letter for letter; TikTok compares names exactly."
    return "unknown_event", "TikTok has no event of this name; use a standard name, or allow this one in event_names."
