"""Takes personal data out of text before it is stored. Which texts are stored does not belong here.

A number counts as personal only when its form says so (a checksum, a prefix, a word before it): a missed one is a risk,
but a masked amount, date or invoice number would spoil the feedback.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv6Address
from itertools import accumulate
from typing import Any

_IBAN_LENGTHS = {
    code: int(length)
    for code, length in (
        (pair[:2], pair[2:])
        for pair in [
            "AD24",
            "AE23",
            "AT20",
            "BE16",
            "BG22",
            "BH22",
            "BR29",
            "CH21",
            "CY28",
            "CZ24",
            "DE22",
            "DK18",
            "EE20",
            "ES24",
            "FI18",
            "FR27",
            "GB22",
            "GI23",
            "GR27",
            "HR21",
            "HU28",
            "IE22",
            "IL23",
            "IS26",
            "IT27",
            "KW30",
            "LI21",
            "LT20",
            "LU20",
            "LV21",
            "MC27",
            "MT31",
            "NL18",
            "NO15",
            "PL28",
            "PT25",
            "QA29",
            "RO24",
            "SA24",
            "SE24",
            "SI19",
            "SK24",
            "TR26",
        ]
    )
}
"""Characters of an account number by country (SWIFT IBAN registry, the countries the firm's clients pay in)."""

_VAT = (
    r"ATU\d{8}|BE[01]\d{9}|CY\d{8}[A-Z]|DE\d{9}|DK\d{8}|EE\d{9}|EL\d{9}|ES[A-Z0-9]\d{7}[A-Z0-9]|FI\d{8}|FR[A-Z0-9]{2}\d{9}"
    r"|GB\d{9}(?:\d{3})?|HR\d{11}|HU\d{8}|IE\d[A-Z0-9]\d{5}[A-Z]{1,2}|IT\d{11}|LU\d{8}|LV\d{11}|MT\d{8}|NL\d{9}B\d{2}"
    r"|PL\d{10}|PT\d{9}|SE\d{12}|SI\d{8}"
)
"""Forms of VAT numbers by country (European Commission, VIES, "VAT identification number structure")."""


@dataclass(frozen=True, kw_only=True)
class _Kind:
    name: str
    pattern: re.Pattern[str]
    """What is masked is the group `personal`, or all of it."""
    holds: Callable[[str], int] = len
    """How many characters, from the first, are personal data; 0: none."""


def redact(text: str) -> str:
    """The text with each piece of personal data replaced by `[TYPE_REDACTED]`; redacting again changes nothing."""
    if _SIGN.search(text) is None:
        return text
    for kind in _KINDS:
        text = kind.pattern.sub(lambda found, kind=kind: _masked(found, kind), text)  # type: ignore[misc]
    return text


def redact_value(value: Any) -> Any:
    """A JSON value with every text in it redacted, names of members too."""
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, dict):
        return {redact(str(key)): redact_value(item) for key, item in value.items()}
    if isinstance(value, list):
        return [redact_value(item) for item in value]
    return value


def _masked(found: re.Match[str], kind: _Kind) -> str:
    group = "personal" if "personal" in kind.pattern.groupindex else 0
    whole, personal = found.group(), found.group(group)
    length = kind.holds(personal)
    if not length:
        return whole
    start = found.start(group) - found.start()
    return f"{whole[:start]}[{kind.name}_REDACTED]{whole[start + length :]}"


def _iban(text: str) -> int:
    """ISO 13616: with the first four characters at the end and letters as 10-35, the number is 1 modulo 97."""
    needed = _IBAN_LENGTHS.get(text[:2].upper(), 0)
    counts = list(accumulate(int(character != " ") for character in text))
    if not needed or counts[-1] < needed:
        return 0
    length = counts.index(needed) + 1
    if text[length : length + 1].isalnum():
        return 0
    plain = text[:length].replace(" ", "")
    number = int("".join(str(int(c, 36)) for c in plain[4:] + plain[:4]))
    return length if number % 97 == 1 else 0


def _card(text: str) -> int:
    """ISO/IEC 7812-1, annex B (Luhn)."""
    digits = [int(c) for c in reversed(text) if c.isdigit()]
    doubled = (sum(divmod(2 * d, 10)) for d in digits[1::2])
    return 0 if (sum(digits[::2]) + sum(doubled)) % 10 else len(text)


def _ip_v6(text: str) -> int:
    try:
        IPv6Address(text)
    except AddressValueError:
        return 0
    # `::` alone is punctuation.
    return len(text) if any(c.isalnum() for c in text) else 0


def _phone(text: str) -> int:
    """E.164: at most 15 digits; below 8 nobody abroad can be called."""
    return len(text) if 8 <= sum(c.isdigit() for c in text) <= 15 else 0


