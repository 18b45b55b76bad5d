"""A visible file is complete; names from outside are safe."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from core.files import append_line, free_name, inside, replacing, slug, write_atomic


def test_a_failed_write_keeps_the_old_content_and_leaves_no_rubbish(tmp_path: Path) -> None:
    target = tmp_path / "kept.txt"
    write_atomic(target, "old")
    with pytest.raises(RuntimeError), replacing(target) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert target.read_text() == "old" and os.listdir(tmp_path) == ["kept.txt"]


def test_a_reader_never_sees_half_a_file(tmp_path: Path) -> None:
    target = tmp_path / "big.txt"
    write_atomic(target, "0" * 200_000)
    seen: set[tuple[int, str]] = set()
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            text = target.read_text()
            seen.add((len(text), "".join(sorted(set(text)))))

    reader = threading.Thread(target=read)
    reader.start()
    for number in range(30):
        write_atomic(target, str(number % 10) * 200_000)
    done.set()
    reader.join()
    assert all(length == 200_000 and len(letters) == 1 for length, letters in seen)


def test_lines_of_several_writers_never_mix(tmp_path: Path) -> None:
    target = tmp_path / "log"
    writers = [
        threading.Thread(target=lambda letter=letter: [append_line(target, letter * 3000) for _ in range(40)])
        for letter in "abcd"
    ]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    lines = target.read_text().splitlines()
    assert len(lines) == 160 and all(len(line) == 3000 and len(set(line)) == 1 for line in lines)


@pytest.mark.parametrize("bad", ["..", "../other", "/etc/passwd", "a/../../b"])
def test_nothing_leads_outside(tmp_path: Path, bad: str) -> None:
    with pytest.raises(ValueError):
        inside(tmp_path / "base", bad)


def test_a_link_does_not_lead_outside(tmp_path: Path) -> None:
    (tmp_path / "base").mkdir()
    (tmp_path / "base" / "link").symlink_to("/etc")
    with pytest.raises(ValueError):
        inside(tmp_path / "base", "link/passwd")


@pytest.mark.parametrize(
    ("typed", "name"),
    [("João da Silva", "joao-da-silva"), ("../../etc", "etc"), ("日本語", "item"), ("", "item"), ("a" * 99, "a" * 48)],
)
def test_a_folder_name_is_plain_whatever_was_typed(typed: str, name: str) -> None:
    assert slug(typed) == name


def test_a_taken_name_gets_a_number(tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    (tmp_path / "x-2").mkdir()
    assert free_name(tmp_path, "x") == "x-3"
