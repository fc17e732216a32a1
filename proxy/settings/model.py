"""The settings as frozen values. How they are found and put together is left to ``loading``."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr

from proxy.errors import SettingsError
from proxy.settings import rules

ORDER_EVENTS = ("PlaceAnOrder", "CompletePayment", "Purchase")


def _token(value: SecretStr) -> SecretStr:
    return SecretStr(rules.token(value.get_secret_value()))


def _api_keys(values: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
    keys = [value.get_secret_value() for value in values]
    if any(not key.isascii() or not key.isprintable() or not key or " " in key for key in keys):
        raise ValueError("an API key is one word of ASCII letters, digits and signs: it travels in a header")
    return values


def _secret_keys(values: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
    for value in values:
        rules.secret_key(value.get_secret_value())
    return values


def _password_hash(value: SecretStr) -> SecretStr:
    return SecretStr(rules.password_hash(value.get_secret_value()))


def _order_events(values: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(ORDER_EVENTS + rules.names(values)))


Number = Annotated[int, BeforeValidator(rules.number)]
Names = Annotated[tuple[str, ...], BeforeValidator(rules.listed), AfterValidator(rules.names)]
OrderEvents = Annotated[tuple[str, ...], BeforeValidator(rules.listed), AfterValidator(_order_events)]
Parts = Annotated[tuple[Literal["datalayer", "product", "tcf"], ...], BeforeValidator(rules.listed)]
Hosts = Annotated[tuple[str, ...], BeforeValidator(rules.listed), AfterValidator(rules.hosts)]
ApiKeys = Annotated[tuple[SecretStr, ...], BeforeValidator(rules.listed), AfterValidator(_api_keys)]
SecretKeys = Annotated[tuple[SecretStr, ...], BeforeValidator(rules.listed), AfterValidator(_secret_keys)]
BaseUrl = Annotated[str, AfterValidator(rules.base_url)]


class _Frozen(BaseModel):
    # hide_input_in_errors: what is wrong may be a secret in the wrong place.
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, str_strip_whitespace=True)


class Destination(_Frozen):
    """One pixel of a site with its access token, given as itself or as a file that is read afresh each time."""

    name: str
    site: str
    pixel_code: str = Field(min_length=1)
    access_token: Annotated[SecretStr, AfterValidator(_token)] | None = None
    access_token_file: Path | None = None
    test_event_code: str = ""

    def token(self) -> str:
        """The access token as of now. Raises SettingsError when its file cannot be read or holds no token."""
        if self.access_token is not None:
            return self.access_token.get_secret_value()
        if self.access_token_file is None:
            raise SettingsError(f"sites.{self.site}.access_token", f"the pixel {self.pixel_code} has no access token.")
        problem = ""
        try:
            return rules.token(self.access_token_file.read_text("utf-8-sig"))
        except OSError as error:
            problem = f"the file cannot be read ({error.strerror})"
        except UnicodeDecodeError:
            problem = "the file is not text"
        except ValueError as error:
            problem = f"in the file: {error}"
        # Outside of the except blocks, so that no chained traceback can carry what the file held.
        raise SettingsError(f"sites.{self.site}.access_token_file", f"{problem}.")


def _some(values: tuple[Destination, ...]) -> tuple[Destination, ...]:
    # Not Field(min_length=1): that would be told beside each fault of the only pixel.
    if not values:
        raise ValueError("a site has at least one pixel: write its pixel_code")
    return values


class Site(_Frozen):
    """A shop: its domains, its rules and its pixels."""

    name: Annotated[str, AfterValidator(rules.site_name)]
    domains: Hosts = ()
    destinations: Annotated[tuple[Destination, ...], AfterValidator(_some)]
    api_keys: ApiKeys = ()
    default_region: Annotated[str, AfterValidator(rules.region)] | None = None
    order_events: OrderEvents = ORDER_EVENTS
    event_names: Names = ()
    consent: Literal["granted", "limited"] = "granted"
    allow_no_origin: bool = False
    cookie_domain: Annotated[str, AfterValidator(rules.cookie_domain)] | None = None
    # At most 4 minutes: TikTok joins the legs' match keys within 5, and the delivery needs its share.
    merge_wait: Annotated[float, BeforeValidator(rules.number)] = Field(default=20, ge=0, le=240, allow_inf_nan=False)
    gpc: Literal["limit", "drop"] = "limit"
    bots: Literal["withhold", "send"] = "withhold"
    require_ticket: Names = ()
    page_view: Literal["both", "pixel", "off"] = "both"
    tag_parts: Parts = ()
    # How Google's "purchase" is told.
    order_event: str = "Purchase"
    tcf_vendor: Number | None = None


class Settings(_Frozen):
    """Everything a start needs to know. ``warnings`` are sentences for the operator; they never hold a secret."""

    sites: Mapping[str, Site]
    # The first key signs; all of them verify, so that a key can be changed without a gap.
    secret_keys: SecretKeys = ()
    operator_password_hash: Annotated[SecretStr, AfterValidator(_password_hash)] | None = None
    # Not in repr: a PostgreSQL address may hold a password.
    outbox_url: Annotated[str, AfterValidator(rules.outbox_url)] = Field("sqlite:///var/pixelpair.db", repr=False)
    on_corrupt_outbox: Literal["stop", "move_aside"] = "stop"
    keep_bodies: Number = Field(default=72, ge=0)
    keep_dead_days: Number = Field(default=90, ge=1)
    keep_match_days: Number = Field(default=30, ge=0)
    tiktok_url: BaseUrl = "https://business-api.tiktok.com"
    pixel_url: BaseUrl = "https://analytics.tiktok.com"
    mount: Annotated[str, AfterValidator(rules.mount)] = "/t"
    trusted_hops: Number = Field(default=0, ge=0)
    reports_per_minute: Number = Field(default=600, ge=1)
    warnings: tuple[str, ...] = ()

    @property
    def destinations(self) -> tuple[Destination, ...]:
        """All pixels of all sites."""
        return tuple(destination for site in self.sites.values() for destination in site.destinations)
