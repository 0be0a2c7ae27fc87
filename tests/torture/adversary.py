"""Another user who plants links, folders and files wherever it may while commands run."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from tests.users import ADVERSARY

MAX_LIFE_S = 120  # a child that was forgotten ends by itself


@contextlib.contextmanager
def planting(folder: Path, names: Sequence[str], victim: Path, seed: int) -> Iterator[None]:
    """Plant in a folder while the ``with`` lasts.

    Args:
        folder: Everyone may write there.
        names: What may be planted, relative to the folder.
        victim: A file of this user. Links lead to it.
        seed: Of the choices.
    """
    child = os.fork()
    if child == 0:
        try:
            signal.alarm(MAX_LIFE_S)
            os.chdir(folder)
            os.setgroups([])
            os.setgid(ADVERSARY)
            os.setuid(ADVERSARY)
            _plant_forever(names, victim, random.Random(seed))
        finally:
            os._exit(0)
    try:
        yield
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def _plant_forever(names: Sequence[str], victim: Path, dice: random.Random) -> None:
    kinds: tuple[Callable[[str], object], ...] = (
        lambda name: Path(name).symlink_to(victim),
        lambda name: Path(name).symlink_to(victim.with_name("nowhere")),
        lambda name: Path(name).symlink_to("."),
        lambda name: Path(name).mkdir(0o777),
        _write,
        lambda name: os.mkfifo(name, 0o666),
        lambda name: os.link(victim, name),
        lambda name: Path(name).unlink(),
        shutil.rmtree,
        lambda name: Path(name).replace(name + ".away"),
    )
    pause_s = dice.choice((0.0, 0.005, 0.05, 0.3))
    names = dice.sample(names, dice.randint(1, len(names)))
    while True:
        time.sleep(pause_s * dice.random())
        with contextlib.suppress(OSError):
            dice.choice(kinds)(dice.choice(names))


def _write(name: str) -> None:
    fd = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_NONBLOCK, 0o666)
    os.write(fd, b"planted")
    os.close(fd)
