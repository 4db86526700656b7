"""What is asked of people about one step that waits: what they are shown, whose signature is missing, who may give it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from prisma_assets.domain.errors import InputError
from prisma_assets.domain.workflow.execution import StepRecord, condition_context, required_roles
from prisma_assets.domain.workflow.shown import changed_steps, shown_of
from prisma_assets.domain.workflow.sign_off import (
    GivenDecision,
    Refused,
    SignOffState,
    Waiting,
    add_up,
    replaceable,
    role_to_sign,
)
from prisma_assets.domain.workflow.template import Step, Template
from prisma_assets.domain.workflow.validation import did_you_mean
from prisma_assets.store.account import AccountStore
from prisma_assets.store.database import Database, Transaction
from prisma_assets.store.sign_off import SignOffStore
from prisma_assets.store.workflow_record import Execution, NewSignOff, SignOffRequest, SignOffRow


@dataclass(frozen=True, kw_only=True)
class Sheet:
    """An execution with the latest record of every step begun."""

    template: Template
    execution: Execution
    records: Mapping[str, StepRecord]


@dataclass(frozen=True, kw_only=True)
class Question:
    """One step's sign-off, with the decisions that count for what is there now."""

    sheet: Sheet
    step: Step
    request: SignOffRequest
    """What is shown now; its `asked_at` is None when it is not stored yet."""
    rows: Sequence[SignOffRow]
    """Decisions that count, in the order given."""
    people: Mapping[str, frozenset[str]]
    """Who may sign anything at all, and their roles."""

    @cached_property
    def roles(self) -> tuple[str, ...]:
        """Roles that must sign; none when no sign-off is needed."""
        return required_roles(self.step, self._context)

    @cached_property
    def unmet(self) -> str:
        """The condition without which no approval counts, while it does not hold; else empty."""
        needed = self.step.sign_off.approve_when if self.step.sign_off is not None else None
        return "" if needed is None or needed.holds(self._context) else str(needed)

    @property
    def _context(self) -> Mapping[str, Any]:
        record = self.sheet.records[self.step.id]
        return condition_context(self.sheet.execution.inputs, self.sheet.records, record.outputs)

    @property
    def state(self) -> SignOffState:
        """What the decisions add up to."""
        return add_up(self.roles, self._given(), in_turn=self._in_turn, preparer=self._preparer)

    @property
    def missing(self) -> tuple[str, ...]:
        """Roles that may sign now, the one it was escalated to included; none when it is decided."""
        state = self.state
        if not isinstance(state, Waiting):
            return ()
        to = self.escalated_to
        if to is None or to in state.roles or not replaceable(state.roles):
            return state.roles
        return (*state.roles, to)

    @property
    def escalated_to(self) -> str | None:
        """The role that may stand in for those missing, since nobody decided in time; None: none may."""
        expiry = self.step.sign_off.expires if self.step.sign_off is not None else None
        return expiry.to if expiry is not None and self.request.expired_at is not None else None

    def role_of(self, new: NewSignOff) -> str:
        """The role in which this decision would count: the one it fills, or the one that stands in for it.

        Raises:
            InputError: It would not; says why.
        """
        if new.user not in self.people and not team_roles(self.sheet.execution):
            raise InputError(
                f"step '{self.step.id}': there is no engagement team, so those sign who have an account, and '{new.user}' has "
                f"none{did_you_mean(new.user, set(self.people))}; `prisma-assets user add` makes one"
            )
        found = self._next_role(self._decision(new.user, new))
        if isinstance(found, Refused):
            raise InputError(f"step '{self.step.id}': {found.reason}")
        if new.decision == "approve" and self.unmet:
            raise InputError(
                f"step '{self.step.id}' cannot be approved while `{self.unmet}` does not hold; its workpaper says what is "
                "missing: put that right and send it back with --decision changes, or reject it"
            )
        held = self.people.get(new.user, frozenset())
        return found if found in held or self.escalated_to is None else self.escalated_to

    def may_sign(self, user: str) -> bool:
        """Whether this person's signature would count now."""
        new = NewSignOff(execution_id="", step_id=self.step.id, user=user, decision="approve")
        return not isinstance(self._next_role(self._decision(user, new)), Refused)

    def _next_role(self, given: GivenDecision) -> str | Refused:
        open_roles = list(self.roles)
        signed: list[str] = []
        for earlier in self._given():
            filled = self._role_to_sign(open_roles, earlier, signed)
            if not isinstance(filled, Refused):
                open_roles.remove(filled)
                signed.append(earlier.user)
        return self._role_to_sign(open_roles, given, signed)

    def _role_to_sign(
        self, open_roles: Sequence[str], given: GivenDecision, signed: Sequence[str]
    ) -> str | Refused:
        return role_to_sign(
            open_roles, given, in_turn=self._in_turn, preparer=self._preparer, signed=signed
        )

    def _given(self) -> list[GivenDecision]:
        # What was approved in advance counts for nothing while it may not be approved.
        counted = (r for r in self.rows if r.decision != "approve" or not self.unmet)
        return [self._decision(row.user, row) for row in counted]

    def _decision(self, user: str, given: SignOffRow | NewSignOff) -> GivenDecision:
        row = given if isinstance(given, SignOffRow) else None
        roles = self.people.get(user, frozenset())
        if row is not None and row.role is not None:
            # The role was held when they signed; an account that is closed since takes nothing back.
            roles |= {row.role}
        return GivenDecision(
            user=user,
            roles=roles,
            decision=given.decision,
            comment=given.comment,
            role=given.role,
            may_stand_in=self.escalated_to in roles and (row is None or not self._is_early(row)),
            # People sign in a role, unless they sign in advance.
            is_clock=row is not None and row.role is None and not row.given_in_advance,
        )

    def _is_early(self, row: SignOffRow) -> bool:
        """Whether a decision was given before the sign-off was escalated."""
        expired_at = self.request.expired_at
        return expired_at is not None and row.decided_at < expired_at

    @property
    def _in_turn(self) -> bool:
        return self.step.sign_off is not None and self.step.sign_off.in_turn

    @property
    def _preparer(self) -> str:
        execution = self.sheet.execution
        # Nobody prepared a file: whoever started the work looks at their own doing.
        return str(
            execution.context.get("preparer", "")
            or ("" if team_roles(execution) else execution.created_by)
        )


