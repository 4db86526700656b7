"""The draft of the auditor's report, section by section (ISA 700). The wording is a draft for the partner to edit and sign."""

from prisma_assets.domain.audit.engagement import Engagement
from prisma_assets.domain.audit.opinion import Decision, Opinion

FRAMEWORK_NAMES = {
    "IFRS": "IFRS Accounting Standards",
    "US_GAAP": "accounting principles generally accepted in the United States",
    "GAPSME": "the General Accounting Principles for Smaller Entities",
}

OPINION_WORDS: dict[Opinion, str] = {
    "UNMODIFIED": "In our opinion the financial statements of {client} for the period from {start} to {end} present fairly, in all material respects, its position, results and cash flows in accordance with {framework}.",
    "QUALIFIED": "In our opinion, except for the effects or possible effects of the matters set out below, the financial statements of {client} for the period from {start} to {end} present fairly, in all material respects, its position, results and cash flows in accordance with {framework}.",
    "ADVERSE": "In our opinion, because of the significance of the matters set out below, the financial statements of {client} for the period from {start} to {end} do not present fairly its position, results and cash flows in accordance with {framework}.",
    "DISCLAIMER": "We do not express an opinion on the financial statements of {client} for the period from {start} to {end}: because of the significance of the matters set out below we could not obtain evidence on which an opinion could rest.",
}

UNCERTAINTY = "Events or conditions cast significant doubt on the ability of {client} to continue as a going concern, as the statements disclose. Our opinion is not modified in this respect."


def draft(
    engagement: Engagement,
    decision: Decision,
    *,
    sections: tuple[str, ...],
    key_matters: tuple[str, ...],
    are_chosen: bool,
    basis: tuple[str, ...],
) -> tuple[tuple[str, str], ...]:
    """Words for the sections that differ from audit to audit; the firm's standing text fills the others.

    Args:
        engagement: Names client, period and framework.
        decision: Opinion drafted.
        sections: Headings in order.
        key_matters: Key audit matters, or candidates for them.
        are_chosen: The partner chose them; otherwise they are candidates.
        basis: Matters behind a modified opinion, one sentence each.
    """
    values = {
        "client": engagement.client.name,
        "start": engagement.period.start.isoformat(),
        "end": engagement.period.end.isoformat(),
        "framework": FRAMEWORK_NAMES[engagement.client.framework],
    }
    words = {
        sections[1]: OPINION_WORDS[decision.opinion].format(**values),
        sections[2]: _basis(decision, basis),
        "Material uncertainty related to going concern": UNCERTAINTY.format(**values),
        "Key audit matters": (
            "" if are_chosen else "Candidates, for the partner to choose and describe: "
        )
        + ("; ".join(key_matters) or "none")
        + ".",
    }
    standing = "The firm's standing text."
    return tuple((heading, words.get(heading, standing)) for heading in sections)


def _basis(decision: Decision, basis: tuple[str, ...]) -> str:
    start = "We conducted our audit in accordance with International Standards on Auditing."
    if decision.opinion == "DISCLAIMER":
        start = "We were engaged to audit in accordance with International Standards on Auditing."
    if decision.opinion == "UNMODIFIED":
        return f"{start} The evidence we obtained is sufficient and appropriate for our opinion."
    return " ".join([start, *basis])
