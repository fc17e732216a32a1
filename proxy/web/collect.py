"""``POST /t/e``: reports from browsers. Answers only after the report is on disk."""

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from flask import Blueprint, Request, Response, make_response
from werkzeug.http import dump_cookie

from proxy.errors import OutboxError, Rejected
from proxy.events import event_id as ids
from proxy.events.event import build_event, event_time_of
from proxy.events.identity import hash_user
from proxy.events.properties import repair
from proxy.events.reading import Report, Rules, parse_json, read_report
from proxy.events.signals import read_ttclid, read_ttp
from proxy.outbox.entry import Entry
from proxy.outbox.tables import State
from proxy.settings import Site
from proxy.tickets import BadTicket, QaToken, read_qa, read_ticket
from proxy.web import guards
from proxy.web.doors import Doors, as_json, describe, this_request
from proxy.web.entries import entries_for

MOST_BYTES = 64 * 1024
MOST_ITEMS = 50
MONEY = ("value", "currency")
CLICK_COOKIE = "ttclid"
# A tester's pass, put there by hand or by a test: see docs/qa.md.
QA_COOKIE = "pixelpair_qa"
# What the proxy itself last prolonged: browsers that cut script-made cookies to 7 days leave this one alone, so it
# tells whether ``ttclid`` was already prolonged, and stands in for it once they have deleted it.
KEPT_COOKIE = "pixelpair_ttclid"
KEEP_CLICK = 30 * 86_400
KEEP_TTP = 13 * 30 * 86_400  # TikTok's own lifetime for _ttp
# How far beyond its limit an address may tell of orders: behind one address may be many shoppers, and who floods the
# doors with orders is at least told from those who do not.
ORDERS_BEYOND = 10
BEYOND = "rate: its address sent more reports than reports_per_minute allows; kept, since it tells of an order"


@dataclass(frozen=True)
class Visit:
    """What the request itself tells, never its body. ``received`` in ms."""

    site: Site
    received: int
    ip: str | None
    user_agent: str
    private: bool  # the browser sends Sec-GPC: 1
    secure: bool  # the page is on https
    fallback_url: str
    ttclid: str | None
    kept_ttclid: str | None
    ttp: str | None
    qa: QaToken | BadTicket | None


def blueprint(doors: Doors) -> Blueprint:
    """The door for browsers."""
    bp = Blueprint("collect", __name__)

    @bp.post("/e", provide_automatic_options=False)
    def collect() -> Response:
        asked = this_request()
        told = parse_json(guards.read_body(asked, MOST_BYTES))
        items = _items(told)
        site = guards.site_for(doors.settings.sites, _site_of(items), asked.host)
        guards.check_origin(
            site, asked.environ.get("HTTP_ORIGIN"), asked.host, asked.environ.get("HTTP_SEC_FETCH_SITE")
        )
        return _take(doors, _visit(doors, site, asked), told, items)

    @bp.delete("/e", provide_automatic_options=False)
    def forget() -> Response:
        """The shopper has denied consent: what scripts cannot delete goes too."""
        asked = this_request()
        site = guards.site_for(doors.settings.sites, asked.args.get("site"), asked.host)
        guards.check_origin(
            site, asked.environ.get("HTTP_ORIGIN"), asked.host, asked.environ.get("HTTP_SEC_FETCH_SITE")
        )
        answer = make_response("", 204)
        for name in (CLICK_COOKIE, KEPT_COOKIE):
            answer.delete_cookie(name, domain=site.cookie_domain)
        return answer

    @bp.route("/e", methods=["OPTIONS"])
    def preflight() -> Response:
        answer = make_response("", 204)
        answer.headers["Access-Control-Allow-Methods"] = "POST, DELETE"
        answer.headers["Access-Control-Allow-Headers"] = "Content-Type"
        answer.headers["Access-Control-Max-Age"] = "86400"
        return answer

    @bp.after_request
    def let_our_pages_read_it(answer: Response) -> Response:
        """Refusals too: without these headers a page's console would hide the sentence that says what is wrong."""
        answer.headers.add("Vary", "Origin")
        asked = this_request()
        origin = asked.environ.get("HTTP_ORIGIN")
        if origin and any(_needs_cors(site, origin, asked.host) for site in doors.settings.sites.values()):
            answer.headers["Access-Control-Allow-Origin"] = origin
            answer.headers["Access-Control-Allow-Credentials"] = "true"
            # The tag goes by them: when to try again, and whether the browser's clock is right.
            answer.headers["Access-Control-Expose-Headers"] = "Retry-After, Date"
        return answer

    return bp