def team_roles(execution: Execution) -> Mapping[str, frozenset[str]]:
    """Roles of every member of the engagement's team, as it was when the execution started."""
    return {m["user"]: frozenset(m["roles"]) for m in execution.context.get("team", [])}


async def signers(
    source: Database | Transaction, execution: Execution
) -> Mapping[str, frozenset[str]]:
    """Who may sign in which roles: the engagement's team; where none is named, those who have an account, in its roles."""
    if team := team_roles(execution):
        return team
    users = await AccountStore(source=source).users()
    return {u["user_name"]: frozenset(u["roles"]) for u in users if u["disabled_at"] is None}


async def question(source: Database | Transaction, sheet: Sheet, step: Step) -> Question:
    """What is asked about a step whose work is done: the stored request while it shows what is there, else a new one."""
    store = SignOffStore(source=source)
    latest = await store.request(sheet.execution.id, step.id)
    iteration = sheet.records[step.id].iteration
    if latest is not None and latest.iteration != iteration:
        latest = None
    if latest is not None and not changed_steps(latest.shown, sheet.records):
        request = latest
    else:
        request = SignOffRequest(
            step_id=step.id,
            iteration=iteration,
            number=latest.number + 1 if latest is not None else 1,
            shown=shown_of(sheet.template, step.id, sheet.records),
        )
    rows = await store.given(sheet.execution.id, request)
    people = await signers(source, sheet.execution)
    return Question(sheet=sheet, step=step, request=request, rows=rows, people=people)
