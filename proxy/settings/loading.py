"""Reads the settings from pixelpair.toml, ``.env`` and the environment, and checks the whole.

What is wrong is named as its user wrote it. Errors are raised outside of the except blocks that noticed them: a chained
traceback would show the value, and a value may be a secret.
"""

import tomllib
from collections.abc import Mapping, Sequence
from io import StringIO
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from proxy.errors import SettingsError
from proxy.settings import checks, naming
from proxy.settings.model import Settings
from proxy.settings.naming import Place
from proxy.settings.written import Written

DEFAULT_FILE = Path("pixelpair.toml")


def load(toml: Path | None, environ: Mapping[str, str], dotenv: Path | None) -> Settings:
    """The settings of this start: environment before ``.env`` before the TOML file before defaults.

    ``toml``: a file that must exist; None: the one that PIXELPAIR_CONFIG names, else ./pixelpair.toml if there is one.
    ``dotenv``: read if it exists. Raises SettingsError for what is wrong first; what else was noticed is in its notes.
    """
    local = _read_dotenv(dotenv) if dotenv is not None else {}
    configured = {**local, **environ}.get(naming.CONFIG, "")
    if toml is not None:
        table = _read_toml(toml, str(toml))
    elif configured:
        table = _read_toml(Path(configured), naming.CONFIG)
    else:
        table = _read_toml(DEFAULT_FILE, str(DEFAULT_FILE)) if DEFAULT_FILE.exists() else {}
    return assemble(table, [local, environ])


def assemble(table: Mapping[str, Any], layers: Sequence[Mapping[str, str]]) -> Settings:
    """Settings of a TOML table with layers of environment variables over it, the last one uppermost."""
    written = Written(table, layers)
    if not written.sites:
        message = (
            "no site is set: set PIXELPAIR_PIXEL_CODE, PIXELPAIR_ACCESS_TOKEN and PIXELPAIR_DOMAINS, "
            "or write [sites.main] in pixelpair.toml."
        )
        raise SettingsError("PIXELPAIR_PIXEL_CODE", message)
    settings = _validated(written)
    checks.check(settings, written)
    return settings.model_copy(update={"warnings": checks.warnings(settings, written)})


def _validated(written: Written) -> Settings:
    shaped = {**written.general, "sites": {name: _shaped(name, written) for name in written.sites}}
    faults: list[ErrorDetails] = []
    try:
        return Settings.model_validate(shaped)
    except ValidationError as error:
        faults = error.errors(include_url=False, include_context=False, include_input=False)
    errors = [SettingsError(written.name(_place(fault["loc"], written)), _sentence(fault)) for fault in faults]
    for other in errors[1:]:
        errors[0].add_note(str(other))
    raise errors[0]


def _shaped(site: str, written: Written) -> dict[str, Any]:
    """A site as it was written, in the shape of the model."""
    values = written.sites[site]
    beside = {key: value for key, value in values.items() if key in naming.PIXEL}
    if "pixels" in values and beside:
        key = next(iter(beside))
        example = naming.dotted(("sites", site, "pixels", 0, key))
        message = f"the site lists its pixels, so this belongs to one of them, as {example}."
        raise SettingsError(written.name(("sites", site, key)), message)
    rest = {key: value for key, value in values.items() if key not in naming.PIXEL | {"pixels"}}
    pixels = [
        {**pixel, "site": site, "name": f"{site}/{pixel.get('pixel_code')}"} for pixel in values.get("pixels", [beside])
    ]
    return {**rest, "name": site, "destinations": pixels}


def _place(loc: tuple[int | str, ...], written: Written) -> Place:
    """Where the user wrote what the model calls ``loc``."""
    match loc:
        case ("sites", str(site), "destinations", int(index), *rest):
            return (*written.pixel(site, index), *rest)
        case ("sites", str(site), "destinations"):
            return ("sites", site, "pixels")
        case ("sites", str(site), "name"):
            return ("sites", site)
    return loc


def _sentence(fault: ErrorDetails) -> str:
    if fault["type"] in ("missing", "string_too_short"):
        return "is missing or empty: the code stands beside the pixel's name in TikTok Events Manager."
    words = fault["msg"].removeprefix("Value error, ").replace("Input should", "must").replace("tuple", "list")
    return f"{words}."


def _read_toml(path: Path, name: str) -> dict[str, Any]:
    problem = ""
    try:
        return tomllib.loads(path.read_text("utf-8-sig"))
    except OSError as error:
        problem = f"the file of settings cannot be read ({error.strerror})."
    except ValueError as error:
        # Both a fault of the syntax, told with line and column, and one of the encoding.
        problem = f"the file of settings is not TOML: {error}."
    raise SettingsError(name, problem)


def _read_dotenv(path: Path) -> dict[str, str]:
    # Imported here: a start without the file does not pay for it.
    from dotenv.parser import parse_stream

    try:
        text = path.read_text("utf-8-sig")
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError):
        text = None
    if text is None:
        raise SettingsError(str(path), "the file cannot be read as text: correct its rights or its encoding.")
    found: dict[str, str] = {}
    for binding in parse_stream(StringIO(text)):
        if binding.error or (binding.key is not None and binding.value is None):
            raise SettingsError(f"{path} line {binding.original.line}", "write each setting as NAME=value.")
        if binding.key is not None and binding.value is not None:
            found[binding.key] = binding.value
    return found
