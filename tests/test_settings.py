"""Settings: where they come from, which one wins, and what a person reads when one is wrong."""

import os
import re
import stat
import tomllib
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from pydantic import ValidationError

from proxy.errors import SettingsError
from proxy.settings import Settings, demo_settings, load, naming, secret_keys

CODE = "COQDA8RC77U2TMR44LI0"
CODE_2 = "COQDA8RC77U2TMR44LI1"
SECRET = "tt-S3CRET-that-nobody-may-see"
ALONE = {"PIXELPAIR_PIXEL_CODE": CODE, "PIXELPAIR_ACCESS_TOKEN": SECRET}
KEY = "fK2-w9QzLm7_Rb4TxYp8VsHd3NcGjE6uAo"

MAIN = f'[sites.main]\npixel_code = "{CODE}"\naccess_token = "{SECRET}"\n'
UK = f'[sites.uk]\npixel_code = "{CODE_2}"\naccess_token = "{SECRET}"\n'
ANY_TEXT = {"pixel_code", "test_event_code", "event_names", "order_events", "require_ticket"}
DOCS = Path(__file__).parents[1] / "docs" / "settings.md"

Load = Callable[..., Settings]


@pytest.fixture
def loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Load:
    """load() in an empty folder, with the texts of pixelpair.toml and .env."""
    monkeypatch.chdir(tmp_path)

    def call(environ: dict[str, str] | None = None, toml: str = "", dotenv: str = "") -> Settings:
        if toml:
            Path("pixelpair.toml").write_text(toml)
        Path(".env").write_text(dotenv)
        return load(None, environ or {}, Path(".env"))

    return call


# --- where settings come from ---


def test_two_variables_are_enough_for_one_site(loaded: Load) -> None:
    settings = loaded(ALONE)
    site = settings.sites["default"]
    assert [d.name for d in settings.destinations] == [f"default/{CODE}"]
    assert site.destinations[0].token() == SECRET
    assert site.order_events == ("PlaceAnOrder", "CompletePayment", "Purchase")
    assert (settings.outbox_url, settings.mount, settings.trusted_hops) == ("sqlite:///var/pixelpair.db", "/t", 0)
    assert (site.merge_wait, site.consent, site.bots, settings.reports_per_minute) == (20, "granted", "withhold", 600)
    assert settings.warnings == ()


def test_lists_in_the_environment_are_separated_by_commas(loaded: Load) -> None:
    environ = {"PIXELPAIR_DOMAINS": " Shop.Example, www.shop.example.,", "PIXELPAIR_API_KEYS": "one,two"}
    site = loaded(ALONE | environ).sites["default"]
    assert site.domains == ("shop.example", "www.shop.example")
    assert [key.get_secret_value() for key in site.api_keys] == ["one", "two"]


@pytest.mark.parametrize(
    ("environ", "dotenv", "toml", "hops"),
    [
        ({"PIXELPAIR_TRUSTED_HOPS": "3"}, "PIXELPAIR_TRUSTED_HOPS=2", "trusted_hops = 1\n", 3),
        ({}, "PIXELPAIR_TRUSTED_HOPS=2", "trusted_hops = 1\n", 2),
        ({"PIXELPAIR_TRUSTED_HOPS": ""}, "", "trusted_hops = 1\n", 1),
        ({}, "", "", 0),
    ],
    ids=["environment first", "then .env", "then the file, since an empty variable is not set", "then the default"],
)
def test_what_stands_nearer_wins(loaded: Load, environ: dict[str, str], dotenv: str, toml: str, hops: int) -> None:
    assert loaded(environ, toml + MAIN, dotenv).trusted_hops == hops


def test_dotenv_may_have_comments_quotes_and_the_variables_of_others(loaded: Load) -> None:
    dotenv = f"# mine\n\nexport PIXELPAIR_PIXEL_CODE='{CODE}'\nOTHER=1\nPIXELPAIR_ACCESS_TOKEN=\"{SECRET}\"  # secret\n"
    assert loaded(dotenv=dotenv).destinations[0].token() == SECRET


def test_config_variable_names_the_file(loaded: Load, tmp_path: Path) -> None:
    (tmp_path / "other.toml").write_text(UK)
    assert list(loaded({"PIXELPAIR_CONFIG": "other.toml"}, MAIN).sites) == ["uk"]


