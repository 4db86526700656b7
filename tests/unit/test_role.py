"""What each role of the firm permits."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prisma_assets.domain.guardrails.role import Permission as May
from prisma_assets.domain.guardrails.role import (
    Role,
    has_role,
    may_start,
    permissions,
)

LADDER = (Role.READONLY, Role.EMPLOYEE, Role.MANAGER, Role.PARTNER)


def test_a_higher_role_may_all_that_a_lower_one_may():
    for lower, higher in pairwise(LADDER):
        assert permissions([lower]) < permissions([higher])


@given(st.lists(st.sampled_from(Role)))
def test_another_role_takes_nothing_away(roles):
    for role in roles:
        assert permissions([role]) <= permissions(roles)


def test_who_runs_the_system_approves_no_professional_work():
    assert not permissions([Role.SYSTEM_ADMIN]) & {May.SIGN_OFF, May.APPROVE_CHANGE, May.OVERRIDE}


def test_a_program_never_approves_or_launches():
    assert permissions([Role.SERVICE_ACCOUNT]) == {May.VIEW, May.INGEST}


def test_a_client_sees_no_page_of_the_firm():
    assert permissions([Role.CLIENT]) == frozenset()


@pytest.mark.parametrize(
    ("role", "template", "may"),
    [
        (Role.EMPLOYEE, "monthly_close", True),
        (Role.EMPLOYEE, "annual_audit", False),
        (Role.MANAGER, "annual_audit", True),
        (Role.PARTNER, "multi_jurisdiction_tax", True),
        (Role.EQR, "monthly_close", False),
        (Role.SERVICE_ACCOUNT, "monthly_close", False),
    ],
)
def test_who_may_start_what(role, template, may):
    assert may_start([role], template) is may


def test_a_flag_is_had_or_not():
    assert not has_role([Role.PARTNER], Role.EQR)
    assert has_role([Role.MANAGER, Role.EQR], Role.EQR)
