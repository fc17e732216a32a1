"""An order once it is placed: frozen, with one item for each piece, so that each piece can be returned by itself."""

from dataclasses import dataclass

# The first order is 1043: shoppers need not know how many came before.
_BEFORE_THE_FIRST = 1042


@dataclass(frozen=True, slots=True)
class Item:
    """One piece of an order. ``price`` in centimes; ``returned`` once a request for it has been sent."""

    id: int
    content_id: str
    name: str
    title: str
    size: str
    price: int
    returned: bool = False


@dataclass(frozen=True, slots=True)
class Order:
    """A placed order. ``key`` cannot be guessed and opens its pages; ``placed`` is Unix seconds."""

    id: int
    key: str
    placed: int
    city: str
    address: str
    items: tuple[Item, ...]

    @property
    def number(self) -> int:
        """The short number on the shopper's papers."""
        return number_of(self.id)

    @property
    def total(self) -> int:
        """Price of all items, in centimes; delivery is free."""
        return sum(item.price for item in self.items)


def number_of(order_id: int) -> int:
    """The order number shown for a row id."""
    return order_id + _BEFORE_THE_FIRST


def id_of(number: int) -> int:
    """The row id behind an order number."""
    return number - _BEFORE_THE_FIRST