def test_named_file_goes_before_config_variable(loaded: Load, tmp_path: Path) -> None:
    (tmp_path / "other.toml").write_text(UK)
    assert list(load(tmp_path / "other.toml", {"PIXELPAIR_CONFIG": "missing.toml"}, None).sites) == ["uk"]


def test_nested_variable_joins_its_site_and_leaves_the_others(loaded: Load) -> None:
    toml = f'[sites.main]\npixel_code = "{CODE}"\ndomains = ["shop.example"]\n{UK}'
    settings = loaded({"PIXELPAIR_SITES__MAIN__ACCESS_TOKEN": "fresh"}, toml)
    assert [d.token() for d in settings.destinations] == ["fresh", SECRET]
    assert settings.sites["main"].domains == ("shop.example",)


def test_short_variable_applies_to_the_only_site_of_the_file(loaded: Load) -> None:
    settings = loaded({"PIXELPAIR_ACCESS_TOKEN": "fresh"}, MAIN)
    assert [(d.site, d.token()) for d in settings.destinations] == [("main", "fresh")]


def test_spelled_out_variable_wins_over_the_short_one(loaded: Load) -> None:
    environ = {"PIXELPAIR_SITES__MAIN__BOTS": "send", "PIXELPAIR_BOTS": "withhold"}
    assert loaded(environ, MAIN).sites["main"].bots == "send"


def test_dash_of_a_site_name_is_an_underscore_in_a_variable(loaded: Load) -> None:
    settings = loaded({"PIXELPAIR_SITES__MY_SHOP__BOTS": "send"}, MAIN.replace("main", "my-shop"))
    assert settings.sites["my-shop"].bots == "send"


def test_site_may_have_several_pixels_with_tokens_from_the_environment(loaded: Load) -> None:
    toml = f'[[sites.main.pixels]]\npixel_code = "{CODE}"\n[[sites.main.pixels]]\npixel_code = "{CODE_2}"\n'
    environ = {f"PIXELPAIR_SITES__MAIN__PIXELS__{n}__ACCESS_TOKEN": f"token-{n}" for n in (0, 1)}
    settings = loaded(environ, toml)
    assert [(d.name, d.token()) for d in settings.destinations] == [
        (f"main/{CODE}", "token-0"),
        (f"main/{CODE_2}", "token-1"),
    ]


def test_pixels_may_come_from_the_environment_alone_in_any_order(loaded: Load) -> None:
    pixel = "PIXELPAIR_SITES__MAIN__PIXELS"
    codes = {f"{pixel}__1__PIXEL_CODE": CODE_2, f"{pixel}__0__PIXEL_CODE": CODE}
    tokens = {f"{pixel}__1__ACCESS_TOKEN": "b", f"{pixel}__0__ACCESS_TOKEN": "a"}
    settings = loaded(codes | tokens)
    assert [(d.pixel_code, d.token()) for d in settings.destinations] == [(CODE, "a"), (CODE_2, "b")]


def test_named_order_events_join_the_three_that_always_are(loaded: Load) -> None:
    site = loaded(ALONE | {"PIXELPAIR_ORDER_EVENTS": "Subscribe,Purchase"}).sites["default"]
    assert site.order_events == ("PlaceAnOrder", "CompletePayment", "Purchase", "Subscribe")


# --- tokens in files ---


