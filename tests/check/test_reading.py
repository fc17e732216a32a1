"""Reading a page's HTML: what runs is found, what does not run is not, and no page takes long."""

import random

import pytest

from proxy.check.fetching import Answer
from proxy.check.page import told_by
from proxy.check.reading import read

URL = "https://shop.example/shop/page"
MIB = 2**20


@pytest.mark.parametrize(
    ("html", "sources"),
    [
        ("<script src=/t/tag.js defer></script>", ["https://shop.example/t/tag.js"]),
        ("<SCRIPT SRC='t/tag.js'></SCRIPT>", ["https://shop.example/shop/t/tag.js"]),
        ("<script src=' //cdn.example/a.js '>", ["https://cdn.example/a.js"]),
        ("<base href='https://cdn.example/x/'><script src=a.js></script>", ["https://cdn.example/x/a.js"]),
        ("<script src='/a?x=1&amp;y=2'></script>", ["https://shop.example/a?x=1&y=2"]),
        ("<!-- <script src=/a.js></script> -->", []),
        ("<noscript><script src=/a.js></script></noscript><script src=/b.js>", ["https://shop.example/b.js"]),
        ("<template><script src=/a.js></script></template>", []),
        ("<title><script src=/a.js></script></title>", []),
        ("<textarea><script src=/a.js></script></textarea>", []),
        ("<script>'<script src=/a.js>'</script>", []),
        ("<p title='<script src=/a.js></script>'>", []),
        ("<script src='http://[::1'></script>", ["http://[::1"]),
        ("<script src=''></script>", []),
    ],
)
def test_scripts_with_an_address(html: str, sources: list[str]) -> None:
    assert [script.src for script in read(URL, html).scripts if script.src] == sources


def test_text_of_scripts_is_whole_across_pieces() -> None:
    text = "pixelpair('Contact');" * 10_000
    page = read(URL, f"<p>{'x' * 65_000}<script>{text}</script><script type=text/plain>no</script>")
    assert [script.text for script in page.inline()] == [text]


@pytest.mark.parametrize(
    "part", ["<a ", "<a b='", "<!--", "<", "<a/", "<script>", "<title>", "&#", "<a b b b", "<![CDATA["]
)
def test_a_page_made_to_cost_time_is_read_in_bounded_work(part: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from proxy.check import reading

    work: list[int] = []
    feed = reading._Reader.feed

    def counted(self: reading._Reader, data: str) -> None:
        work.append(len(self.rawdata) + len(data))
        feed(self, data)

    monkeypatch.setattr(reading._Reader, "feed", counted)
    page = "<script src=/t/tag.js></script>" + part * (2 * MIB // len(part))
    assert [script.src for script in read(URL, page).scripts][:1] == ["https://shop.example/t/tag.js"]
    assert sum(work) <= 12 * MIB


def test_no_page_makes_it_raise(is_long: bool) -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    words = [
        "<",
        ">",
        "/",
        "script",
        "noscript",
        "meta",
        "base",
        " href=",
        " src=",
        "'",
        '"',
        "=",
        "http://[",
        "<!--",
        "-->",
        "&",
        ";",
        "\0",
        "\ud800",
        "]]>",
    ]
    for _ in range(20_000 if is_long else 500):
        html = "".join(chance.choice(words) for _ in range(chance.randrange(60)))
        page = read(URL, html)
        assert len(page.scripts) <= html.count("script")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b'(...["a",',
        b'(...["a"])',
        b'(...["a",{},[],"x"])',
        b'(...["a",[],[],"x"',
        b'(...["a",' + b"[" * 100_000,
        b"\xff\xfe",
    ],
)
def test_what_is_no_tag_tells_nothing(body: bytes) -> None:
    assert told_by(Answer(URL, 200, (), body)) is None
