"""What a form of a page sends."""

from urllib.parse import parse_qs

from starlette.requests import Request

from prisma_assets.domain.errors import InputError

MOST_FIELDS = 100
"""More than any form of ours has."""


async def form_fields(request: Request) -> dict[str, str]:
    """The fields somebody filled in, without blanks round them; of a field sent several times the first.

    Raises:
        InputError: It is no form of ours.
    """
    return {name: values[0] for name, values in (await form_lists(request)).items()}


async def form_lists(request: Request) -> dict[str, list[str]]:
    """The fields somebody filled in, each with everything chosen.

    Raises:
        InputError: It is no form of ours.
    """
    text = (await request.body()).decode("utf-8", errors="replace")
    try:
        fields = parse_qs(text, max_num_fields=MOST_FIELDS)
    except ValueError:
        raise InputError("the form holds more fields than any of ours; send it as the page does") from None  # fmt: skip
    said = {name: [v.strip() for v in values] for name, values in fields.items()}
    return {name: kept for name, values in said.items() if (kept := [v for v in values if v])}


def reason_in(fields: dict[str, str]) -> str:
    """Why somebody does it.

    Raises:
        InputError: It was left out.
    """
    if "reason" not in fields:
        raise InputError("this is done for a reason; write it, it is kept with it")
    return fields["reason"]