def _needs_cors(site: Site, origin: str, host: str) -> bool:
    try:
        return guards.check_origin(site, origin, host) is not None
    except Rejected:
        return False


def _items(told: object) -> list[object]:
    if not isinstance(told, list):
        return [told]
    if not 1 <= len(told) <= MOST_ITEMS:
        raise Rejected("items", "", f"Send 1 to {MOST_ITEMS} reports in one array.")
    return told


def _site_of(items: list[object]) -> str | None:
    told = (item.get("site") for item in items if isinstance(item, dict))
    names = {site for site in told if isinstance(site, str) and site}
    if len(names) > 1:
        raise Rejected("several_sites", "site", "All reports of one array name one site.")
    return names.pop() if names else None


def _take(doors: Doors, visit: Visit, told: object, items: list[object]) -> Response:
    # An array larger than the whole limit would otherwise be refused for ever.
    within = doors.rates.admit(visit.site, visit.ip, min(len(items), doors.settings.reports_per_minute))
    told_rows: dict[int, list[Entry]] = {}
    answers: list[dict[str, Any]] = []
    seen: list[Report] = []
    refused: list[str] = []
    for item in items:
        try:
            report, rows = _one(doors, visit, item, within)
        except Rejected as error:
            if not isinstance(told, list):
                raise
            refused.append(error.code)
            answers.append({"error": describe(error)})
            continue
        seen.append(report)
        told_rows[len(answers)] = rows
        answers.append({"event_id": rows[0].event_id})
    if not within and not seen:
        raise _too_many()
    for code in refused:
        doors.count(code)
    for place, failed in _store(doors, told_rows).items():
        answers[place] = {"error": describe(failed)}
    answer = as_json(answers if isinstance(told, list) else answers[0], 202)
    answer.headers["Cache-Control"] = "no-store"
    _prolong_cookies(answer, visit, seen)
    return answer


def _too_many() -> Rejected:
    return Rejected("too_many", "", "Too many reports from this address: slow down.", 429, retry_after=60)


def _store(doors: Doors, told: dict[int, list[Entry]]) -> dict[int, Rejected]:
    """Store all rows in one commit; of several reports, one that the database will not take fails alone. Returns what
    failed, by its place."""
    try:
        if told:
            doors.commit.store([row for rows in told.values() for row in rows])
        return {}
    except OutboxError:
        raise
    except Exception:
        if len(told) == 1:
            raise
    failed: dict[int, Rejected] = {}
    for place, rows in told.items():
        try:
            doors.commit.store(rows)
        except OutboxError:
            raise
        except Exception:
            failed[place] = Rejected("internal", "", "The proxy failed; its log says more.", 500)
    return failed


def _visit(doors: Doors, site: Site, asked: Request) -> Visit:
    environ = asked.environ
    origin = environ.get("HTTP_ORIGIN")
    cookies = asked.cookies if "HTTP_COOKIE" in environ else {}
    return Visit(
        site=site,
        received=doors.clock_ms(),
        ip=guards.client_address(
            environ.get("REMOTE_ADDR"), environ.get("HTTP_X_FORWARDED_FOR"), doors.settings.trusted_hops
        ),
        user_agent=environ.get("HTTP_USER_AGENT", ""),
        private=environ.get("HTTP_SEC_GPC") == "1",
        secure=asked.is_secure or (origin or "").startswith("https://"),
        fallback_url=f"{origin if origin and origin != 'null' else asked.host_url.rstrip('/')}/",
        ttclid=cookies.get(CLICK_COOKIE),
        kept_ttclid=cookies.get(KEPT_COOKIE),
        ttp=cookies.get("_ttp"),
        qa=_qa(doors, site, cookies.get(QA_COOKIE)),
    )


