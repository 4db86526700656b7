"""Users on the command line: bound to a provider, and given a second factor."""

import json
import subprocess
import sys

OIDC = {
    "PRISMA_OIDC_ISSUER": "https://id.example", "PRISMA_OIDC_CLIENT_ID": "prisma", "PRISMA_OIDC_ROLES": "a=READONLY",
}  # fmt: skip


def test_a_user_is_bound_to_the_provider_and_given_a_second_factor(stack, stacks):
    def user(*arguments):
        return subprocess.run(
            [sys.executable, "-m", "prisma_assets.cli", "user", *arguments],
            env=stacks.environment(stack.home) | OIDC, input="a few words of mine\n",
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip

    assert user("add", "bound.reader", "--role", "READONLY").returncode == 0
    bound = user("bind", "bound.reader", "the subject")
    made = json.loads(user("second-factor", "bound.reader", "--json").stdout)
    removed = user("second-factor", "bound.reader", "--remove")
    again = user("second-factor", "bound.reader", "--remove")
    listed = json.loads(user("list", "--json").stdout)["users"]

    assert bound.stdout == "bound.reader signs in by id.example\n"
    assert made["link"].startswith("otpauth://totp/Prisma%20Assets:bound.reader?secret=")
    assert (len(made["secret"]), len(set(made["recovery_codes"]))) == (32, 10)
    assert removed.stdout == "bound.reader has no second factor any more\n"
    assert (again.returncode, again.stdout) == (2, "")
    assert "has no second factor" in again.stderr
    subjects = {one["user_name"]: (one["issuer"], one["subject"]) for one in listed}
    assert subjects["bound.reader"] == ("https://id.example", "the subject")


def test_binding_without_a_provider_says_what_to_set(stack, stacks):
    answer = stacks.command(stack.home, "user", "bind", "ana", "s")

    assert answer.returncode == 2
    assert "no identity provider is set; set PRISMA_OIDC_ISSUER" in answer.stderr
