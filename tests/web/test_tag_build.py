"""The tag that is served: built from its source as it stands, small enough, and with one place for the settings."""

import gzip
import importlib.util
from types import ModuleType

import pytest

from proxy.assets import asset_dir

TAG = asset_dir("static") / "tag"
BUILT = TAG / "built"
CORE = "core.js"
PARTS = ("datalayer.js", "product.js", "tcf.js")
MOST_CORE, MOST_WHOLE = 4_260, 5_335
DEBUG = "debug.js"  # loaded on demand: part of no shopper's tag


@pytest.fixture(scope="module")
def builder() -> ModuleType:
    pytest.importorskip("minify")
    spec = importlib.util.spec_from_file_location("tag_builder", TAG / "build.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_built_scripts_are_the_sources_of_today(builder: ModuleType) -> None:
    built = {path.name: path.read_bytes() for path in BUILT.iterdir()}
    assert built == builder.build(), "run: python static/tag/build.py"
    assert set(built) == {CORE, *PARTS, DEBUG}


def gzipped(*names: str) -> int:
    return len(gzip.compress(b"".join((BUILT / name).read_bytes() for name in names), 9, mtime=0))


@pytest.mark.parametrize(("names", "most"), [((CORE,), MOST_CORE), ((CORE, *PARTS), MOST_WHOLE)])
def test_the_tag_stays_small(names: tuple[str, ...], most: int) -> None:
    print(f"{' + '.join(names)}: {gzipped(*names):,} bytes gzip -9")
    assert gzipped(*names) <= most


@pytest.mark.parametrize("name", [CORE, *PARTS])
def test_the_settings_have_one_place(name: str) -> None:
    assert (BUILT / name).read_text("utf-8").count("__PIXELPAIR__") == 1


@pytest.mark.parametrize("name", [CORE, *PARTS, DEBUG])
def test_the_tag_names_no_pixel_no_secret_and_runs_no_text_as_code(name: str) -> None:
    text = (BUILT / name).read_text("utf-8")
    for forbidden in ("eval(", "Function(", "innerHTML", "document.write", "unload", "preventDefault", "COQDA8RC77"):
        assert forbidden not in text
