"""Whatever a page, its headers or what answers in place of the tag hold, each line of the check is still told."""

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from proxy.check import page
from proxy.check.fetching import Answer
from proxy.check.line import Line
from proxy.check.reading import read

URL = "https://shop.example/"
TAG = '<script src="/t/tag.js" defer></script>'
TOLD = {
    "site": "shop",
    "domains": [],
    "pixels": ["COQDA8RC77U2TMR44LI0"],
    "pixelUrl": "https://a.example",
    "mount": "/t",
}

ADDRESSES = (
    *("/t/tag.js", "http://[/t/tag.js", "//[::1/t/tag.js", "https://a:99999/t/tag.js", "https://a:b/t/tag.js"),
    *("https://a@b/t/tag.js", "javascript:1//t/tag.js", "\x00/t/tag.js", "https://\u2100.example/t/tag.js", "///", "?"),
)
PIECES = (
    *(
        "<![if IE]>",
        "<![endif]>",
        "<![foo[",
        "<![ ",
        "<![CDATA[",
        "]]>",
        "<!",
        "<!-",
        "<!-->",
        "<?php",
        "</",
        "</>",
        "<",
    ),
    *("<!doctype [<!entity", "&#xD800;", "&#99999999999;", "\x00", "<title>", "<noscript>", "</iframe>", "<template>"),
    *(f'<script src="{address}">' for address in ADDRESSES),
    *(f'<base href="{address}">' for address in ADDRESSES),
    *(f'<iframe src="{address}">' for address in ADDRESSES),
    *(TAG, "<script>pixelpair(", "</script>", "<script nonce=>", "<script type=''>ttq.load('COQDA8RC77U2TMR44LI0')"),
)
POLICIES = (
    *("", ";", "script-src", "default-src 'none'", "script-src 'self' https://a:99999 https://[::1] *:* https:"),
    *("script-src 'nonce-' 'sha256-é' 'strict-dynamic'", "connect-src http://[ *. .example", "script-src http://a:b/"),
)
HEADERS = ("", ";", "=", "a=b; Secure", "a\x00=b", "é=1", "max-age=" + "9" * 40, "[]", "a,b;c")

scalars: st.SearchStrategy[Any] = st.sampled_from(
    [
        None,
        True,
        0,
        -1,
        10**30,
        "",
        "x",
        *ADDRESSES,
        "https://a.example",
        [],
        {},
        [[]],
        [{}],
        [None],
        ["x"],
        float("inf"),
    ]
)
odd_told = st.fixed_dictionaries({}, optional=dict.fromkeys(TOLD, scalars)).map(lambda odd: TOLD | odd)


def look(html: str, policies: list[str], header: str, tag_body: str, ready_body: str) -> list[Line]:
    """Each line that the page can have, whatever the others say of it."""
    headers = (("Set-Cookie", header), ("Cache-Control", header), ("Content-Type", header), ("Location", header))
    answer = Answer(URL, 200, headers, html.encode("utf-8", "replace"))
    found = read(URL, answer.body.decode("utf-8", "replace"))
    tag = page.tag_of(found, "/t")
    lines = [page.answers(answer), page.is_https(answer, answer), page.tag_is_there(found, tag, "/t")]
    lines += [page.stub_is_there(found), *page.cookies(answer, answer)]
    file = Answer(f"{URL}t/tag.js", 200, headers, tag_body.encode("utf-8", "replace"))
    told = page.told_by(file)
    lines += page.tag_comes(file, told is not None)
    lines += page.other_senders(found, told["pixels"] if told else [])
    if told is not None:
        lines.append(page.right_site(told, "shop.example", None))
        # What was read as the tag came from an address that could be fetched.
        script = page.tag_of(read(URL, TAG), "/t")
        assert script
        lines.append(page.policy_allows(found, policies, script, told))
    ready = Answer(f"{URL}t/readyz", 200, headers, ready_body.encode("utf-8", "replace"))
    lines.append(page.path_reaches(ready))
    page.is_this_proxy(ready, 0, 1, (1, 2))
    return lines


@settings(max_examples=600, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(
    html=st.lists(st.sampled_from(PIECES) | st.text(max_size=8), max_size=12).map("".join),
    policies=st.lists(st.sampled_from(POLICIES), max_size=3),
    header=st.sampled_from(HEADERS),
    told=odd_told,
    ready=scalars | st.dictionaries(st.sampled_from(["status", "reason", "keeper_seen_ms_ago"]), scalars),
)
def test_every_line_is_told(html: str, policies: list[str], header: str, told: Any, ready: Any) -> None:
    lines = look(html, policies, header, f"(e=>{{}})({json.dumps(told, separators=(',', ':'))})", json.dumps(ready))
    assert {"page", "https", "tag", "stub", "tag file", "others", "cookies", "path"} <= {line.check for line in lines}


@pytest.mark.parametrize("odd", ["<![foo[ bar ]]>", "<![ x>", "<![if !IE]><p><![endif]>", "<!x>", "</ x>"])
def test_a_tag_behind_odd_markup_is_found_as_browsers_find_it(odd: str) -> None:
    found = page.tag_of(read(URL, f"{odd}{TAG}"), "/t")
    assert found is not None
    assert found.src == f"{URL}t/tag.js"


def test_a_script_whose_address_no_browser_can_read_is_not_the_tag() -> None:
    line = page.tag_is_there(found := read(URL, "<script src='http://[/t/tag.js' defer></script>"), None, "/t")
    assert page.tag_of(found, "/t") is None
    assert "no script of the page ends in /tag.js" in line.found


@pytest.mark.parametrize(
    "odd",
    [{"pixels": [{}]}, {"pixels": [1]}, {"domains": [[]]}, {"pixelUrl": "http://["}, {"pixelUrl": "https://a:99999"}],
)
def test_settings_of_no_tag_of_ours(odd: dict[str, Any]) -> None:
    body = f"(e=>{{}})({json.dumps(TOLD | odd, separators=(',', ':'))})".encode()
    assert page.told_by(Answer(f"{URL}t/tag.js", 200, (), body)) is None
