"""Records of every earlier version: the same tables, indexes and contents as if they had always been of this one."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import threading
from pathlib import Path
from typing import Any

import pytest

from core.checkpoint_ref import CheckpointRef
from core.damage import DamagedFile
from core.project import backups
from core.project import schema as tables
from core.project.records import ClipFilter, Vote
from core.project.store import Store

RECORDS = sorted((Path(__file__).parent / "data" / "records").glob("*.sql"))
_OF_VERSION_6 = next(file for file in RECORDS if file.stem == "version-6")  # before sentences stood with the votes
PAIR = "00000000000000a1"


def made_by(script: str, folder: Path) -> Path:
    """A database as an older version left it, with the note of a pair that was voted on."""
    path = folder / "project.db"
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.create_function("fold_accents", 1, str)
        db.executescript(script)
    note = folder / "listening" / "pairs" / f"{PAIR}.json"
    note.parent.mkdir(parents=True)
    note.write_text(json.dumps({"id": PAIR, "text": "O que foi dito."}))
    return path


def schema(path: Path) -> dict[str, Any]:
    """Every column, key, index and trigger of a database."""
    with contextlib.closing(sqlite3.connect(path)) as db:

        def rows(pragma: str, name: str) -> list[tuple[Any, ...]]:
            return db.execute(f"SELECT * FROM pragma_{pragma}(?)", (name,)).fetchall()

        found: dict[str, Any] = {"version": db.execute("PRAGMA user_version").fetchone()}
        for kind, name, sql in db.execute("SELECT type, name, sql FROM sqlite_master ORDER BY type, name").fetchall():
            if kind == "table":
                indexes = sorted(row[1:] for row in rows("index_list", name))
                found[name] = rows("table_xinfo", name), rows("foreign_key_list", name), indexes
            else:
                found[name] = kind, " ".join((sql or "").split()), rows("index_xinfo", name)
    return found


@pytest.fixture(scope="module")
def current(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The schema of a database that is made by this version."""
    path = tmp_path_factory.mktemp("new") / "project.db"
    tables.begin_anew(path)
    return schema(path)


@pytest.mark.parametrize("file", RECORDS, ids=lambda file: file.stem)
def test_records_of_every_earlier_version_come_out_as_those_of_this_one(
    file: Path, tmp_path: Path, current: dict[str, Any]
) -> None:
    version = int(file.stem.split("-")[1])
    path = made_by(file.read_text(), tmp_path)
    store = Store(path)
    clips = {clip.id: clip for clip in store.clips()}
    assert schema(path) == current
    assert any(copy.name.endswith(f"-before-{version}.db") for copy in backups.copies(path))
    assert {id: clip.text for id, clip in clips.items()} == {
        "a-0001": "Água fria",
        "a-0002": "heard that",
        "a-0003": "as brought",
        "a-0004": "",
        "r-0001": "read aloud",
    }
    # Of version 5 on it was written down, and the program that made these had nothing to write.
    assert {id for id, clip in clips.items() if clip.given} == ({"a-0003", "r-0001"} if version < 5 else set())
    assert {id for id, clip in clips.items() if clip.checked} == ({"a-0002"} if version < 5 else set())
    assert [clip.id for clip in store.clips(ClipFilter(search="AGUA"))] == ["a-0001"]
    assert [(revision.field, revision.old, revision.new) for revision in store.revisions("a-0002")] == [
        ("text", "heard it", "heard that")
    ]
    assert (store.last_number("a"), store.last_number("r")) == (4, 1)
    assert store.votes() == [
        Vote(PAIR, CheckpointRef("run", 10), CheckpointRef("run", 20), "left", 3.0, "O que foi dito."),
        Vote("00000000000000a2", CheckpointRef("run", 10), CheckpointRef("run", 20), "same", 4.0),
    ]
    # It is written as well as read.
    assert store.undo_last() == ["a-0002"] and store.clip("a-0002").text == "heard it"
    store.add_vote(
        Vote("00000000000000a3", CheckpointRef("run", 20), CheckpointRef("run", 10), "left", 6.0, "Outra.", "listener")
    )
    assert store.votes()[-1] == Vote(
        "00000000000000a3", CheckpointRef("run", 20), CheckpointRef("run", 10), "left", 6.0, "Outra.", "listener"
    )


@pytest.mark.parametrize("statements", [1, 2, 5])
def test_tables_that_an_earlier_version_was_killed_amid_making_are_completed(
    statements: int, tmp_path: Path, current: dict[str, Any]
) -> None:
    made = [part for part in RECORDS[0].read_text().split(";\n") if part.startswith("CREATE TABLE")][:statements]
    path = made_by(";\n".join(made) + ";\n", tmp_path)
    tables.check(path)
    assert schema(path) == current


@pytest.mark.parametrize("version", [0, 2, 5])
def test_columns_that_were_added_before_their_number_was_noted_are_no_obstacle(
    version: int, tmp_path: Path, current: dict[str, Any]
) -> None:
    script = RECORDS[-1].read_text().replace("user_version=8", f"user_version={version}")
    path = made_by(script, tmp_path)
    assert len(Store(path).clips()) == 5
    assert schema(path) == current


def test_a_migration_that_breaks_off_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, current: dict[str, Any]
) -> None:
    path = made_by(RECORDS[0].read_text(), tmp_path)
    before = schema(path)
    with monkeypatch.context() as broken:
        broken.setattr(tables, "_INDEXES", tables._INDEXES + "CREATE INDEX nonsense ON clips (no_such_column);\n")
        with pytest.raises(DamagedFile):
            Store(path).clips()
    assert schema(path) == before
    assert len(Store(path).clips()) == 5 and schema(path) == current


def test_several_that_open_older_records_at_once_all_read_them(tmp_path: Path, current: dict[str, Any]) -> None:
    path = made_by(RECORDS[0].read_text(), tmp_path)
    counts: list[int] = []
    threads = [threading.Thread(target=lambda: counts.append(Store(path).count())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counts == [5] * 8 and schema(path) == current


def test_a_pair_whose_note_cannot_be_read_leaves_its_vote_without_a_sentence(tmp_path: Path) -> None:
    path = made_by(_OF_VERSION_6.read_text().replace("'00000000000000a2'", "'../../elsewhere'"), tmp_path)
    (tmp_path / "elsewhere.json").write_text(json.dumps({"text": "not a pair"}))
    (tmp_path / "listening" / "pairs" / f"{PAIR}.json").write_text("[1")
    assert [vote.sentence for vote in Store(path).votes()] == ["", ""]
