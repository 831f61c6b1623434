"""The one function that has no command, and what it shares with the commands."""
import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any, NoReturn

HOME = Path(os.environ["HOME"])


class BottleError(Exception):
    def __init__(self, message: str, exit_code: int = 1) -> None:
        super().__init__(message)
        self.exit_code = exit_code


def destroy(slug: str) -> None:
    """Idempotent: a slug that is not there is no error."""
    with open(HOME / "destroyed", "a") as destroyed:
        destroyed.write(f"{slug}\n")
    if setting("destroys badly") > 0:
        (HOME / "destroys badly").unlink()
        raise BottleError("compose down failed", 3)
    (HOME / "up" / slug).unlink(missing_ok=True)
    shutil.rmtree(state_directory(slug), ignore_errors=True)


def state_directory(slug: str) -> Path:
    return HOME / ".bot-bottle" / "state" / slug


def read_metadata(slug: str) -> dict[str, Any] | None:
    try:
        return json.loads((state_directory(slug) / "metadata.json").read_text())
    except FileNotFoundError:
        return None


def setting(name: str) -> int:
    """How the test wants it to behave: a number in a file of that name; 0 when there is none."""
    try:
        return int((HOME / name).read_text())
    except FileNotFoundError:
        return 0


def violate(what: str) -> NoReturn:
    with open(HOME / "violations", "a") as violations:
        violations.write(f"{what}\n")
    sys.exit(64)
