"""Looking around: the home page, a product, the search and the return policy."""

from flask import Blueprint, abort, render_template, request

from proxy.shop import returns, tracking
from proxy.shop.catalogue import BY_SLUG, PRODUCTS, search

pages = Blueprint("browsing", __name__)

_LONGEST_SEARCH = 100


@pages.get("/")
def home() -> str:
    """All products."""
    return render_template("home.html", products=PRODUCTS.values())


@pages.get("/products/<slug>")
def product(slug: str) -> str:
    """One product, with its ViewContent."""
    chosen = BY_SLUG.get(slug)
    if chosen is None:
        abort(404, "We do not sell this, or do not sell it any more.")
    return render_template("product.html", product=chosen, errors={}, calls=[tracking.view_content(chosen)])


@pages.get("/search")
def find() -> str:
    """The products that fit the words, with a Search event; an empty search is none."""
    words = request.args.get("q", "").strip()[:_LONGEST_SEARCH]
    calls = [tracking.search(words)] if words else []
    return render_template("search.html", words=words, products=search(words), calls=calls)


@pages.get("/return-policy")
def return_policy() -> str:
    """The shop's rules for returns and replacements, and how it reads them."""
    return render_template("return_policy.html", rules=returns)
