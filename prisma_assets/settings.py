"""What the environment decides. Nothing else in the product reads environment variables."""

import ipaddress
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit

from prisma_assets.domain.errors import InputError
from prisma_assets.domain.guardrails.identity import ClaimRules
from prisma_assets.domain.guardrails.role import Role

DEFAULT_HOME = ".prisma"
DEFAULT_PORT = 3000
MAX_PORT = 65535
"""Highest TCP port (RFC 9293 §3.1: 16 bits)."""

SMTP_PORT, SMTPS_PORT = 587, 465
"""Ports of mail submission: RFC 6409 (with STARTTLS) and RFC 8314 (TLS from the start)."""
SHORTEST_SECRET = 16
"""Characters of a webhook's secret: 128 bits when they are drawn at random from 256, and no word of a language."""

_MAIL_ADDRESS = re.compile(r"[^@\s,<>\"]+@[^@\s,<>\"]+")


def is_mail_address(text: str) -> bool:
    """Whether it can stand as one address in a message's head."""
    return _MAIL_ADDRESS.fullmatch(text) is not None


def is_loopback(host: str) -> bool:
    """Whether what is sent there stays on this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@dataclass(frozen=True, kw_only=True)
class MailSettings:
    """How notifications are sent by e-mail."""

    host: str
    port: int
    is_tls: bool
    """TLS from the start; otherwise STARTTLS where the server offers it."""
    sender: str
    to: tuple[str, ...] = ()
    """Addresses that receive everything; with `{user}` in it, what makes an address of a team member's user name."""
    user: str | None = None
    password: str | None = field(default=None, repr=False)


