"""Where the folders of templates and browser files lie: inside the package when installed, beside it in a checkout."""

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def asset_dir(name: str) -> Path:
    """The folder ``name`` ("static" or "templates"): ``proxy/<name>`` if the wheel put it there, else its sibling."""
    packed = _PACKAGE / name
    return packed if packed.is_dir() else _PACKAGE.parent / name