def test_token_file_is_read_afresh(loaded: Load, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("first\n")
    [destination] = loaded({"PIXELPAIR_PIXEL_CODE": CODE, "PIXELPAIR_ACCESS_TOKEN_FILE": str(file)}).destinations
    assert destination.token() == "first"
    file.write_text("second\n")
    assert destination.token() == "second"
    file.unlink()
    with pytest.raises(SettingsError, match="cannot be read"):
        destination.token()


@pytest.mark.parametrize("content", [b"", b" \n", b"two words", b"\xff\xfe", b"ACCESS_TOKEN"])
def test_token_file_without_a_token_stops_the_start(loaded: Load, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "token").write_bytes(content)
    with pytest.raises(SettingsError) as caught:
        loaded({"PIXELPAIR_PIXEL_CODE": CODE, "PIXELPAIR_ACCESS_TOKEN_FILE": "token"})
    assert caught.value.name == "PIXELPAIR_ACCESS_TOKEN_FILE"


def test_token_above_replaces_the_token_file_below(loaded: Load) -> None:
    toml = MAIN.replace(f'access_token = "{SECRET}"', 'access_token_file = "/missing"')
    assert loaded({"PIXELPAIR_ACCESS_TOKEN": "fresh"}, toml).destinations[0].token() == "fresh"


# --- what is wrong, in the environment ---

BAD_VARIABLES = [
    ("TRUSTED_HOPS", "-1", "greater than or equal to 0"),
    ("TRUSTED_HOPS", "one", "valid integer"),
    ("REPORTS_PER_MINUTE", "0", "greater than or equal to 1"),
    ("BOTS", "drop", "'withhold' or 'send'"),
    ("CONSENT", "held", "'granted' or 'limited'"),
    ("GPC", "ignore", "'limit' or 'drop'"),
    ("PAGE_VIEW", "no", "'both', 'pixel' or 'off'"),
    ("ALLOW_NO_ORIGIN", "perhaps", "valid boolean"),
    ("MERGE_WAIT", "nan", "finite"),
    ("MERGE_WAIT", "241", "less than or equal to 240"),
    ("DOMAINS", "https://shop.example", "host name only"),
    ("DOMAINS", "shop.example/path", "host name only"),
    ("DOMAINS", "shop.example:8080", "host name only"),
    ("DOMAINS", "*.shop.example", "host name only"),
    ("DOMAINS", "bücher.example", "xn--"),
    ("COOKIE_DOMAIN", "com", "the shop's domain"),
    ("COOKIE_DOMAIN", "https://shop.example", "host name only"),
    ("DEFAULT_REGION", "UK", "unknown region"),
    ("MOUNT", "/", "must start with /"),
    ("MOUNT", "t", "must start with /"),
    ("MOUNT", "/t/", "without a slash at its end"),
    ("MOUNT", "/../t", "must start with /"),
    ("TIKTOK_URL", "http://business-api.tiktok.com", "must be https"),
    ("TIKTOK_URL", "business-api.tiktok.com", "not a web address"),
    ("TIKTOK_URL", "https://business-api.tiktok.com/open_api/", "the path is added"),
    ("TIKTOK_URL", "https://me:pw@business-api.tiktok.com", "only scheme, host and port"),
    ("PIXEL_URL", "https://analytics.tiktok.com:port", "not a web address"),
    ("OUTBOX_URL", "mysql://shop:hunter2@db/shop", "unknown engine"),
    ("OUTBOX_URL", "sqlite://", "must be a file"),
    ("OUTBOX_URL", "sqlite:///:memory:", "must be a file"),
    ("ACCESS_TOKEN", "ACCESS_TOKEN", "placeholder"),
    ("ACCESS_TOKEN", "two words", "no spaces"),
    ("ACCESS_TOKEN_FILE", "also-this", "keep only one"),
    ("API_KEYS", "two words", "one word"),
    ("OPERATOR_PASSWORD_HASH", "correct horse battery staple", "pixelpair password"),
    ("OPERATOR_PASSWORD_HASH", "pbkdf2:sha256:1000000$abcdefgh$" + "0" * 64, "pixelpair password"),
    ("OPERATOR_PASSWORD_HASH", ":8:1" + "0" * 120, "single quotes"),  # what a shell leaves of it without them
    ("OPERATOR_PASSWORD_HASH", "scrypt:32768:8:1$abcdefgh$" + "0" * 127, "no scrypt hash"),
    ("OPERATOR_PASSWORD_HASH", "scrypt:1024:8:1$abcdefgh$" + "0" * 128, "too quick"),
    ("OPERATOR_PASSWORD_HASH", "scrypt:32769:8:1$abcdefgh$" + "0" * 128, "too quick"),
    ("OPERATOR_PASSWORD_HASH", "scrypt:32768:0:1$abcdefgh$" + "0" * 128, "too quick"),
    ("OPERATOR_PASSWORD_HASH", "scrypt:4194304:8:1$abcdefgh$" + "0" * 128, "too much memory"),
    ("SECRET_KEYS", "too-short", "at least 32"),
    ("SECRET_KEYS", "change-me-change-me-change-me-change-me", "sample"),
    ("SECRET_KEYS", "CHANGE_ME_before_you_go_live_0987", "sample"),
    ("SECRET_KEYS", "a" * 40, "sample"),
    ("EVENT_NAME", "x", "did you mean PIXELPAIR_EVENT_NAMES?"),
    ("PIXLE_CODE", "x", "did you mean PIXELPAIR_PIXEL_CODE?"),
    ("CONFIGURATION_OF_ALL", "x", "remove it"),
    ("PIXELS", "x", "no such setting"),
    ("SITES", "x", "no such setting"),
    ("SITES__", "x", "no such setting"),
    ("SITES____BOTS", "x", "no such setting"),
    ("SITES__MAIN__PIXELCODE", "x", "did you mean PIXELPAIR_SITES__MAIN__PIXEL_CODE?"),
    ("SITES__DEFAULT__PIXELS__0__TOKEN", "x", "no such setting"),
    ("SITES__DEFAULT__PIXELS__4__ACCESS_TOKEN", "x", "count them from 0"),
    ("CONFIG", "missing.toml", "cannot be read"),
]


@pytest.mark.parametrize(("name", "value", "words"), BAD_VARIABLES)
def test_bad_variable_stops_the_start_by_its_name(loaded: Load, name: str, value: str, words: str) -> None:
    with pytest.raises(SettingsError) as caught:
        loaded(ALONE | {f"PIXELPAIR_{name}": value})
    # Of two tokens, the one that may be dropped is named first.
    assert caught.value.name == f"PIXELPAIR_{name}".replace("ACCESS_TOKEN_FILE", "ACCESS_TOKEN")
    assert words in caught.value.message


def test_same_words_for_dotenv(loaded: Load) -> None:
    with pytest.raises(SettingsError, match=r"^PIXELPAIR_BOTS: must be 'withhold' or 'send'\.$"):
        loaded(ALONE, dotenv="PIXELPAIR_BOTS=no")


def test_line_of_dotenv_that_sets_nothing_is_named(loaded: Load) -> None:
    with pytest.raises(SettingsError, match=r"^\.env line 3: write each setting as NAME=value"):
        loaded(ALONE, dotenv="# mine\nA=1\nPIXELPAIR_BOTS\n")


def test_nothing_set_tells_the_three_variables(loaded: Load) -> None:
    with pytest.raises(SettingsError, match="PIXELPAIR_PIXEL_CODE, PIXELPAIR_ACCESS_TOKEN and PIXELPAIR_DOMAINS"):
        loaded()


@pytest.mark.parametrize("name", ["PIXEL_CODE", "ACCESS_TOKEN"])
def test_missing_variable_is_named_as_it_would_be_written(loaded: Load, name: str) -> None:
    environ = {key: value for key, value in ALONE.items() if not key.endswith(name)}
    with pytest.raises(SettingsError) as caught:
        loaded(environ)
    assert caught.value.name == f"PIXELPAIR_{name}"


def test_short_variable_with_several_sites_is_refused(loaded: Load) -> None:
    with pytest.raises(SettingsError, match=r"^PIXELPAIR_BOTS: .*PIXELPAIR_SITES__MAIN__BOTS"):
        loaded({"PIXELPAIR_BOTS": "send"}, MAIN + UK)


def test_other_faults_of_the_start_are_in_the_notes(loaded: Load) -> None:
    with pytest.raises(SettingsError) as caught:
        loaded(ALONE | {"PIXELPAIR_BOTS": "no", "PIXELPAIR_TRUSTED_HOPS": "-1"})
    assert caught.value.name == "PIXELPAIR_BOTS"
    assert [note.split(":")[0] for note in caught.value.__notes__] == ["PIXELPAIR_TRUSTED_HOPS"]


# --- what is wrong, in pixelpair.toml ---

BAD_TOML = [
    ("trusted_hop = 1\n" + MAIN, "trusted_hop", "did you mean trusted_hops?"),
    ("trusted_hops = true\n" + MAIN, "trusted_hops", "not true or false"),
    ("bots = 'send'\n" + MAIN, "bots", "write it below [sites.NAME]"),
    ("warnings = ['x']\n" + MAIN, "warnings", "no such setting"),
    ("sites = 1\n", "sites", "must be a table"),
    (f"[sites]\npixel_code = '{CODE}'\n", "sites.pixel_code", "[sites.NAME]"),
    (MAIN + "domain = 'shop.example'\n", "sites.main.domain", "did you mean domains?"),
    (MAIN + "destinations = []\n", "sites.main.destinations", "no such setting"),
    (MAIN + "domains = ['shop.example', 1]\n", "sites.main.domains.1", "valid string"),
    (MAIN + "domains = 1\n", "sites.main.domains", "valid list"),
    (MAIN + "event_names = ['']\n", "sites.main.event_names", "empty"),
    (MAIN.replace("main", "Main"), "sites.Main", "lower-case"),
    (MAIN.replace("main", "a__b"), "sites.a__b", "single"),
    ("[sites.main]\naccess_token = 'x'\n", "sites.main.pixel_code", "missing"),
    ("[sites.main]\npixel_code = ''\naccess_token = 'x'\n", "sites.main.pixel_code", "missing or empty"),
    (f"[sites.main]\npixel_code = '{CODE}'\n", "sites.main.access_token", "no access token"),
    (MAIN.replace(SECRET, ""), "sites.main.access_token", "empty"),
    (MAIN + "access_token_file = 'x'\n", "sites.main.access_token", "keep only one"),
    (MAIN.replace("access_token", "access_token_file"), "sites.main.access_token_file", "cannot be read"),
    (MAIN + "[[sites.main.pixels]]\n", "sites.main.pixel_code", "sites.main.pixels.0.pixel_code"),
    ("[sites.main]\npixels = []\n", "sites.main.pixels", "at least one pixel"),
    ("[sites.main]\npixels = 1\n", "sites.main.pixels", "[[sites.main.pixels]]"),
    ("[sites.main]\npixels = [1]\n", "sites.main.pixels.0", "[[sites.NAME.pixels]]"),
    ("[[sites.main.pixels]]\npixelcode = 'x'\n", "sites.main.pixels.0.pixelcode", "did you mean pixel_code?"),
    (f"[[sites.main.pixels]]\npixel_code = '{CODE}'\n", "sites.main.pixels.0.access_token", "no access token"),
    (f"[[sites.main.pixels]]\npixel_code = '{CODE}'\naccess_token = 'x'\n" * 2, "sites.main.pixels", "twice"),
    (MAIN + "domains = ['a.example']\n" + UK + "domains = ['A.example']\n", "sites.uk.domains", "site main"),
    (MAIN + "api_keys = ['k']\n" + UK + "api_keys = ['k']\n", "sites.uk.api_keys", "site main"),
    (MAIN + "domains = ['a.example']\ncookie_domain = 'b.example'\n", "sites.main.cookie_domain", "none of the site's"),
    ("[sites.main]\nbots = send\n", "pixelpair.toml", "line 2"),
    ("[sites.main]\nmerge_wait = " + "9" * 5000, "pixelpair.toml", "not TOML"),
]


@pytest.mark.parametrize(("toml", "name", "words"), BAD_TOML, ids=[f"{case[1]} {case[2]}" for case in BAD_TOML])
def test_bad_toml_stops_the_start_by_its_dotted_name(loaded: Load, toml: str, name: str, words: str) -> None:
    with pytest.raises(SettingsError) as caught:
        loaded(toml=toml)
    assert caught.value.name == name
    assert words in caught.value.message


def test_odd_and_shared_pixel_codes_are_warned_of_only(loaded: Load) -> None:
    odd, shared = loaded(toml=(MAIN + UK).replace(CODE_2, CODE).replace(CODE, "C123")).warnings[1:]
    assert odd.startswith("sites.uk.pixel_code: ")
    assert shared.startswith("sites.uk: the site main sends to the same pixel")


# --- secrets stay secret ---


def test_no_secret_is_shown_by_the_settings(loaded: Load) -> None:
    environ = {"PIXELPAIR_API_KEYS": SECRET, "PIXELPAIR_SECRET_KEYS": KEY}
    settings = loaded(ALONE | environ | {"PIXELPAIR_OUTBOX_URL": "postgresql://shop:hunter2@db/shop"})
    shown = f"{settings!r} {settings} {settings.destinations!r} {settings.warnings}"
    for secret in (SECRET, KEY, "hunter2"):
        assert secret not in shown


@pytest.mark.parametrize("name", sorted((naming.GENERAL | naming.SITE) - ANY_TEXT))
def test_secret_pasted_into_any_setting_is_not_shown_by_its_error(loaded: Load, name: str) -> None:
    pasted = "hunter2 \N{WHITE STAR}"
    with pytest.raises(SettingsError) as caught:
        loaded(ALONE | {f"PIXELPAIR_{name.upper()}": pasted})
    assert "hunter2" not in "".join(traceback.format_exception(caught.value))
    assert caught.value.__context__ is None


def test_model_used_by_itself_shows_no_value_either() -> None:
    with pytest.raises(ValidationError) as caught:
        Settings(sites={}, outbox_url="mysql://shop:hunter2@db/shop")
    assert "hunter2" not in str(caught.value)


def test_settings_cannot_be_changed(loaded: Load) -> None:
    settings = loaded(ALONE)
    with pytest.raises(ValidationError, match="frozen"):
        settings.mount = "/x"  # type: ignore[misc]


# --- keys that sign ---


def test_given_secret_keys_are_used_and_none_is_made(loaded: Load) -> None:
    assert secret_keys(loaded(ALONE | {"PIXELPAIR_SECRET_KEYS": f"{KEY},{KEY}2"})) == (KEY, f"{KEY}2")
    assert not Path("var").exists()


def test_made_key_is_kept_for_its_owner_only(loaded: Load) -> None:
    keys = secret_keys(loaded(ALONE))
    file = Path("var/pixelpair.secret")
    assert keys == (file.read_text().strip(),)
    assert len(keys[0]) >= 43
    if os.name == "posix":
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert secret_keys(loaded(ALONE)) == keys
    assert [path.name for path in Path("var").iterdir()] == ["pixelpair.secret"]


def test_makers_at_the_same_moment_get_the_same_key(loaded: Load) -> None:
    settings = loaded(ALONE)
    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(secret_keys, [settings] * 32))) == 1


