"""The shop's memory, one SQLite file: orders, return requests, messages. Every call has a connection of its own."""

import hashlib
import hmac
import json
import os
import secrets
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from proxy.shop.cart import Line
from proxy.shop.orders import Item, Order, id_of
from proxy.shop.returns import Reason, Request, Verdict, Wish

_SCHEMA = """
CREATE TABLE IF NOT EXISTS orders (
    id INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT NOT NULL UNIQUE, checkout TEXT NOT NULL UNIQUE,
    placed INTEGER NOT NULL, name TEXT NOT NULL, city TEXT NOT NULL, address TEXT NOT NULL,
    phone_mark TEXT, email_mark TEXT);
CREATE TABLE IF NOT EXISTS items (
    id INTEGER PRIMARY KEY, order_id INTEGER NOT NULL REFERENCES orders, content_id TEXT NOT NULL, name TEXT NOT NULL,
    title TEXT NOT NULL, size TEXT NOT NULL, price INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS items_of_order ON items (order_id);
CREATE TABLE IF NOT EXISTS returns (
    id INTEGER PRIMARY KEY AUTOINCREMENT, token TEXT NOT NULL UNIQUE, order_id INTEGER NOT NULL REFERENCES orders,
    asked INTEGER NOT NULL, sent INTEGER, items TEXT NOT NULL, reason TEXT NOT NULL, wish TEXT NOT NULL,
    city TEXT NOT NULL, address TEXT NOT NULL, picture TEXT, refund INTEGER, deduction INTEGER, reasons TEXT);
CREATE TABLE IF NOT EXISTS returned_items (
    item_id INTEGER PRIMARY KEY REFERENCES items, return_id INTEGER NOT NULL REFERENCES returns);
CREATE TABLE IF NOT EXISTS messages (
    id TEXT PRIMARY KEY, received INTEGER NOT NULL, name TEXT NOT NULL, reply_to TEXT NOT NULL, message TEXT NOT NULL);
"""


@dataclass(frozen=True, slots=True)
class Buyer:
    """Who orders and where it goes. ``phone`` (E.164) and ``email`` are "" where not given."""

    name: str
    city: str
    address: str
    phone: str = ""
    email: str = ""


@dataclass(frozen=True, slots=True)
class Pickup:
    """What a return request says beside the question itself: where the goods are, and a picture's file name."""

    city: str
    address: str
    picture: str | None


@dataclass(frozen=True, slots=True)
class Filed:
    """A return request on file: a draft until the shopper has seen the verdict and sent it. Times in Unix seconds."""

    number: int
    token: str
    order_id: int
    asked: int
    sent: int | None
    request: Request
    pickup: Pickup
    verdict: Verdict | None


class AlreadyReturned(Exception):
    """One of the items already belongs to a sent request."""


