"""What the environment may say, and what is told to whoever says it wrong."""

from pathlib import Path

import pytest

from prisma_assets.domain.errors import InputError
from prisma_assets.settings import MailSettings, Settings, WebhookSettings


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


MAIL = {"PRISMA_SMTP_URL": "smtp://mail.example", "PRISMA_MAIL_FROM": "prisma@firm.example"}
HOOK = {"PRISMA_WEBHOOK_URL": "https://h.example/x", "PRISMA_WEBHOOK_SECRET": "s" * 16}


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("smtp://mail.example", ("mail.example", 587, False, None, None)),
        ("smtps://mail.example", ("mail.example", 465, True, None, None)),
        ("smtp://[::1]:2525/", ("::1", 2525, False, None, None)),
        ("smtps://a%40b:p%2Fw@mail.example:1465", ("mail.example", 1465, True, "a@b", "p/w")),
    ],
)
def test_settings_take_the_mail_server(url, expected):
    host, port, is_tls, user, password = expected
    given = {
        **MAIL,
        "PRISMA_SMTP_URL": url,
        "PRISMA_MAIL_TO": "{user}@firm.example, all@firm.example",
    }

    assert Settings.from_environ(given).mail == MailSettings(
        host=host, port=port, is_tls=is_tls, user=user, password=password,
        sender="prisma@firm.example", to=("{user}@firm.example", "all@firm.example"),
    )  # fmt: skip


@pytest.mark.parametrize(
    "url", ["https://h.example/x?y=1", "http://localhost:80/", "http://127.0.0.1/x"]
)
def test_settings_take_the_webhook(url):
    given = {**HOOK, "PRISMA_WEBHOOK_URL": url}

    assert Settings.from_environ(given).webhook == WebhookSettings(url=url, secret="s" * 16)


@pytest.mark.parametrize(
    "given",
    [
        pytest.param({"PRISMA_SMTP_URL": "smtp://me:secret@mail.example"}, id="nobody sends"),
        pytest.param({**MAIL, "PRISMA_MAIL_FROM": "secret"}, id="a sender without address"),
        pytest.param({**MAIL, "PRISMA_SMTP_URL": "http://me:secret@mail.example"}, id="no mail server"),
        pytest.param({**MAIL, "PRISMA_SMTP_URL": "smtp://me:secret@mail.example:x"}, id="no port"),
        pytest.param({**MAIL, "PRISMA_SMTP_URL": "smtp://"}, id="no host"),
        pytest.param({"PRISMA_MAIL_TO": "a@b.example"}, id="a receiver and no server"),
        pytest.param({**MAIL, "PRISMA_MAIL_TO": "a@b.example; c@d.example"}, id="semicolons"),
        pytest.param({"PRISMA_WEBHOOK_URL": "https://h.example/"}, id="no key"),
        pytest.param({"PRISMA_WEBHOOK_SECRET": "secret" * 4}, id="no url"),
        pytest.param({**HOOK, "PRISMA_WEBHOOK_SECRET": "secret"}, id="a short key"),
        pytest.param({**HOOK, "PRISMA_WEBHOOK_URL": "h.example/secret"}, id="no scheme"),
        pytest.param({**HOOK, "PRISMA_WEBHOOK_URL": "https://me:secret@h.example/"}, id="a login"),
        pytest.param({**HOOK, "PRISMA_WEBHOOK_URL": "http://h.example/secret"}, id="in the clear"),
        pytest.param({**HOOK, "PRISMA_WEBHOOK_URL": "https://h.example:99999/secret"}, id="a port beyond 16 bits"),
    ],
)  # fmt: skip
def test_settings_of_notifications_name_what_is_wrong_and_show_no_secret(given):
    with pytest.raises(InputError, match=r"^PRISMA_(SMTP|MAIL|WEBHOOK)_") as refused:
        Settings.from_environ(given)

    assert "secret" not in str(refused.value).replace("the secret has at least", "")
    assert str(refused.value).endswith(".")


def test_settings_show_no_secret_when_printed():
    settings = Settings.from_environ(
        {**MAIL, **HOOK, "PRISMA_SMTP_URL": "smtp://me:hidden@mail.example"}
    )

    assert "hidden" not in repr(settings)
    assert "s" * 16 not in repr(settings)


OIDC = {
    "PRISMA_OIDC_ISSUER": "https://id.example/realms/firm",
    "PRISMA_OIDC_CLIENT_ID": "prisma",
    "PRISMA_OIDC_ROLES": "audit managers=MANAGER, cn=tax=EMPLOYEE,audit managers = EQR",
}


def test_settings_take_an_identity_provider(tmp_path):
    (tmp_path / "secret").write_text("s3cret\n", encoding="utf-8")
    given = {
        **OIDC,
        "PRISMA_OIDC_CLIENT_SECRET_FILE": str(tmp_path / "secret"),
        "PRISMA_OIDC_ROLES_CLAIM": "realm_access.roles",
    }
    found = Settings.from_environ(given).oidc

    assert found is not None
    assert (found.host, found.client_secret) == ("id.example", "s3cret")
    assert "s3cret" not in repr(found)
    assert (found.rules.name_claim, found.rules.roles_claim) == ("preferred_username", "realm_access.roles")  # fmt: skip
    assert found.rules.roles == {"audit managers": ("MANAGER", "EQR"), "cn=tax": ("EMPLOYEE",)}


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        pytest.param({"PRISMA_OIDC_ROLES": ""}, "go together", id="nobody would come in"),
        pytest.param({"PRISMA_OIDC_ISSUER": ""}, "go together", id="no issuer"),
        pytest.param({"PRISMA_OIDC_ISSUER": "http://id.example"}, "with https", id="in the clear"),
        pytest.param({"PRISMA_OIDC_ISSUER": "id.example"}, "with https", id="no address"),
        pytest.param({"PRISMA_OIDC_ROLES": "a"}, "group=ROLE", id="no role"),
        pytest.param({"PRISMA_OIDC_ROLES": "a=BOSS"}, "group=ROLE", id="a role there is not"),
        pytest.param({"PRISMA_OIDC_ROLES": "a=SERVICE_ACCOUNT"}, "by token", id="a program's role"),
        pytest.param({"PRISMA_OIDC_CLIENT_SECRET_FILE": "/nowhere"}, "cannot be read", id="no file"),
    ],
)  # fmt: skip
def test_settings_refuse_an_identity_provider_that_cannot_work(changed, said):
    with pytest.raises(InputError, match=said):
        Settings.from_environ({**OIDC, **changed})