@pytest.mark.parametrize("content", [b"", b"short\n", b"\xff" * 40])
def test_key_file_without_a_good_key_is_refused(loaded: Load, content: bytes) -> None:
    settings = loaded(ALONE)
    secret_keys(settings)
    Path("var/pixelpair.secret").write_bytes(content)
    with pytest.raises(SettingsError) as caught:
        secret_keys(settings)
    assert caught.value.name == str(Path("var/pixelpair.secret"))


def test_postgresql_needs_given_secret_keys(loaded: Load) -> None:
    with pytest.raises(SettingsError, match=r"^PIXELPAIR_SECRET_KEYS: "):
        secret_keys(loaded(ALONE | {"PIXELPAIR_OUTBOX_URL": "postgresql://shop@db/shop"}))


# --- the demo ---


def test_demo_sends_to_its_own_sandbox_only(tmp_path: Path) -> None:
    real = {"PIXELPAIR_PIXEL_CODE": CODE_2, "PIXELPAIR_OUTBOX_URL": "postgresql://shop@db/shop"}
    settings = demo_settings(tmp_path, 9000, real | {"PIXELPAIR_TRUSTED_HOPS": "1"})
    [site] = settings.sites.values()
    [destination] = settings.destinations
    assert (destination.pixel_code, destination.token()) == (CODE, "sandbox-token")
    assert settings.tiktok_url == settings.pixel_url == "http://127.0.0.1:9001"
    assert settings.outbox_url == f"sqlite:///{tmp_path}/pixelpair.db"
    assert settings.trusted_hops == 1
    assert site.domains == ("127.0.0.1", "localhost")
    assert (site.merge_wait, site.bots) == (3, "send")
    assert [key.get_secret_value() for key in site.api_keys] == ["demo-key"]


def test_demo_tells_of_a_mistyped_variable(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="did you mean PIXELPAIR_TRUSTED_HOPS"):
        demo_settings(tmp_path, 9000, {"PIXELPAIR_TRUSTED_HOP": "1"})


# --- the page about them ---


def test_docs_have_every_setting_once_and_no_other() -> None:
    rows = re.findall(r"^\| `(\w+)` \| `(\w+)` \|", DOCS.read_text("utf-8"), re.MULTILINE)
    assert sorted(name for name, _ in rows) == sorted(naming.GENERAL | naming.SITE)
    assert all(variable == f"PIXELPAIR_{name.upper()}" for name, variable in rows)


def test_example_file_of_the_docs_loads_with_the_docs_variables(loaded: Load) -> None:
    toml, shell = (
        re.findall(rf"```{kind}\n(.*?)```", DOCS.read_text("utf-8"), re.DOTALL)[-1] for kind in ("toml", "sh")
    )
    Path("token").write_text(SECRET)
    settings = loaded(toml=toml.replace("/run/secrets/tiktok", "token"), dotenv=shell.replace("…", "t"))
    assert list(settings.sites) == list(tomllib.loads(toml)["sites"])
    assert len(settings.destinations) == 3
    assert settings.warnings == ()
