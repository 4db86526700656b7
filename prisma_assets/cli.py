"""The `prisma-assets` command. Exit status: 0 done, 2 wrong input, 3 failed. What a command does lives in `command`."""

import sys

import click
import typer

from prisma_assets.command import catalogue, database, stack, workflow
from prisma_assets.domain.errors import PrismaError

FAILED = 3
WRONG_INPUT = 2

app = typer.Typer(
    name="prisma-assets",
    help="The firm's AI agents: orchestrated, watched, improved and kept safe.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for part in (workflow, catalogue, database, stack):
    part.register(app)


def main() -> None:
    """Run the command; every expected mistake is one sentence on standard error, never a traceback."""
    command = typer.main.get_command(app)
    try:
        code = command.main(standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        code = WRONG_INPUT
    except click.ClickException as error:
        error.show()
        code = WRONG_INPUT
    except PrismaError as error:
        print(f"prisma-assets: {error}", file=sys.stderr)  # noqa: T201 - the command's own voice
        code = error.exit_code
    except OSError as error:
        print(f"prisma-assets: {_plain(error)}", file=sys.stderr)  # noqa: T201
        code = FAILED
    except (KeyboardInterrupt, click.Abort):
        print("prisma-assets: interrupted", file=sys.stderr)  # noqa: T201
        code = FAILED
    sys.exit(code if isinstance(code, int) else 0)


def _plain(error: OSError) -> str:
    place = f"{error.filename}: " if error.filename else ""
    return f"{place}{error.strerror or error}; make room or correct the permissions, then try again"


if __name__ == "__main__":
    main()
