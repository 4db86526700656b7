"""In which role a visitor consents to something."""

from prisma_assets.domain.experiments.release_path import Approval
from prisma_assets.domain.guardrails.role import Role
from prisma_assets.domain.guardrails.visitor import Visitor

_HIGHEST_FIRST = (Role.PARTNER, Role.MANAGER, Role.EMPLOYEE)


def approval_of(visitor: Visitor) -> Approval:
    """Their consent, in the highest role they hold; one that may not consent is refused where it is given."""
    held = next((role for role in _HIGHEST_FIRST if role in visitor.roles), None)
    return Approval(user=visitor.name, role=held or next(iter(visitor.roles), Role.READONLY))
