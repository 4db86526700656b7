"""What people are told about sign-offs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from prisma_assets.domain.notification.notification import Notification, Recipient


@dataclass(frozen=True, kw_only=True)
class SignOffSubject:
    """The sign-off that is spoken of."""

    execution_id: str
    template_title: str
    engagement_id: str | None
    client_id: str | None
    step_id: str
    step_title: str
    iteration: int
    number: int
    """How often the result of this iteration has been put before people."""
    roles: tuple[str, ...]
    """Roles that may sign now."""
    signed: int = 0
    """Signatures given."""

    @property
    def key(self) -> str:
        """What the dedupe keys of this request have in common."""
        return f"{self.execution_id}:{self.step_id}:{self.iteration}:{self.number}"


def asked(subject: SignOffSubject, audience: Sequence[Recipient]) -> Notification:
    """The result is there and waits; told again when it is the next person's turn."""
    return _notification(
        subject,
        audience,
        _News(
            kind="sign_off_asked",
            headline="Sign-off needed",
            text=f"The step waits for the sign-off of {_roles(subject)}.",
            key=f"{subject.key}:{subject.signed}",
        ),
    )


def gone_stale(
    subject: SignOffSubject, audience: Sequence[Recipient], sentences: Sequence[str]
) -> Notification:
    """It had been signed, but what was signed is not what is there."""
    return _notification(
        subject,
        audience,
        _News(
            kind="sign_off_stale",
            headline="Sign-off needed again",
            text="\n".join(
                [*sentences, "", f"The step waits for the sign-off of {_roles(subject)}."]
            ),
            key=subject.key,
            facts={"stale": list(sentences)},
        ),
    )


def reminder(
    subject: SignOffSubject, audience: Sequence[Recipient], *, count: int, since: datetime
) -> Notification:
    """Nobody has decided for a while."""
    return _notification(
        subject,
        audience,
        _News(
            kind="sign_off_reminder",
            headline=f"Reminder {count}: sign-off needed",
            text=f"The step has waited since {_moment(since)} for the sign-off of {_roles(subject)}.",
            key=f"{subject.key}:{count}",
            facts={"reminder": count, "asked_at": since.isoformat()},
        ),
    )


def escalated(
    subject: SignOffSubject, audience: Sequence[Recipient], *, to: str, since: datetime
) -> Notification:
    """Nobody decided in time: another role may sign in place of those missing."""
    return _notification(
        subject,
        audience,
        _News(
            kind="sign_off_escalated",
            headline="Escalated: sign-off overdue",
            text=f"The step has waited since {_moment(since)}, longer than the template allows. From now on {to} may sign "
            f"in place of those who have not: {_roles(subject)}.",
            key=subject.key,
            facts={"escalated_to": to, "asked_at": since.isoformat()},
        ),
    )


def expired(
    subject: SignOffSubject, audience: Sequence[Recipient], *, reason: str, since: datetime
) -> Notification:
    """Nobody decided in time: it counts as a rejection."""
    return _notification(
        subject,
        audience,
        _News(
            kind="sign_off_expired",
            headline="Rejected: sign-off overdue",
            text=f"{reason}. What the template says of a rejection happens next.",
            key=subject.key,
            facts={"reason": reason, "asked_at": since.isoformat()},
        ),
    )


@dataclass(frozen=True, kw_only=True)
class _News:
    kind: str
    headline: str
    text: str
    key: str
    facts: Mapping[str, Any] = field(default_factory=dict)


def _notification(
    subject: SignOffSubject, audience: Sequence[Recipient], news: _News
) -> Notification:
    about = subject.engagement_id or f"execution {subject.execution_id}"
    return Notification(
        kind=news.kind,
        dedupe_key=f"{news.kind}:{news.key}",
        subject=f"{news.headline}: {subject.step_title} ({about})",
        text="\n".join(
            [
                f"{subject.template_title}, {about}",
                f"Step {subject.step_id}: {subject.step_title}",
                "",
                news.text,
                "",
                "What there is to sign:",
                f"  prisma-assets status {subject.execution_id}",
                "The decision:",
                f"  prisma-assets approve {subject.execution_id} {subject.step_id} --as USER --decision approve --comment TEXT",
            ]
        ),
        audience=tuple(audience),
        facts={
            "template": subject.template_title,
            "engagement_id": subject.engagement_id,
            "client_id": subject.client_id,
            "step_title": subject.step_title,
            "iteration": subject.iteration,
            "number": subject.number,
            "roles": list(subject.roles),
            **news.facts,
        },
        execution_id=subject.execution_id,
        step_id=subject.step_id,
    )


def _roles(subject: SignOffSubject) -> str:
    return " or ".join(dict.fromkeys(subject.roles)) or "nobody"


def _moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"
