"""Builds the browser tag: `python static/tag/build.py` minifies core.js into built/core.js, which is committed.

A test builds it again and compares the bytes, so that the file that is served never lags behind its source.
"""

from pathlib import Path

import minify

HERE = Path(__file__).resolve().parent
SOURCE = HERE / "core.js"
BUILT = HERE / "built" / "core.js"


def build() -> bytes:
    """The minified tag. The same source and version of tdewolff-minify always give the same bytes."""
    return minify.string("application/javascript", SOURCE.read_text("utf-8")).encode() + b"\n"


if __name__ == "__main__":
    BUILT.parent.mkdir(exist_ok=True)
    BUILT.write_bytes(build())
