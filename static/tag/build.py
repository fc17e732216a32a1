"""Builds the browser tag: `python static/tag/build.py` minifies each source beside it into built/, which is committed.

A test builds it again and compares the bytes, so that what is served never lags behind its source. `const` is for who
reads and checks the source; `let` does the same in fewer bytes, since the minifier joins more of them.
"""

from pathlib import Path

import minify

HERE = Path(__file__).resolve().parent
BUILT = HERE / "built"


def build() -> dict[str, bytes]:
    """The minified scripts by file name. The same sources and version of tdewolff-minify always give the same bytes."""
    return {
        source.name: minify.string(
            "application/javascript", source.read_text("utf-8").replace("const ", "let ")
        ).encode()
        + b"\n"
        for source in sorted(HERE.glob("*.js"))
    }


if __name__ == "__main__":
    BUILT.mkdir(exist_ok=True)
    for name, script in build().items():
        (BUILT / name).write_bytes(script)