@dataclass(frozen=True, kw_only=True)
class WebhookSettings:
    """Where notifications are posted."""

    url: str
    secret: str = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class OidcSettings:
    """The firm's identity provider, and how it knows this product."""

    issuer: str
    client_id: str
    rules: ClaimRules
    client_secret: str | None = field(default=None, repr=False)
    """None: a public client, which proves itself by PKCE alone (RFC 7636)."""

    @property
    def host(self) -> str:
        """What the button calls it."""
        return urlsplit(self.issuer).netloc


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Where the product keeps its data, which database it uses and where it answers."""

    home: Path
    """PRISMA_HOME: absolute folder of everything the product keeps; it need not exist yet."""
    database_url: str | None = None
    """DATABASE_URL: a PostgreSQL server in libpq form. None: the embedded server under `home`."""
    port: int = DEFAULT_PORT
    """PRISMA_PORT: port of the web address."""
    public_url: str | None = None
    """PRISMA_PUBLIC_URL: how people on other machines reach the web address, through a proxy with TLS. None: this machine only."""
    templates: Path | None = None
    """PRISMA_TEMPLATES: a folder of further workflow templates. None: only those that ship."""
    dashboards: Path | None = None
    """PRISMA_DASHBOARDS: a folder of further dashboards. None: only those that ship."""
    warm: bool = True
    """PRISMA_WARM: runs are forked from a process that has everything imported. 0: each starts a fresh Python."""

    mail: MailSettings | None = None
    """PRISMA_SMTP_URL, PRISMA_MAIL_FROM, PRISMA_MAIL_TO. None: no e-mail is sent."""
    webhook: WebhookSettings | None = None
    """PRISMA_WEBHOOK_URL, PRISMA_WEBHOOK_SECRET. None: nothing is posted."""
    oidc: OidcSettings | None = None
    """PRISMA_OIDC_ISSUER and what begins like it. None: people sign in with a password of ours."""

    @property
    def sample_folder(self) -> Path:
        """Where the first start writes the sample engagement."""
        return self.home / "engagements" / "sample"

    @classmethod
    def from_environ(cls, environ: Mapping[str, str] = os.environ) -> "Settings":
        """Read and check every setting; a variable that is empty counts as unset.

        Raises:
            InputError: a value cannot be used; the text names the variable.
        """
        given = {name: value.strip() for name, value in environ.items() if value.strip()}
        return cls(
            home=_home(given.get("PRISMA_HOME", DEFAULT_HOME)),
            database_url=_database_url(given.get("DATABASE_URL")),
            port=_port(given.get("PRISMA_PORT", str(DEFAULT_PORT))),
            public_url=_public_url(given.get("PRISMA_PUBLIC_URL")),
            templates=_folder("PRISMA_TEMPLATES", given),
            dashboards=_folder("PRISMA_DASHBOARDS", given),
            warm=_switch("PRISMA_WARM", given.get("PRISMA_WARM", "1")),
            mail=_mail(given),
            webhook=_webhook(given),
            oidc=_oidc(given),
        )


def _home(value: str) -> Path:
    home = _absolute(value)
    if home.exists() and not home.is_dir():
        raise InputError(f"PRISMA_HOME is {home}, which is a file; name a folder.")
    return home


def _absolute(value: str) -> Path:
    return Path(os.path.abspath(Path(value).expanduser()))  # noqa: PTH100  # resolve() would follow links: people move data behind one


def _public_url(value: str | None) -> str | None:
    if value is None:
        return None
    parts = urlsplit(value)
    if parts.scheme != "https" or not parts.netloc or parts.path.strip("/") or parts.query:
        raise InputError(
            f"PRISMA_PUBLIC_URL is '{value}'; write how browsers reach the product, with https and without a path: https://prisma.example"
        )
    return value.rstrip("/")


def _database_url(value: str | None) -> str | None:
    # The value is never repeated in a message: it may hold a password.
    if value is None or value.startswith(("postgresql://", "postgres://")):
        return value
    if "://" not in value and "=" in value:
        return value  # libpq's other form, `host=... dbname=...`, which psql takes as well
    raise InputError(
        "DATABASE_URL is not a PostgreSQL address; write it as "
        "postgresql://user:password@host:5432/database, or unset it to use the embedded server."
    )


def _port(value: str) -> int:
    if value.isascii() and value.isdigit() and 1 <= int(value) <= MAX_PORT:
        return int(value)
    raise InputError(f"PRISMA_PORT is {value!r}; give a port number from 1 to {MAX_PORT}.")


def _folder(name: str, given: Mapping[str, str]) -> Path | None:
    if name not in given:
        return None
    folder = _absolute(given[name])
    if not folder.is_dir():
        raise InputError(f"{name} is {folder}, which is not a folder; create it or unset {name}.")
    return folder


def _switch(name: str, value: str) -> bool:
    if value in ("0", "1"):
        return value == "1"
    raise InputError(f"{name} is {value!r}; write 1 for on or 0 for off.")


def _mail(given: Mapping[str, str]) -> MailSettings | None:
    # The value is never repeated in a message: it may hold a password.
    url = given.get("PRISMA_SMTP_URL")
    sender, to = given.get("PRISMA_MAIL_FROM"), given.get("PRISMA_MAIL_TO", "")
    if url is None:
        if sender or to:
            raise InputError(
                "PRISMA_MAIL_FROM or PRISMA_MAIL_TO is set, but PRISMA_SMTP_URL is not; set all of them or none."
            )
        return None
    host, port, is_tls, user, password = _smtp(url)
    if sender is None or not is_mail_address(sender):
        raise InputError(
            "PRISMA_SMTP_URL is set; set PRISMA_MAIL_FROM to the address that notifications come from."
        )
    receivers = tuple(address.strip() for address in to.split(",") if address.strip())
    for receiver in receivers:
        if not is_mail_address(receiver.replace("{user}", "user")):
            raise InputError(
                f"PRISMA_MAIL_TO holds {receiver!r}, which is no address; write addresses with commas between them, "
                "or {user}@firm.example to make one of each user name."
            )
    return MailSettings(
        host=host,
        port=port,
        is_tls=is_tls,
        user=user,
        password=password,
        sender=sender,
        to=receivers,
    )


def _smtp(url: str) -> tuple[str, int, bool, str | None, str | None]:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    if parts.scheme not in ("smtp", "smtps") or not parts.hostname or parts.path.strip("/"):
        raise InputError(
            "PRISMA_SMTP_URL is not the address of a mail server; write it as smtp://user:password@host:587 or "
            "smtps://user:password@host:465, with %40 for an @ in the user name or password."
        )
    is_tls = parts.scheme == "smtps"
    user = unquote(parts.username) if parts.username else None
    password = unquote(parts.password) if parts.password else None
    return parts.hostname, port or (SMTPS_PORT if is_tls else SMTP_PORT), is_tls, user, password


def _webhook(given: Mapping[str, str]) -> WebhookSettings | None:
    url, secret = given.get("PRISMA_WEBHOOK_URL"), given.get("PRISMA_WEBHOOK_SECRET")
    if url is None and secret is None:
        return None
    if url is None or secret is None or len(secret) < SHORTEST_SECRET:
        raise InputError(
            "PRISMA_WEBHOOK_URL and PRISMA_WEBHOOK_SECRET go together, and the secret has at least "
            f"{SHORTEST_SECRET} characters; set both or none."
        )
    try:
        parts = urlsplit(url)
        is_url = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_url = False
    if not is_url or parts.username or parts.password:
        raise InputError(
            "PRISMA_WEBHOOK_URL is not a web address; write it as https://host/path, without user or password: "
            "the signature says who sends."
        )
    if parts.scheme == "http" and not is_loopback(parts.hostname or ""):
        raise InputError(
            "PRISMA_WEBHOOK_URL sends clients' matters over the network in the clear; use https://."
        )
    return WebhookSettings(url=url, secret=secret)


def _oidc(given: Mapping[str, str]) -> OidcSettings | None:
    issuer, client_id = given.get("PRISMA_OIDC_ISSUER"), given.get("PRISMA_OIDC_CLIENT_ID")
    groups = given.get("PRISMA_OIDC_ROLES")
    if issuer is None or client_id is None or groups is None:
        if any(name.startswith("PRISMA_OIDC_") for name in given):
            raise InputError(
                "PRISMA_OIDC_ISSUER, PRISMA_OIDC_CLIENT_ID and PRISMA_OIDC_ROLES go together; set all three or none."
            )
        return None
    parts = urlsplit(issuer)
    is_safe = parts.scheme == "https" or (
        parts.scheme == "http" and is_loopback(parts.hostname or "")
    )
    if not is_safe or not parts.hostname or parts.query or parts.fragment:
        raise InputError(
            f"PRISMA_OIDC_ISSUER is '{issuer}'; write the issuer as the provider's discovery document does, with https."
        )
    rules = ClaimRules(
        name_claim=given.get("PRISMA_OIDC_NAME_CLAIM", "preferred_username"),
        roles_claim=given.get("PRISMA_OIDC_ROLES_CLAIM", "groups"),
        roles=_groups(groups),
    )
    return OidcSettings(
        issuer=issuer, client_id=client_id, client_secret=_oidc_secret(given), rules=rules
    )


def _oidc_secret(given: Mapping[str, str]) -> str | None:
    file = given.get("PRISMA_OIDC_CLIENT_SECRET_FILE")
    if file is None:
        return given.get("PRISMA_OIDC_CLIENT_SECRET")
    try:
        return _absolute(file).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"PRISMA_OIDC_CLIENT_SECRET_FILE cannot be read: {error}") from error


def _groups(value: str) -> dict[str, tuple[Role, ...]]:
    found: dict[str, tuple[Role, ...]] = {}
    for pair in value.split(","):
        group, equals, role = (part.strip() for part in pair.rpartition("="))
        if not equals or not group or role not in Role.__members__:
            raise InputError(
                f"PRISMA_OIDC_ROLES holds '{pair.strip()}'; write group=ROLE with commas between, where a role is one of {', '.join(Role)}."
            )
        if Role(role) is Role.SERVICE_ACCOUNT:
            raise InputError("PRISMA_OIDC_ROLES gives SERVICE_ACCOUNT to people; programs sign in by token.")  # fmt: skip
        found[group] = (*found.get(group, ()), Role(role))
    return found
