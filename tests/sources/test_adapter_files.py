"""An adapter among a stranger's files: found however many there are, and it names no recording elsewhere."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from core.errors import UserError
from core.files import write_json
from core.project.workspace import Workspace
from core.sources import adapter_import
from core.sources.adapter_import import AdapterBase, adapter_among, base_here, check_sizes, read_base


def test_an_adapter_is_found_among_very_many_files_by_one_look_at_each(monkeypatch: pytest.MonkeyPatch) -> None:
    looks = 0

    def look(name: str) -> PurePosixPath:
        nonlocal looks
        looks += 1
        return PurePosixPath(name)

    monkeypatch.setattr(adapter_import, "PurePosixPath", look)
    many = [f"wavs/{number}.wav" for number in range(500)]
    assert adapter_among(many) is None and looks <= 4 * len(many)
    found = adapter_among([*many, "deep/er/base.toy.json", "a/base.toy.json", "a/adapter.json", "a/reference-01.wav"])
    assert found and (found.engine, found.base) == ("toy", "a/base.toy.json")
    assert found.names == {"adapter.json": "a/adapter.json", "reference-01.wav": "a/reference-01.wav"}


@pytest.mark.parametrize("file", ["../reference-01.wav", "/x/reference-1.wav", "reference-1.wav/../../x.wav", "x.wav"])
def test_a_recording_of_an_adapter_is_one_that_came_with_it(tmp_path: Path, file: str) -> None:
    facts: dict[str, Any] = {"engine": "toy", "sha256": "0" * 64, "references": [{"file": "reference-01.wav"}]}
    write_json(tmp_path / "base.json", facts)
    assert [entry.file for entry in read_base(tmp_path / "base.json").references] == ["reference-01.wav"]
    write_json(tmp_path / "base.json", {**facts, "references": [{"file": file}]})
    with pytest.raises(UserError) as caught:
        read_base(tmp_path / "base.json")
    assert caught.value.code == "voice.broken_adapter"


def test_a_hash_that_is_none_and_sizes_beyond_all_memory_are_refused(tmp_path: Path) -> None:
    write_json(tmp_path / "base.json", {"engine": "toy", "sha256": "../etc"})
    write_json(tmp_path / "adapter.json", {"lora": {"rank": 10**9}})
    for read, name in ((read_base, "base.json"), (check_sizes, "adapter.json")):
        with pytest.raises(UserError) as caught:
            read(tmp_path / name)
        assert caught.value.code == "voice.broken_adapter"


def test_a_base_that_is_not_on_this_computer_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        base_here(Workspace(tmp_path), AdapterBase(engine="xtts", base="xtts-v9", sha256="0" * 64))
    assert caught.value.code == "voice.no_base" and "xtts-v9" in str(caught.value)