class Store:
    """The shop's memory in the file ``path``; ``secret`` marks phone numbers and e-mail addresses (see ``_mark``)."""

    def __init__(self, path: Path, secret: str) -> None:
        self._path = path
        self._secret = secret.encode()
        # Names and addresses are inside: the file is made before SQLite does it, with the owner's rights alone.
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        with self._connection() as db:
            db.executescript(_SCHEMA)

    def place_order(self, checkout: str, buyer: Buyer, lines: Iterable[Line], now: int) -> Order:
        """Keep an order. A second call with the same ``checkout`` (a double click) returns the first order."""
        key = f"dk_order_{secrets.token_urlsafe(18)}"
        marks = (self._mark(buyer.phone), self._mark(buyer.email))
        with self._connection() as db:
            row = (key, checkout, now, buyer.name, buyer.city, buyer.address, *marks, checkout)
            placed = db.execute(
                "INSERT INTO orders (key, checkout, placed, name, city, address, phone_mark, email_mark) "
                "SELECT ?, ?, ?, ?, ?, ?, ?, ? WHERE NOT EXISTS (SELECT 1 FROM orders WHERE checkout = ?)",
                row,
            )
            if placed.rowcount:
                db.executemany(
                    "INSERT INTO items (order_id, content_id, name, title, size, price) VALUES (?, ?, ?, ?, ?, ?)",
                    [(placed.lastrowid, *piece) for line in lines for piece in _pieces(line)],
                )
            order = _order(db, "checkout = ?", checkout)
        assert order is not None
        return order

    def order(self, key: str) -> Order | None:
        """The order with this key."""
        with self._connection() as db:
            return _order(db, "key = ?", key)

    def order_by_id(self, order_id: int) -> Order | None:
        """The order with this row id."""
        with self._connection() as db:
            return _order(db, "id = ?", order_id)

    def order_of(self, number: int, phone_or_email: str) -> Order | None:
        """The order with this number, if it was placed with this phone number (E.164) or e-mail address."""
        mark = self._mark(phone_or_email)
        with self._connection() as db:
            return _order(db, "id = ? AND ? IN (phone_mark, email_mark)", id_of(number), mark)

    def draft_return(self, order: Order, request: Request, pickup: Pickup, now: int) -> str:
        """Keep a request that is not sent yet; returns the token of its page."""
        token = secrets.token_urlsafe(18)
        items = json.dumps(sorted(request.items))
        row = (token, order.id, now, items, request.reason, request.wish, pickup.city, pickup.address, pickup.picture)
        with self._connection() as db:
            db.execute(
                "INSERT INTO returns (token, order_id, asked, items, reason, wish, city, address, picture) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                row,
            )
        return token

    def filed_return(self, token: str) -> Filed | None:
        """The draft or sent request with this token."""
        with self._connection() as db:
            row = db.execute("SELECT * FROM returns WHERE token = ?", (token,)).fetchone()
        return _filed(row) if row else None

    def send_return(self, filed: Filed, verdict: Verdict, now: int) -> None:
        """Turn a draft into a sent request with its verdict; raises AlreadyReturned and changes nothing if one of its
        items has been sent before."""
        with self._connection() as db:
            sent = db.execute(
                "UPDATE returns SET sent = ?, refund = ?, deduction = ?, reasons = ? WHERE id = ? AND sent IS NULL",
                (now, verdict.refund, verdict.deduction, json.dumps([verdict.day, *verdict.reasons]), filed.number),
            )
            if not sent.rowcount:
                return
            try:
                db.executemany(
                    "INSERT INTO returned_items (item_id, return_id) VALUES (?, ?)",
                    [(item, filed.number) for item in filed.request.items],
                )
            except sqlite3.IntegrityError as error:
                raise AlreadyReturned from error

    def drop_drafts(self, asked_before: int) -> list[str]:
        """Forget requests that were never sent; returns the names of their pictures."""
        with self._connection() as db:
            rows = db.execute(
                "DELETE FROM returns WHERE sent IS NULL AND asked < ? RETURNING picture", (asked_before,)
            ).fetchall()
        return [row["picture"] for row in rows if row["picture"]]

    def keep_message(self, name: str, reply_to: str, message: str, now: int) -> str:
        """Keep a message from the Contact Us page; returns its id, which nobody can guess."""
        message_id = f"dk_message_{secrets.token_urlsafe(18)}"
        with self._connection() as db:
            db.execute("INSERT INTO messages VALUES (?, ?, ?, ?, ?)", (message_id, now, name, reply_to, message))
        return message_id

    def _mark(self, contact: str) -> str | None:
        """A keyed hash of a phone number or e-mail address: enough to know the shopper again, and nothing to steal.

        Nobody at the demo shop rings or writes, so the values themselves are not kept.
        """
        return hmac.new(self._secret, contact.encode(), hashlib.sha256).hexdigest() if contact else None

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        """One transaction on a new connection: committed at the end, rolled back on an error, always closed."""
        with closing(sqlite3.connect(self._path, timeout=30)) as db, db:
            db.row_factory = sqlite3.Row
            db.execute("PRAGMA foreign_keys = ON")
            yield db


def _pieces(line: Line) -> list[tuple[str, str, str, str, int]]:
    product = line.product
    return [(product.content_id, product.name, product.title, line.size, product.price)] * line.quantity


def _order(db: sqlite3.Connection, condition: str, *values: object) -> Order | None:
    row = db.execute(f"SELECT * FROM orders WHERE {condition}", values).fetchone()  # noqa: S608  conditions are ours
    if row is None:
        return None
    items = db.execute(
        "SELECT items.*, return_id IS NOT NULL AS returned FROM items LEFT JOIN returned_items ON item_id = items.id "
        "WHERE order_id = ? ORDER BY items.id",
        (row["id"],),
    )
    return Order(row["id"], row["key"], row["placed"], row["city"], row["address"], tuple(map(_item, items)))


def _item(row: sqlite3.Row) -> Item:
    return Item(
        row["id"], row["content_id"], row["name"], row["title"], row["size"], row["price"], bool(row["returned"])
    )


def _filed(row: sqlite3.Row) -> Filed:
    # Condition and packaging are not columns: a request that does not confirm both is refused and never gets here.
    request = Request(frozenset(json.loads(row["items"])), Reason(row["reason"]), Wish(row["wish"]), True, True)
    pickup = Pickup(row["city"], row["address"], row["picture"])
    return Filed(row["id"], row["token"], row["order_id"], row["asked"], row["sent"], request, pickup, _verdict(row))


def _verdict(row: sqlite3.Row) -> Verdict | None:
    if row["sent"] is None:
        return None
    day, *reasons = json.loads(row["reasons"])
    refund, deduction = row["refund"], row["deduction"]
    return Verdict(True, day, refund + deduction, deduction, refund, tuple(reasons))
