"""Names, tags and notes: what is said of runs, by several writers at once, in a file that may be spoilt."""

from __future__ import annotations

import subprocess
import sys

import pytest

from runner.history import labels
from runner.history.labels import Label, Labels
from runner.history.lookup import find_run
from runner.util import paths
from runner.util.errors import UserError
from tests.support.histories import ended

RUN = "20260101T000000Z_p_0001"


def test_nothing_was_said() -> None:
    assert labels.label_of(RUN) == Label()
    assert not paths.labels_file().exists()


def test_what_is_said_adds_up() -> None:
    labels.tag(RUN, ["fast", "a"])
    labels.tag(RUN, ["b"], ["a", "never-there"])
    labels.rename(RUN, " before the fix ")
    labels.annotate(RUN, "line one\nline two")
    assert labels.label_of(RUN) == Label("before the fix", ("b", "fast"), "line one\nline two")
    labels.rename(RUN, "")
    labels.annotate(RUN, "")
    assert labels.label_of(RUN) == Label(tags=("b", "fast"))


def test_a_run_that_is_forgotten_starts_anew() -> None:
    labels.tag(RUN, ["fast"])
    labels.forget([RUN, "another"])
    assert labels.label_of(RUN) == Label()
    labels.tag(RUN, ["slow"])
    assert labels.label_of(RUN).tags == ("slow",)


def test_writers_at_the_same_time_lose_nothing() -> None:
    program = (
        "import sys\nfrom runner.history import labels\n"
        "for i in range(40): labels.tag(sys.argv[1], [f'{sys.argv[2]}.{i}'])\n"
    )
    writers = [subprocess.Popen([sys.executable, "-c", program, RUN, f"w{number}"]) for number in range(4)]
    assert [writer.wait() for writer in writers] == [0, 0, 0, 0]
    assert len(labels.label_of(RUN).tags) == 160


@pytest.mark.parametrize(
    "spoilt", [b"\n", b"rubbish\n", b'{"run": 3}\n', b"\xff\xfe\n", b"[" * 100_000 + b"\n"]
)
def test_a_line_that_is_none_costs_only_itself(spoilt: bytes) -> None:
    labels.tag(RUN, ["before"])
    with open(paths.labels_file(), "ab") as file:
        file.write(spoilt)
    labels.tag(RUN, ["after"])
    assert labels.label_of(RUN).tags == ("after", "before")


def test_a_torn_line_costs_only_itself() -> None:
    labels.tag(RUN, ["before"])
    with open(paths.labels_file(), "ab") as file:
        file.write(b'{"run":"2026')
    labels.tag(RUN, ["after"])
    assert labels.label_of(RUN).tags == ("after", "before")


def test_a_reader_follows_the_file_and_sees_its_replacement() -> None:
    known = Labels()
    assert not known.read()
    labels.tag(RUN, ["one"])
    assert known.read()
    assert not known.read()
    paths.labels_file().unlink()
    assert known.read()
    assert known.of(RUN) == Label()
    labels.tag(RUN, ["two"])
    known.read()
    assert known.of(RUN).tags == ("two",)


@pytest.mark.parametrize("word", ["", "two words", "-x", "+x", "a,b", "x" * 41, "\x1b[31m"])
def test_what_cannot_be_a_tag(word: str) -> None:
    with pytest.raises(UserError, match="cannot be a tag: a tag starts with a letter or digit"):
        labels.tag(RUN, [word])
    assert not paths.labels_file().exists()


def test_a_tag_cannot_come_and_go_at_once() -> None:
    with pytest.raises(UserError, match="tag 'a' is to be added and removed; say one of the two"):
        labels.tag(RUN, ["a"], ["a"])


@pytest.mark.parametrize("name", ["x" * 81, "two\nlines", "\x1b]0;title\x07"])
def test_what_cannot_be_a_name(name: str) -> None:
    with pytest.raises(UserError, match="a run name has"):
        labels.rename(RUN, name)


def test_what_cannot_be_a_note() -> None:
    with pytest.raises(UserError, match="a note has at most 4000 characters, this one has 4001"):
        labels.annotate(RUN, "x" * 4001)
    with pytest.raises(UserError, match="a note has only printable characters"):
        labels.annotate(RUN, "\x1b[2J")


def test_a_file_that_cannot_be_written_is_told() -> None:
    paths.labels_file().mkdir(parents=True)
    with pytest.raises(UserError, match=r"labels\.jsonl: cannot write the labels: Is a directory"):
        labels.tag(RUN, ["a"])


def test_a_run_is_found_by_the_name_that_it_was_given() -> None:
    run_dir = ended("0001")
    ended("0002", ago=10.0)
    labels.rename(run_dir.name, "before the fix")
    assert find_run("before the fix") == run_dir
