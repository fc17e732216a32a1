"""The tag that is served: built from its source as it stands, small enough, and with one place for the settings."""

import gzip
import importlib.util
from types import ModuleType

import pytest

from proxy.assets import asset_dir

TAG = asset_dir("static") / "tag"
BUILT = TAG / "built" / "core.js"
MOST_BYTES = 3_500


@pytest.fixture(scope="module")
def builder() -> ModuleType:
    pytest.importorskip("minify")
    spec = importlib.util.spec_from_file_location("tag_builder", TAG / "build.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_built_tag_is_the_source_of_today(builder: ModuleType) -> None:
    assert BUILT.read_bytes() == builder.build(), "run: python static/tag/build.py"


def test_the_built_tag_stays_small() -> None:
    size = len(gzip.compress(BUILT.read_bytes(), 9, mtime=0))
    print(f"tag: {size} bytes gzip -9")
    assert size <= MOST_BYTES


def test_the_settings_have_one_place() -> None:
    assert BUILT.read_text("utf-8").count("__PIXELPAIR__") == 1


def test_the_tag_names_no_pixel_no_secret_and_runs_no_text_as_code() -> None:
    text = BUILT.read_text("utf-8")
    for forbidden in ("eval(", "Function(", "innerHTML", "document.write", "unload", "preventDefault", "COQDA8RC77"):
        assert forbidden not in text
