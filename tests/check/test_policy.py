"""Content-Security-Policy: what browsers allow, told by the same rules as theirs (W3C CSP level 3, 6.7)."""

import base64
import hashlib

import pytest

from proxy.check.policy import Policy, policies_of

PAGE = "https://shop.example/thank-you"
TAG = "https://shop.example/t/tag.js"
TIKTOK = "https://analytics.tiktok.com/i18n/pixel/events.js"


@pytest.mark.parametrize(
    ("source", "script", "loads"),
    [
        ("'self'", TAG, True),
        ("'self'", TIKTOK, False),
        ("'self'", "https://shop.example:8443/t/tag.js", False),
        ("'SELF'", TAG, True),
        ("'none'", TAG, False),
        ("", TAG, False),
        ("*", TIKTOK, True),
        ("https:", TIKTOK, True),
        ("http:", TIKTOK, True),
        ("data:", TIKTOK, False),
        ("analytics.tiktok.com", TIKTOK, True),
        ("ANALYTICS.TikTok.com", TIKTOK, True),
        ("http://analytics.tiktok.com", TIKTOK, True),
        ("http://analytics.tiktok.com:80", TIKTOK, True),
        ("https://analytics.tiktok.com:443", TIKTOK, True),
        ("https://analytics.tiktok.com:8443", TIKTOK, False),
        ("https://analytics.tiktok.com:*", TIKTOK, True),
        ("*.tiktok.com", TIKTOK, True),
        ("*.tiktok.com", "https://tiktok.com/x.js", False),
        ("*.tiktok.com", "https://evil-tiktok.com/x.js", False),
        ("*.com", "https://tiktok.com.evil.example/x.js", False),
        ("https://analytics.tiktok.com/i18n/", TIKTOK, True),
        ("https://analytics.tiktok.com/i18n", TIKTOK, False),
        ("https://analytics.tiktok.com/i18n/pixel/events.js", TIKTOK, True),
        ("https://analytics.tiktok.com/other/", TIKTOK, False),
        ("'strict-dynamic' https://analytics.tiktok.com", TIKTOK, False),
        ("'nonce-abc'", TAG, True),
        ("'nonce-other'", TAG, False),
        ("'unsafe-inline'", TAG, False),
    ],
)
def test_a_source_of_scripts(source: str, script: str, loads: bool) -> None:
    policy = Policy(f"default-src *; script-src {source}", PAGE)
    assert policy.loads(script, "abc") is loads


TEXT = "pixelpair('Contact')"
DIGEST = base64.b64encode(hashlib.sha256(TEXT.encode()).digest()).decode()


@pytest.mark.parametrize(
    ("source", "runs"),
    [
        ("'unsafe-inline'", True),
        ("'self'", False),
        ("*", False),
        (f"'sha256-{DIGEST}'", True),
        (f"'SHA256-{DIGEST}'", True),
        ("'sha256-AAAA'", False),
        # A nonce or a hash switches 'unsafe-inline' off: old browsers alone read it then.
        ("'unsafe-inline' 'nonce-other'", False),
        ("'unsafe-inline' 'sha256-AAAA'", False),
        ("'unsafe-inline' 'strict-dynamic'", False),
        ("'nonce-abc'", True),
    ],
)
def test_a_script_in_the_page_itself(source: str, runs: bool) -> None:
    assert Policy(f"script-src {source}", PAGE).runs(TEXT, "abc") is runs


@pytest.mark.parametrize(
    ("text", "loads", "connects"),
    [
        ("", True, True),
        ("img-src 'none'", True, True),
        ("default-src 'none'", False, False),
        ("default-src 'none'; script-src 'self'", True, False),
        ("default-src 'none'; connect-src 'self'", False, True),
        ("script-src 'none'; script-src-elem 'self'", True, True),
        ("Script-Src 'none'", False, True),
        ("script-src 'self'; script-src 'none'", True, True),
        ("  ;; script-src\t'none' ;", False, True),
    ],
)
def test_directives_fall_back_in_order(text: str, loads: bool, connects: bool) -> None:
    policy = Policy(text, PAGE)
    assert (policy.loads(TAG), policy.connects("https://shop.example/t/e")) == (loads, connects)


def test_one_header_may_hold_several_and_each_binds() -> None:
    policies = policies_of(["script-src *, script-src 'none'", ""], ["script-src https:"], PAGE)
    assert [policy.loads(TAG) for policy in policies] == [True, False, True]
