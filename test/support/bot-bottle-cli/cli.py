#!/usr/bin/env python3
"""Stands in for the bot-bottle CLI: takes what the real one takes, as the founding documents have it, and nothing else.

What it is called with is in $HOME/calls.ndjson; what the real one would refuse, in $HOME/violations. Its agent obeys the lines of its
prompt.
"""
import json
import os
import re
import secrets
import signal
import sys
import time
from pathlib import Path

from bot_bottle import HOME, BottleError, read_metadata, setting, state_directory, violate

BASE = {"PATH", "HOME", "LC_ALL", "PYTHONUNBUFFERED"}
FORGE = {
    "FORGE_GITEA_API",
    "FORGE_OWNER",
    "FORGE_REPO",
    "FORGE_TOKEN",
    "FORGE_ISSUE_NUMBER",
    "FORGE_PR_NUMBER",
    "FORGE_QUEUE_DIR",
}
ENGINES = ("docker", "smolmachines", "macos-container")


def main(argv: list[str]) -> int:
    call = {"argv": argv, "environment": dict(os.environ), "cwd": os.getcwd(), "pid": os.getpid()}
    with open(HOME / "calls.ndjson", "a") as calls:
        calls.write(json.dumps(call) + "\n")
    if sys.stdin is not None and sys.stdin.read() != "":
        violate("something on stdin")
    commands = {"start": start, "resume": resume, "commit": commit}
    if not argv or argv[0] not in commands:
        violate(f"no such command: {argv}")
    try:
        return commands[argv[0]](argv[1:])
    except BottleError as error:
        print(f"bot_bottle.api.BottleError: {error}", file=sys.stderr)
        return error.exit_code


def parse(argv: list[str], flags: dict[str, str]) -> tuple[str, dict[str, list[str]]]:
    """`flags`: by name whether it is a `switch`, given `once`, or `repeated`. Gives the one positional and the flags."""
    positional: list[str] = []
    given: dict[str, list[str]] = {}
    rest = list(argv)
    while rest:
        word = rest.pop(0)
        if not word.startswith("--"):
            positional.append(word)
            continue
        name, equals, value = word.partition("=")
        kind = flags.get(name) or violate(f"no such flag: {word}")
        if kind == "switch":
            if equals:
                violate(f"takes no value: {word}")
        elif not equals:
            value = rest.pop(0) if rest else violate(f"needs a value: {word}")
        if name in given and kind != "repeated":
            violate(f"given twice: {name}")
        given.setdefault(name, []).append(value)
    if len(positional) != 1 or not re.fullmatch(r"[a-z0-9][a-z0-9-]*", positional[0]):
        violate(f"not one name: {positional}")
    return positional[0], given


def start(argv: list[str]) -> int:
    agent, given = parse(
        argv,
        {
            "--headless": "switch",
            "--prompt": "once",
            "--bottle": "repeated",
            "--label": "once",
            "--backend": "once",
        },
    )
    require_headless(given)
    engine = given.get("--backend", ["docker"])[0]
    if engine not in ENGINES:
        violate(f"no such backend: {engine}")
    if agent != "implementer":
        raise BottleError(f"no agent '{agent}' in the manifest")
    slug = f"{agent}-{secrets.token_hex(3)}"
    state_directory(slug).mkdir(parents=True)
    metadata = {
        "identity": slug,
        "agent_name": agent,
        "bottle_names": given.get("--bottle", ["claude"]),
        "backend": engine,
        "label": given.get("--label", [agent])[0],
        "cwd": os.getcwd(),
    }
    (state_directory(slug) / "metadata.json").write_text(json.dumps(metadata))
    with open(HOME / "slugs", "a") as slugs:
        slugs.write(f"{metadata['label']} {slug}\n")
    return launch(slug, given["--prompt"][0])


def resume(argv: list[str]) -> int:
    slug, given = parse(argv, {"--headless": "switch", "--prompt": "once"})
    require_headless(given)
    if read_metadata(slug) is None:
        raise BottleError(f"no state recorded for slug '{slug}'")
    return launch(slug, given["--prompt"][0])


def require_headless(given: dict[str, list[str]]) -> None:
    for flag in ("--headless", "--prompt"):
        if flag not in given:
            violate(f"asks a person without {flag}")
    if given["--prompt"][0].strip() == "":
        violate("an empty prompt")
    if set(os.environ) != BASE | FORGE:
        violate(f"environment: {sorted(set(os.environ) ^ (BASE | FORGE))}")
    for name in FORGE - {"FORGE_PR_NUMBER"}:
        if os.environ[name] == "":
            violate(f"empty: {name}")
    if not os.environ["FORGE_GITEA_API"].endswith("/api/v1"):
        violate("FORGE_GITEA_API is no API")
    if not os.path.isdir(os.environ["FORGE_QUEUE_DIR"]):
        violate("FORGE_QUEUE_DIR is no directory")


def launch(slug: str, prompt: str) -> int:
    """The bottle is up while its agent works."""
    up = HOME / "up" / slug
    up.parent.mkdir(exist_ok=True)
    up.write_text("running")
    code = work(prompt)
    if setting("takes down"):
        up.unlink()
    return code


def work(prompt: str) -> int:
    for line in prompt.splitlines():
        word, _, rest = line.partition(" ")
        if word == "print":
            print(rest)
        elif word == "event":
            name, _, text = rest.partition(" ")
            put_event(name, text)
        elif word == "fail":
            code, _, message = rest.partition(" ")
            raise BottleError(message, int(code))
        elif word == "exit":
            return int(rest)
        elif word == "ignore-term":
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
        elif word == "wait-for":
            while not (HOME / rest).exists():
                time.sleep(0.01)
        elif word == "hang":
            time.sleep(1000)
    return 0


def put_event(name: str, text: str) -> None:
    queue = Path(os.environ["FORGE_QUEUE_DIR"])
    draft = queue / f".{name}"
    draft.write_text(text)
    draft.rename(queue / f"{name}.json")


def commit(argv: list[str]) -> int:
    slug, _ = parse(argv, {})
    if set(os.environ) != BASE:
        violate(f"environment: {sorted(set(os.environ) ^ BASE)}")
    if read_metadata(slug) is None or not (HOME / "up" / slug).exists():
        raise BottleError(f"no bottle {slug} to commit")
    if setting("commits badly"):
        (HOME / "commits badly").unlink()
        raise BottleError("smolvm pack failed", 2)
    if setting("cancels") > 0:
        (HOME / "cancels").write_text(str(setting("cancels") - 1))
        print("commit cancelled" if setting("says so") else "")
        return 0
    images = HOME / "images"
    images.mkdir(exist_ok=True)
    (images / f"bot-bottle-committed-{slug}:latest").write_text(f"sha256:{secrets.token_hex(32)}")
    return 0


sys.exit(main(sys.argv[1:]))
