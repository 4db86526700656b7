"""The real data sets beside the checkout, and an engagement folder made of them."""

import os
from pathlib import Path

import pytest

from tests.real_data.assemble import Filing, assemble

CHECKOUT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of shared data; the test skips where it is absent."""
    folder = CHECKOUT / os.environ.get("PRISMA_SHARED_DATA", "../shared/data")
    if not folder.is_dir():
        pytest.skip(f"no real data at {folder}; set PRISMA_SHARED_DATA")
    return folder


@pytest.fixture(scope="session")
def real_engagement(
    shared_data: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Filing]:
    """An engagement folder of real books, and the filing its statements come from. Read it, do not change it."""
    folder = tmp_path_factory.mktemp("real") / "engagement"
    return folder, assemble(folder, shared_data)
