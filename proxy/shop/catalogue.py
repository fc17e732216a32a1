"""What the shop sells. Prices are whole centimes (100 centimes = 1 dirham), so that no sum is ever rounded."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

CURRENCY = "MAD"
_LETTERS = ("S", "M", "L", "XL")
_ONE_SIZE = ("One size",)


@dataclass(frozen=True, slots=True)
class Product:
    """One product. ``content_id`` and ``name`` are what TikTok is told, ``title`` and the rest what shoppers read."""

    content_id: str
    slug: str
    name: str
    title: str
    price: int
    sizes: tuple[str, ...]
    summary: str
    details: tuple[str, ...]


_ALL = (
    Product(
        "1077218",
        "shirt",
        "shirt",
        "Linen shirt",
        34900,
        _LETTERS,
        "A straight collarless shirt that softens with every wash.",
        ("Pure linen, 160 g/m²", "Mother-of-pearl buttons", "Wash at 30 °C, dry in the shade"),
    ),
    Product(
        "1077219",
        "trousers",
        "trousers",
        "Pleated trousers",
        42900,
        _LETTERS,
        "High waist, two pleats, and room to sit on the floor for tea.",
        ("Cotton twill, 240 g/m²", "Side pockets and one at the back", "Wash at 30 °C, iron while damp"),
    ),
    Product(
        "1077220",
        "kaftan",
        "kaftan",
        "Embroidered kaftan",
        89000,
        _LETTERS,
        "A long kaftan with an embroidered front, for evenings.",
        ("Viscose crêpe", "Hand-embroidered front in silk thread", "Dry cleaning only"),
    ),
    Product(
        "1077221",
        "sweater",
        "sweater",
        "Middle Atlas sweater",
        52000,
        _LETTERS,
        "Undyed wool from the Middle Atlas, with a band of diamonds.",
        ("Pure wool", "Ribbed collar, cuffs and hem", "Wash by hand, dry flat"),
    ),
    Product(
        "1077222",
        "jacket",
        "jacket",
        "Work jacket",
        115000,
        _LETTERS,
        "Three patch pockets and a blue borrowed from a garden in Marrakesh.",
        ("Cotton canvas, 320 g/m²", "Unlined, with taped seams", "Wash at 30 °C with like colours"),
    ),
    Product(
        "1077223",
        "babouches",
        "babouches",
        "Leather babouches",
        24000,
        ("38", "40", "42", "44"),
        "Soft slippers, stitched in Fes, with a sole that takes the street.",
        ("Goat leather", "Sewn leather sole", "Wipe with a dry cloth"),
    ),
    Product(
        "1077224",
        "scarf",
        "scarf",
        "Striped scarf",
        6500,
        _ONE_SIZE,
        "Light cotton, woven in stripes on a hand loom.",
        ("Cotton, 180 × 60 cm", "Knotted fringes", "Wash at 30 °C"),
    ),
    Product(
        "1077225",
        "socks",
        "socks",
        "Ribbed socks",
        2000,
        ("36–40", "41–45"),
        "Plain, ribbed, and long enough to stay up.",
        ("80 % cotton, 18 % polyamide, 2 % elastane", "One pair", "Wash at 40 °C"),
    ),
)

PRODUCTS: Mapping[str, Product] = MappingProxyType({product.content_id: product for product in _ALL})
BY_SLUG: Mapping[str, Product] = MappingProxyType({product.slug: product for product in _ALL})


def search(words: str) -> tuple[Product, ...]:
    """The products whose title, name or summary holds every one of ``words``; none for an empty search."""
    wanted = words.casefold().split()
    if not wanted:
        return ()
    return tuple(p for p in _ALL if all(w in f"{p.title} {p.name} {p.summary}".casefold() for w in wanted))


def money(centimes: int) -> str:
    """``34900`` as "349 MAD", ``24430`` as "244.30 MAD": an amount as the pages show it."""
    dirhams, rest = divmod(centimes, 100)
    return f"{dirhams:,}.{rest:02} {CURRENCY}" if rest else f"{dirhams:,} {CURRENCY}"


def dirhams(centimes: int) -> int | float:
    """The amount as the number TikTok wants: ``349`` or ``244.3``, in the currency's main unit."""
    return centimes // 100 if centimes % 100 == 0 else centimes / 100