_SIGN = re.compile(r"[0-9@:]")
"""Whatever is masked holds one of these; most comments hold none."""
_OCTET = r"(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)"
_NOT_MONEY = r"(?<![€$£])(?<![€$£] )(?<!EUR )(?<!USD )(?<!GBP )(?<!RWF )(?<!CHF )"
"""1.200.100.200 after a currency is an amount."""

_KINDS = (
    _Kind(name="EMAIL", pattern=re.compile(r"(?<![\w.+-])[\w.+-]+@[\w-]+(?:\.[\w-]+)+", re.ASCII)),
    _Kind(
        name="IBAN",
        pattern=re.compile(r"\b[a-z]{2}\d{2}(?: ?[a-z0-9]){11,30}", re.ASCII | re.IGNORECASE),
        holds=_iban,
    ),
    _Kind(  # Rwanda: 1, year of birth, 7 or 8 for the sex, serial number, issue, check digits (NIDA).
        name="NATIONAL_ID",
        pattern=re.compile(
            r"(?<![\w.,/-])[123] ?(?:19|20)\d\d ?[78] ?\d{7} ?\d ?\d\d(?![\w/-]|[.,]\d)", re.ASCII
        ),
    ),
    _Kind(  # Malta: seven digits and one of eight letters (Identity Malta).
        name="NATIONAL_ID",
        pattern=re.compile(r"(?<![\w.,/-])\d{7}[MGAPLHBZ](?![\w/-])", re.ASCII),
    ),
    _Kind(  # First digits of Visa, Mastercard, American Express and Discover.
        name="CARD",
        pattern=re.compile(
            r"(?<![\w.,/-])(?=4|5[1-5]|2[2-7]|3[47]|6011|65)\d(?:[ -]?\d){12,18}(?![\w/-]|[.,]\d)",
            re.ASCII,
        ),
        holds=_card,
    ),
    _Kind(  # Social Security Administration: no 000, 666 or 9xx area, no 00 group, no 0000 serial.
        name="SSN",
        pattern=re.compile(
            r"(?<![\w/-])(?!000|666|9)\d{3}-(?!00)\d\d-(?!0000)\d{4}(?![\w/-])", re.ASCII
        ),
    ),
    _Kind(
        name="IP",
        pattern=re.compile(
            rf"{_NOT_MONEY}(?<![\w.,-]){_OCTET}(?:\.{_OCTET}){{3}}(?![\w-]|[.,]\d)", re.ASCII
        ),
    ),
    _Kind(
        name="IP",
        pattern=re.compile(r"(?<![\w:])(?:[0-9a-f]{0,4}:){2,7}[0-9a-f]{0,4}(?![\w:])", re.I),
        holds=_ip_v6,
    ),
    _Kind(name="VAT", pattern=re.compile(rf"(?<![\w/-])(?:{_VAT})(?![\w/-])", re.ASCII)),
    _Kind(  # A tax number is nine digits as many others are (Rwanda's TIN too): the word before it tells.
        name="TAX_ID",
        pattern=re.compile(
            r"\b(?:TIN|tax (?:id|number|no\.?)|VAT (?:number|no\.?))\W{0,3}(?:(?:is|no\.?|number)\W{0,3})?(?P<personal>\d{8,12})\b",
            re.ASCII | re.IGNORECASE,
        ),
    ),
    _Kind(
        name="PASSPORT",
        pattern=re.compile(
            r"\bpassport\W{0,3}(?:(?:is|no\.?|number)\W{0,3})?(?P<personal>(?=[a-z]*\d)[a-z0-9]{6,9})\b",
            re.ASCII | re.IGNORECASE,
        ),
    ),
    _Kind(
        name="PHONE",
        pattern=re.compile(
            r"(?<![\w+])\+[1-9]\d{0,2}(?:[ .-]?\(?\d{1,11}\)?){1,5}(?!\w|[.,]\d)", re.ASCII
        ),
        holds=_phone,
    ),
    _Kind(
        name="PHONE",
        pattern=re.compile(r"(?<![\w/-])(?:\(\d{3}\) ?|\d{3}-)\d{3}-\d{4}(?![\w/-])", re.ASCII),
    ),
    _Kind(
        name="PHONE",
        pattern=re.compile(
            r"\b(?:tel|phone|mobile|call)\b\W{0,3}(?P<personal>\d(?:[ -]?\d){6,13})(?!\w|[.,]\d)",
            re.ASCII | re.IGNORECASE,
        ),
        holds=_phone,
    ),
)
"""In this order: what an earlier kind has masked, a later one does not see."""