def _qa(doors: Doors, site: Site, told: str | None) -> QaToken | BadTicket | None:
    """The tester's pass that the request carries, or what is wrong with it."""
    if told is None:
        return None
    try:
        token = read_qa(told, doors.secret_keys, doors.clock_ms() / 1000)
    except BadTicket as error:
        return error
    return token if token.site == site.name else BadTicket("it is for another site")


def _one(doors: Doors, visit: Visit, item: object, within: bool) -> tuple[Report, list[Entry]]:
    """One report and its rows; ``within`` tells whether the address keeps to its rate. Raises ``Rejected``."""
    site = visit.site
    report = read_report(item, _rules(site, visit.fallback_url))
    if not within:
        report = _beyond_rate(doors, visit, report)
    report = _with_cookies(report, visit)
    report, proved = _with_ticket(doors, visit, report)
    user, unmatched = hash_user(report.user, site.default_region)
    limited = visit.private or report.consent == "limited"
    event = build_event(
        report,
        event_id=ids.build(report.view or "", report.n or 0, report.key),
        event_time=event_time_of(report, visit.received),
        user=user,
        ip=visit.ip,
        user_agent=visit.user_agent,
        ttclid=report.ttclid,
        ttp=report.ttp,
        limited=limited,
    )
    withheld = _dropped(visit) or (None if proved else _withhold(doors, visit, event.event))
    rows = entries_for(
        site,
        site.destinations,
        event,
        report,
        received=visit.received,
        consent="limited" if limited else "granted",
        backend=False,
        # What is withheld proves nothing: the back end's word of the order, if it comes, goes out without it.
        proved=proved and withheld is None,
        told_twice=doors.keys.has_any(site),
        warnings=(*report.warnings, *unmatched),
        withheld=withheld,
    )
    if visit.qa is not None:
        _make_tests(doors, visit, rows)
    return report, rows


def _beyond_rate(doors: Doors, visit: Visit, report: Report) -> Report:
    """The report, marked, of an address beyond its rate, if it tells of an order; else raises ``Rejected``."""
    is_order = report.key is not None and report.event in visit.site.order_events
    if not is_order or not doors.rates.admit(visit.site, visit.ip, 1, times=ORDERS_BEYOND):
        raise _too_many()
    doors.count("order_beyond_rate")
    return replace(report, warnings=(*report.warnings, BEYOND))


def _make_tests(doors: Doors, visit: Visit, rows: list[Entry]) -> None:
    """Turn the rows of a tester into tests. Whatever is wrong with them is withheld: a test must never count."""
    for destination, row in zip(visit.site.destinations, rows, strict=True):
        if isinstance(visit.qa, QaToken):
            row.test_code = visit.qa.codes.get(destination.pixel_code) or destination.test_event_code
            problem = None if row.test_code else f"it has no test event code for the pixel {destination.pixel_code}"
        else:
            problem = str(visit.qa)
        if problem:
            doors.count("qa")
            row.state, row.reason, row.proved = State.WITHHELD.value, f"QA token: {problem}", False


def _rules(site: Site, fallback_url: str) -> Rules:
    return Rules(
        order_events=frozenset(site.order_events),
        event_names=frozenset(site.event_names),
        fallback_url=fallback_url,
        default_consent=site.consent,
    )


def _with_cookies(report: Report, visit: Visit) -> Report:
    """What the body does not tell, the request's own cookies may; read by the same rules as the body."""
    if report.ttclid and report.ttp:
        return report
    return replace(
        report,
        ttclid=report.ttclid or read_ttclid(visit.ttclid) or read_ttclid(visit.kept_ttclid),
        ttp=report.ttp or read_ttp(visit.ttp),
    )


