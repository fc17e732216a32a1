"""S13, a token that leaks: ``check`` sends it to the configured host alone, in its header, and shows it nowhere."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from proxy.cli import main
from tests.listener import http
from tests.shop_page import PIXEL, Shop, TikTok, running, script, tag, token_file

TOKEN = "canary-token-8mQ2xVw4Zt7Lc0pRk"


@pytest.fixture
def tiktok() -> Iterator[TikTok]:
    one = TikTok()
    yield one
    one.stop()


@pytest.fixture
def shop() -> Iterator[Shop]:
    with running() as one:
        one.pages["/t/tag.js"] = script(tag(site="default"))
        yield one


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, tiktok: TikTok, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in [name for name in os.environ if name.startswith("PIXELPAIR_")]:
        monkeypatch.delenv(name)
    token_file(tmp_path, TOKEN)
    (tmp_path / ".env").write_text(
        f"PIXELPAIR_PIXEL_CODE={PIXEL}\nPIXELPAIR_ACCESS_TOKEN_FILE=token\nPIXELPAIR_DOMAINS=localhost\n"
        f"PIXELPAIR_TIKTOK_URL={tiktok.url}\n"
    )
    monkeypatch.chdir(tmp_path)
    return tmp_path


def answers(thief: Shop) -> dict[str, bytes]:
    """What TikTok's place may say, to make us hand the token on or show it."""
    elsewhere = f"Location: {thief.url}\r\n"
    echo = json.dumps({"code": 40105, "message": f"Access token {TOKEN} is incorrect"}).encode()
    return {
        "yes": b"",
        "a redirect": http(b"", "302 Found", elsewhere),
        "a redirect that keeps the method": http(b"", "307 Temporary Redirect", elsewhere),
        "an echo": http(echo),
        "an echo in a header": http(b"{}", "401 Unauthorized", f"X-Token: {TOKEN}\r\n"),
        "a page": http(f"<p>{TOKEN}".encode(), "500 Oops"),
    }


@pytest.mark.parametrize(
    "kind", ["yes", "a redirect", "a redirect that keeps the method", "an echo", "an echo in a header", "a page"]
)
@pytest.mark.parametrize("how", [[], ["--json"]])
def test_s13_the_token_goes_to_tiktok_in_its_header_and_nowhere_else(
    kind: str, how: list[str], tiktok: TikTok, shop: Shop, folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with running() as thief:
        tiktok.answer = answers(thief)[kind] or None
        done = CliRunner().invoke(main, ["check", shop.url, "--allow-local", "--test-code", "TEST1", *how])
        assert thief.connections == 0
    assert done.exit_code == (0 if kind == "yes" else 1), done.output
    assert ("TikTok took the test event" in done.output) == (kind == "yes")
    lines = [line for one in [*tiktok.asked, *shop.asked] for line in one.split(b"\r\n") if TOKEN.encode() in line]
    assert lines == [f"Access-Token: {TOKEN}".encode()]
    assert len(shop.asked) >= 3, "the page, the tag, readyz"
    shown = done.output + done.stderr + "".join(capfd.readouterr()) + repr(done.exception)
    assert TOKEN not in shown


def test_s13_a_token_file_that_others_may_read_is_told_with_the_cure(folder: Path) -> None:
    (folder / "token").chmod(0o644)
    [line] = [
        line
        for line in json.loads(CliRunner().invoke(main, ["check", "--json"]).stdout)["lines"]
        if line["check"] == "files"
    ]
    assert (line["level"], line["cure"]) == ("warn", "chmod 600 token")


def test_s13_a_token_in_the_wrong_line_is_not_shown(folder: Path) -> None:
    (folder / ".env").write_text(f"PIXELPAIR_PIXEL_CODE={PIXEL}\nPIXELPAIR_TIKTOK_URL={TOKEN}\n")
    done = CliRunner().invoke(main, ["check"])
    assert done.exit_code == 2
    assert "PIXELPAIR_TIKTOK_URL" in done.output
    assert TOKEN not in done.output
