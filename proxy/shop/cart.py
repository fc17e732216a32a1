"""The shopper's cart: "content_id/size" -> quantity in the signed session cookie, read back as lines."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from proxy.shop.catalogue import PRODUCTS, Product

# Both limits keep the session within the 4,093 bytes that browsers accept for a cookie.
MOST_OF_ONE = 10
MOST_LINES = 20


@dataclass(frozen=True, slots=True)
class Line:
    """Some pieces of one product in one size."""

    product: Product
    size: str
    quantity: int

    @property
    def ref(self) -> str:
        """The line's name in the cart and in its forms, as "1077218/M"."""
        return reference(self.product.content_id, self.size)

    @property
    def total(self) -> int:
        """Price of all pieces, in centimes."""
        return self.product.price * self.quantity


def reference(content_id: str, size: str) -> str:
    """The name under which a product in one size stands in the cart."""
    return f"{content_id}/{size}"


def read(stored: Mapping[str, int]) -> tuple[Line, ...]:
    """The cart's lines; what the shop no longer sells is left out."""
    lines = []
    for ref, quantity in stored.items():
        content_id, _, size = ref.partition("/")
        product = PRODUCTS.get(content_id)
        if product and size in product.sizes:
            lines.append(Line(product, size, quantity))
    return tuple(lines)


def total(lines: Iterable[Line]) -> int:
    """Price of all lines, in centimes."""
    return sum(line.total for line in lines)
