"""Plays the corpus and inputs mutated from it: only documented errors come out.

``DLCORE_SEED`` repeats a run, ``DLCORE_TRIALS`` lengthens it. For longer runs, guided by coverage
if atheris is installed, see ``python -m tests.fuzz --help``.
"""

from __future__ import annotations

import os
from itertools import islice
from random import Random

import pytest

import tests.fuzz.gateway
import tests.fuzz.local
import tests.fuzz.machine
import tests.fuzz.signed
import tests.fuzz.site
import tests.fuzz.targets  # noqa: F401  importing them registers the targets
from tests.depth import cases
from tests.fuzz.mutation import mutations
from tests.fuzz.target import CORPUS, TARGETS, Target
from tests.seeds import given_seed

SEED = given_seed(20261122)
TRIALS = int(os.environ.get("DLCORE_TRIALS") or cases(100, 300))
EACH_TARGET = pytest.mark.parametrize("target", TARGETS.values(), ids=list(TARGETS))


def play(target: Target, count: int, random: Random) -> int:
    """Try mutated inputs; returns how many of them were accepted."""
    accepted = 0
    for data in islice(mutations(list(target.seeds().values()), random), count):
        try:
            accepted += 1 if target.accepts(data) else 0
        except Exception as error:
            error.add_note(f"target {target.name}, DLCORE_SEED={SEED}, input {data!r}")
            raise
    return accepted


def test_every_target_has_a_corpus_and_every_corpus_a_target() -> None:
    assert {folder.name for folder in CORPUS.iterdir()} == set(TARGETS)


@EACH_TARGET
def test_the_corpus_is_accepted_or_refused_as_its_names_say(target: Target) -> None:
    seeds = target.seeds()
    for name, data in seeds.items():
        assert target.accepts(data) is name.startswith("valid"), name
    assert any(name.startswith("valid") for name in seeds)


@EACH_TARGET
def test_mutated_inputs_are_accepted_or_refused(target: Target) -> None:
    accepted = play(target, TRIALS, Random(f"{SEED} {target.name}"))
    assert accepted < TRIALS or not target.refusals


def test_an_undocumented_error_is_a_finding() -> None:
    def parse(data: bytes) -> None:
        raise KeyError(data)

    with pytest.raises(KeyError) as caught:
        play(Target("catalog", parse, (ValueError,)), 1, Random(SEED))
    assert "DLCORE_SEED" in caught.value.__notes__[0]


def test_the_same_seed_gives_the_same_inputs() -> None:
    first, second = (list(islice(mutations([b"abc 1"], Random(7)), 50)) for _ in range(2))
    assert first == second
    assert len(set(first)) > 40
