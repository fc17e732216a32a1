"""What a script weighs on its way to the shopper."""

import gzip
import shutil
import subprocess

_BROTLI = """
const {brotliCompressSync, constants} = require("node:zlib");
const text = require("node:fs").readFileSync(0);
const params = {[constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_MODE]: constants.BROTLI_MODE_TEXT};
process.stdout.write(String(brotliCompressSync(text, {params}).length));
"""


def gzipped(text: str) -> int:
    """Bytes after ``gzip -9``."""
    return len(gzip.compress(text.encode(), 9, mtime=0))


def brotlied(text: str) -> int | None:
    """Bytes after brotli at its strongest, 11; None without Node, whose brotli it is."""
    node = shutil.which("node")
    if node is None:
        return None
    return int(subprocess.run([node, "-e", _BROTLI], input=text.encode(), stdout=subprocess.PIPE, check=True).stdout)
