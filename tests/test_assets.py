"""Where templates and browser files are looked for."""

from pathlib import Path

import pytest

from proxy import assets


def test_the_packed_folder_goes_before_the_one_beside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assets, "_PACKAGE", tmp_path / "proxy")
    assert assets.asset_dir("static") == tmp_path / "static"
    (tmp_path / "proxy" / "static").mkdir(parents=True)
    assert assets.asset_dir("static") == tmp_path / "proxy" / "static"


def test_a_checkout_or_a_wheel_has_both_folders() -> None:
    assert all(assets.asset_dir(name).is_dir() for name in ("static", "templates"))
