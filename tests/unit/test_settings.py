"""What the environment may say, and what is told to whoever says it wrong."""

from pathlib import Path

import pytest

from prisma_assets.domain.errors import InputError
from prisma_assets.settings import Settings


def test_settings_default_to_a_folder_here_and_the_embedded_server(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)

    settings = Settings.from_environ({})

    assert settings == Settings(home=tmp_path / ".prisma", database_url=None, port=3000)


def test_settings_take_every_variable(tmp_path):
    url = "postgresql://me@db.example/books"

    settings = Settings.from_environ(
        {
            "PRISMA_HOME": str(tmp_path / "deep" / ".." / "home"),
            "DATABASE_URL": url,
            "PRISMA_PORT": "8080",
            "PRISMA_TEMPLATES": str(tmp_path),
            "PRISMA_WARM": "0",
        }
    )

    assert settings == Settings(
        home=tmp_path / "home", database_url=url, port=8080, templates=tmp_path, warm=False
    )


def test_settings_take_an_empty_variable_for_unset():
    settings = Settings.from_environ(
        {"DATABASE_URL": " ", "PRISMA_PORT": "", "PRISMA_TEMPLATES": ""}
    )

    assert (settings.database_url, settings.port, settings.templates) == (None, 3000, None)


def test_settings_expand_the_home_sign(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))

    assert Settings.from_environ({"PRISMA_HOME": "~/data"}).home == tmp_path / "data"


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        pytest.param("PRISMA_PORT", "0", id="no port"),
        pytest.param("PRISMA_PORT", "65536", id="beyond 16 bits"),
        pytest.param("PRISMA_PORT", "http", id="word"),
        pytest.param("PRISMA_PORT", "٣", id="digit of another script"),
        pytest.param("PRISMA_TEMPLATES", "/nowhere/at/all", id="no folder"),
        pytest.param("PRISMA_HOME", __file__, id="a file as home"),
        pytest.param("PRISMA_WARM", "yes", id="no switch"),
        pytest.param("DATABASE_URL", "mysql://me:secret@db/books", id="another database"),
        pytest.param("DATABASE_URL", "postgresql+psycopg://me:secret@db/books", id="driver"),
        pytest.param("DATABASE_URL", "secret", id="word as URL"),
    ],
)
def test_settings_name_the_variable_that_is_wrong_and_show_no_password(variable, value):
    with pytest.raises(InputError, match=f"^{variable} ") as refused:
        Settings.from_environ({variable: value})

    assert "secret" not in str(refused.value)


def test_settings_keep_a_linked_home_as_it_was_named(tmp_path):
    """Whoever moves the data behind a link wants to read the link's name in messages."""
    (tmp_path / "there").mkdir()
    (tmp_path / "here").symlink_to(tmp_path / "there")

    assert Settings.from_environ({"PRISMA_HOME": str(tmp_path / "here")}).home == Path(
        tmp_path / "here"
    )
