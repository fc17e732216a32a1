"""Our tag as a site may have it, and the trackers of others that stand beside it.

The others come from npm into ``var/bench/npm``, for the bench alone: nothing of them is committed.
"""

import html
import shutil
import subprocess
import tarfile
from dataclasses import dataclass
from pathlib import Path

import minify  # type: ignore[import-untyped]

from bench.servers import ROOT
from proxy.assets import asset_dir

BUILT = asset_dir("static") / "tag" / "built"
# debug.js is loaded by itself, and only on request.
NO_PARTS = {"core", "debug"}
NPM_SECONDS = 120


@dataclass(frozen=True)
class Tracker:
    """A script and how a page uses it.

    ``text`` is what is weighed; ``served`` is what the page loads from ``path``, None where the proxy serves it.
    ``attributes`` go to its script tag, ``clicked`` to the elements whose click it reports ("" if it reports none),
    ``keyed`` beside them to one whose event has a key, which must survive whatever happens next.
    ``host`` is whose shop it is: no two sites share one. ``head`` stands before it in the page.
    """

    name: str
    what: str
    text: str
    path: str
    served: str | None
    attributes: str
    clicked: str
    host: str = "127.0.0.1"
    keyed: str = ""
    head: str = ""

    def clicks(self) -> list[str]:
        """The ids of the page's elements whose click it reports."""
        return ["button", "link", "keyed"] if self.keyed else ["button", "link"] if self.clicked else []

    def page(self) -> str:
        """A page of a shop with this script, a button and a link to another page."""
        keyed = f"<p><button type=button id=keyed {self.clicked} {self.keyed}>Order</button></p>" if self.keyed else ""
        script = f"{self.head}<script src='{html.escape(self.path)}' {self.attributes} defer></script>"
        return (
            f"<!doctype html><html><head><meta charset=utf-8><title>Shop</title>{script}</head><body><h1>Shirt</h1>"
            f"<p><button type=button id=button {self.clicked}>Add to cart</button></p>{keyed}"
            f"<p><a href=/next.html id=link {self.clicked}>Check out</a></p></body></html>"
        )


OURS = (
    "data-pixelpair-event=AddToCart data-pixelpair-content-id=1077218 data-pixelpair-content-name=Shirt"
    " data-pixelpair-content-type=product data-pixelpair-price=349 data-pixelpair-quantity=1"
    " data-pixelpair-value=349 data-pixelpair-currency=MAD"
)
KEYED = "data-pixelpair-key=wc_order_8Xk2Jm"
# A consent manager for the part that waits for one, at a place where the law asks for none.
CONSENT = "<script>window.__tcfapi = (_, __, tell) => tell({gdprApplies: false}, true)</script>"


def parts() -> list[str]:
    """The optional parts of the tag that are built."""
    return sorted(path.stem for path in BUILT.glob("*.js") if path.stem not in NO_PARTS)


def ours() -> list[Tracker]:
    """The core alone, and with every part; their sites are called ``core`` and ``whole``."""
    core, *others = ((BUILT / f"{name}.js").read_text("utf-8") for name in ("core", *parts()))
    whole = core + "".join(others)
    return [
        Tracker("core", "our tag", core, "/t/tag.js?site=core", None, "", OURS, keyed=KEYED),
        Tracker(
            "whole", "our tag, every part", whole, "/t/tag.js?site=whole", None, "", OURS, "localhost", KEYED, CONSENT
        ),
    ]


def nothing() -> Tracker:
    """A script that does nothing: what the browser itself takes for any script."""
    return Tracker("empty", "an empty script", "0\n", "/empty.js", "0\n", "", "")


def of_others() -> list[Tracker]:
    """Umami's, Plausible's and web-vitals, as npm has them. Raises Unreachable."""
    umami = minify.string("application/javascript", _npm("umami", "2.10.0", "src/tracker/index.js"))
    plausible = _npm("@plausible-analytics/tracker", "0.4.6", "plausible.js")
    vitals = _npm("web-vitals", "6.2.3", "dist/web-vitals.iife.js")
    # A module's text may stand in a script of its own but for its exports. It counts nothing of 127.0.0.1 or of a
    # browser under automation unless it is told to.
    init = "init({domain:'127.0.0.1',endpoint:'/plausible/event',captureOnLocalhost:true})"
    module = plausible[: plausible.rindex("export")]
    report = "report => navigator.sendBeacon('/vitals', JSON.stringify(report))"
    return [
        Tracker(
            "umami",
            "Umami 2.10.0, minified as ours",
            umami,
            "/umami/script.js",
            umami,
            "data-website-id=8f4f9a46-3b0c-4c4e-9f0e-2d9f6a5c1b11",
            "data-umami-event=AddToCart data-umami-event-id=1077218 data-umami-event-value=349",
        ),
        Tracker(
            "plausible",
            "Plausible 0.4.6",
            plausible,
            "/plausible.js",
            f"(()=>{{window.__plausible=true;{module};{init}}})()",
            "",
            "class='plausible-event-name=AddToCart plausible-event-id=1077218 plausible-event-value=349'",
        ),
        Tracker(
            "web-vitals",
            "web-vitals 6.2.3, all five",
            vitals,
            "/vitals.js",
            f"{vitals};for(const on of ['onCLS','onFCP','onINP','onLCP','onTTFB'])webVitals[on]({report})",
            "",
            "",
        ),
    ]


class Unreachable(Exception):
    """npm or its registry is not to be had; the message says what to do."""


def _npm(name: str, version: str, file: str) -> str:
    """The text of one ``file`` of a package at exactly this version, fetched once."""
    folder = ROOT / "npm" / f"{name.replace('/', '-').removeprefix('@')}-{version}"
    kept = folder / Path(file).name
    if not kept.exists():
        folder.mkdir(parents=True, exist_ok=True)
        kept.write_text(_fetch(f"{name}@{version}", folder, f"package/{file}"), "utf-8")
    return kept.read_text("utf-8")


def _fetch(package: str, folder: Path, member: str) -> str:
    npm = shutil.which("npm")
    if npm is None:
        raise Unreachable("apt-get install npm")
    command = [npm, "pack", package, "--silent", "--fetch-retries=0", f"--pack-destination={folder}"]
    try:
        subprocess.run(command, capture_output=True, timeout=NPM_SECONDS, check=True, cwd=folder)
    except subprocess.SubprocessError as error:
        raise Unreachable(f"npm cannot fetch {package}: is the network there?") from error
    (archive,) = folder.glob("*.tgz")
    with tarfile.open(archive) as packed:
        found = packed.extractfile(member)
        assert found is not None
        text = found.read().decode("utf-8")
    archive.unlink()
    return text
