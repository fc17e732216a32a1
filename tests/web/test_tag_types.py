"""What TypeScript makes of the tag's sources, and what pages written in it get from ``pixelpair.d.ts``."""

import subprocess
from collections.abc import Callable
from pathlib import Path

from proxy.assets import asset_dir
from tests.orders.conftest import program

__all__ = ["program"]

TAG = asset_dir("static") / "tag"
PAGE = """
pixelpair("ViewContent", { value: 1, currency: "EUR", contents: [{ content_id: 5, content_type: "product" }] });
pixelpair("Purchase", { value: "5.00", order_id: 7, gift: true }, { key: "x", placed: 1, ticket: "y" });
pixelpair("An event of the shop's own");
declare const told: string;
pixelpair(told);
pixelpair("identify", { email: "a@b.example", external_id: 5 });
pixelpair("consent", "granted");
window.pixelpair("product");
window.pixelpair.log?.map((report) => report.event_id);
"""
WRONG = (
    'pixelpair("consent", "maybe")',
    'pixelpair("ViewContent", { value: true })',
    'pixelpair("ViewContent", { currency: 5 })',
    'pixelpair("Purchase", {}, { order: "x" })',
    'pixelpair("identify", { mail: "a@b.example" })',
    "pixelpair(5)",
    "pixelpair()",
    "pixelpair.log?.push({})",
)


def complaints(tsc: str, *told: str, cwd: Path) -> list[str]:
    """The lines in which the compiler names a fault."""
    done = subprocess.run([tsc, *told], cwd=cwd, capture_output=True, text=True, timeout=120, check=False)
    found = [line for line in done.stdout.splitlines() if ": error TS" in line]
    assert bool(found) == bool(done.returncode), done.stdout + done.stderr
    return found


def test_the_sources_are_strictly_typed(program: Callable[[str], str], tmp_path: Path) -> None:
    tsc = program("tsc")
    assert complaints(tsc, "--project", str(TAG), cwd=tmp_path) == []
    source = (TAG / "core.js").read_text("utf-8")
    (tmp_path / "core.js").write_text(source.replace("let isBlocked = false;", "let isBlocked = false; isBlocked = 5;"))
    (tmp_path / "tsconfig.json").write_text((TAG / "tsconfig.json").read_text("utf-8"))
    (fault,) = complaints(tsc, "--project", ".", cwd=tmp_path)
    assert "'number' is not assignable to type 'boolean'" in fault


def test_a_page_in_typescript_is_told_what_is_wrong(program: Callable[[str], str], tmp_path: Path) -> None:
    (tmp_path / "page.ts").write_text(PAGE + "\n".join(WRONG))
    words = ["--strict", "--noEmit", "page.ts", str(TAG / "pixelpair.d.ts")]
    found = complaints(program("tsc"), *words, cwd=tmp_path)
    first = 1 + PAGE.count("\n")
    assert [line.split(",")[0] for line in found] == [f"page.ts({first + index}" for index in range(len(WRONG))]
