"""Reads the text files people hand in; what is wrong with one is a sentence."""

from pathlib import Path

from prisma_assets.domain.errors import InputError


def read_text(path: Path, *, missing: str = "correct the name") -> str:
    """The file's text.

    Args:
        path: A UTF-8 file.
        missing: What to do when there is no such file.

    Raises:
        InputError: It cannot be read as UTF-8 text.
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; {missing}") from None
    except IsADirectoryError:
        raise InputError(f"{path}: is a folder; name a file") from None
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8 text (byte {error.start}); save it as UTF-8") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); correct that") from None
