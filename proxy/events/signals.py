"""The two ids by which TikTok knows a click and a browser: `ttclid` from the ad's link, `_ttp` from the Pixel's cookie.

TikTok publishes no grammar; these bounds hold every form seen since 2022.
"""

import re

_TTCLID = re.compile("[A-Za-z0-9._-]{8,2048}")
_TTP = re.compile("[A-Za-z0-9._-]{20,80}")
_UNEXPANDED = "__CLICKID__"

TTCLID_WANTED = "must be 8 to 2048 letters, digits, dots, dashes or underscores, with the ad's macro expanded"
TTP_WANTED = "must be 20 to 80 letters, digits, dots, dashes or underscores, as in the cookie _ttp"


def read_ttclid(value: object) -> str | None:
    """``value`` if it can be a click id, else None; a macro that the ad left unexpanded is none."""
    usable = isinstance(value, str) and _TTCLID.fullmatch(value) and _UNEXPANDED not in value
    return value if usable and isinstance(value, str) else None


def read_ttp(value: object) -> str | None:
    """``value`` if it can be a `_ttp` cookie, else None."""
    return value if isinstance(value, str) and _TTP.fullmatch(value) else None
