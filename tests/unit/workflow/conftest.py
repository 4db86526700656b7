"""A small methodology of our own, and its translation."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from prisma_assets.domain.workflow.blueprint import Blueprint
from prisma_assets.domain.workflow.blueprint_overlay import Overlay
from prisma_assets.domain.workflow.blueprint_source import parse_blueprint
from prisma_assets.domain.workflow.blueprint_template import Doer, Translation

SMALL = Path(__file__).with_name("small_methodology.yaml")
AGENT = "audit-plan-012"


@pytest.fixture(scope="session")
def small_text() -> str:
    """The methodology's file, for tests that spoil a line of it."""
    return SMALL.read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def small(small_text) -> Blueprint:
    """The methodology."""
    return parse_blueprint(small_text, file="small.yaml")


@pytest.fixture(scope="session")
def translated(small) -> Callable[..., Translation]:
    """The methodology on its way to a template, with an overlay of these parts."""

    def translate(**overlay: Any) -> Translation:
        return translation_of(small, Overlay.model_validate(overlay))

    return translate


def translation_of(blueprint: Blueprint, overlay: Overlay | None = None) -> Translation:
    """A translation in which one agent does everything."""
    doers = {(p.id, s.id): Doer(agent=AGENT) for p, s in blueprint.steps()}
    return Translation(blueprint=blueprint, overlay=overlay or Overlay(), doers=doers)


@pytest.fixture(scope="session")
def translate() -> Callable[..., Translation]:
    """Translates any blueprint."""
    return translation_of