def _with_ticket(doors: Doors, visit: Visit, report: Report) -> tuple[Report, bool]:
    """A good ticket proves the report and overrules its money; a bad one is only noted."""
    if report.ticket is None:
        return report, False
    try:
        ticket = read_ticket(report.ticket, doors.secret_keys, visit.received / 1000)
    except BadTicket as error:
        doors.count("ticket")
        return replace(report, warnings=(*report.warnings, f"ticket: {error}")), False
    if (ticket.site, ticket.event, ticket.key) != (visit.site.name, report.event, report.key):
        doors.count("ticket")
        return replace(report, warnings=(*report.warnings, "ticket: it was signed for another order")), False
    money, unusable = repair({"value": ticket.value, "currency": ticket.currency})
    if unusable:  # the browser's own value must not pass for the signed one
        doors.count("ticket")
        warnings = (*report.warnings, "ticket: its value or currency is none that TikTok takes")
        return replace(report, warnings=warnings), False
    differs = [name for name in MONEY if report.properties.get(name, money.get(name)) != money.get(name)]
    if differs:
        doors.count("ticket_differs")
    # Nor may what the ticket leaves out come from the browser: with the signed value goes the signed currency alone.
    properties = {name: value for name, value in report.properties.items() if name not in MONEY} | money
    warnings = (*report.warnings, *(f"properties.{name}: differs from the ticket, which holds" for name in differs))
    return replace(report, properties=properties, warnings=warnings), True


def _dropped(visit: Visit) -> str | None:
    """A ticket proves the money, not that the shopper wants it told: it lifts nothing here."""
    if visit.private and visit.site.gpc == "drop":
        return "the browser asks for privacy (Sec-GPC) and this site drops such events"
    return None


def _withhold(doors: Doors, visit: Visit, event: str) -> str | None:
    site = visit.site
    if event in site.require_ticket:
        doors.count("no_ticket")
        return "this site demands an order ticket and the report had no good one"
    if site.bots == "withhold" and not isinstance(visit.qa, QaToken) and guards.is_bot(visit.user_agent):
        doors.count("bot")
        return "the user agent is a bot's"
    return None


def _prolong_cookies(answer: Response, visit: Visit, reports: list[Report]) -> None:
    """Browsers cut script-made cookies to 7 days or one; those of an answer last."""
    if visit.private and visit.site.gpc == "drop":
        return
    domain = visit.site.cookie_domain
    ttclid = next((report.ttclid for report in reversed(reports) if report.ttclid), None)
    if ttclid and ttclid != visit.kept_ttclid:
        _keep(answer, CLICK_COOKIE, ttclid, _attributes(KEEP_CLICK, visit.secure, domain))
        _keep(answer, KEPT_COOKIE, ttclid, _attributes(KEEP_CLICK, visit.secure, domain, hidden=True))
    if domain and visit.ttp and any(report.ttp == visit.ttp for report in reports):
        _keep(answer, "_ttp", visit.ttp, _attributes(KEEP_TTP, visit.secure, domain))


def _keep(answer: Response, name: str, value: str, attributes: str) -> None:
    """``value`` is one that ``signals`` read: nothing in it needs quoting."""
    answer.headers.add("Set-Cookie", f"{name}={value}{attributes}")


@lru_cache(maxsize=256)
def _attributes(seconds: int, secure: bool, domain: str | None, hidden: bool = False) -> str:
    """All of a cookie but its name and value. Browsers go by Max-Age, so it needs no date of now.

    ``hidden``: no script reads it. The tag reads ``ttclid`` and TikTok's script ``_ttp``.
    """
    whole = dump_cookie(
        "", max_age=seconds, secure=secure, httponly=hidden, samesite="Lax", domain=domain, sync_expires=False
    )
    return whole.removeprefix("=")
