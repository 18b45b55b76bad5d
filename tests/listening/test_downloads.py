"""What the Listen page fetches: votes as CSV, cells with their pictures, references; nothing else can be asked for."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from core.checkpoint_ref import CheckpointRef
from core.listening.candidates import REAL
from core.listening.export import COLUMNS, votes_csv
from core.listening.grid import grid
from core.project.records import Vote
from core.project.workspace import Project, Workspace
from tests.listening.made_up import make_project
from ui.http.audio_routes import cell_url, report_url, routes, votes_url

A, B = CheckpointRef("calm-voice", 0), CheckpointRef("calm-voice", 300)


@pytest.fixture(scope="module")
def ana(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project with votes; the careless listener's are left out."""
    project = make_project(Workspace(tmp_path_factory.mktemp("downloads") / "workspace"), seconds=0.8)
    project.store.add_vote(Vote("1", A, B, "left", 1.0, "=cmd|' /C calc'!A0", "Zoë, the second"))
    for number in range(6):
        project.store.add_vote(Vote(f"c{number}", A, A, "left", 2.0, "Two.", "@guess"))
        project.store.add_vote(Vote(f"d{number}", A, REAL, "left", 2.0, "Two.", "@guess"))
    project.store.add_vote(Vote("2", A, B, "right", 3.0, "Two.", "@guess"))
    return project


@pytest.fixture(scope="module")
def client(ana: Project) -> TestClient:
    """The routes alone."""
    app = FastAPI()
    app.include_router(routes(ana.workspace))
    return TestClient(app)


def _path(url: str) -> str:
    return url.removeprefix("..")


def test_each_vote_is_a_line_that_says_whether_it_counts_and_is_no_formula(ana: Project, client: TestClient) -> None:
    rows = list(csv.DictReader(io.StringIO(votes_csv(ana))))
    assert tuple(rows[0]) == COLUMNS and len(rows) == 14
    first, check, last = rows[0], rows[2], rows[-1]
    assert (first["listener"], first["sentence"]) == ("Zoë, the second", "'=cmd|' /C calc'!A0")
    assert (first["left"], first["choice"], first["counted"]) == ("calm-voice:0", "left", "1")
    assert (check["right"], check["check"], check["counted"]) == ("real recording", "real", "0")
    assert (last["listener"], last["check"], last["counted"]) == ("'@guess", "", "0")
    answer = client.get(_path(votes_url(ana.slug)))
    assert (
        answer.content.decode("utf-8-sig") == votes_csv(ana) and "attachment" in answer.headers["content-disposition"]
    )


def test_cells_and_references_are_served_and_what_is_not_there_is_not(ana: Project, client: TestClient) -> None:
    table = grid(ana, "calm-voice")
    assert table
    sentence = table.sentences[2]
    for voice in table.voices:
        if sentence in voice.samples:
            ref = voice.checkpoint
            ids = (ref.run_id, ref.step, sentence.spoken_with, sentence.number)
            assert client.get(_path(cell_url(ana.slug, "sound", *ids))).content == voice.samples[sentence].read_bytes()
            assert client.get(_path(cell_url(ana.slug, "picture", *ids))).json()["seconds"] == pytest.approx(
                0.8, abs=0.01
            )
    assert client.get(f"/audio/{ana.slug}/reference/calm-voice/0").status_code == 200
    for path in (
        f"/audio/{ana.slug}/reference/calm-voice/1",
        _path(cell_url(ana.slug, "sound", "calm-voice", 7, sentence.spoken_with, 0)),
        _path(cell_url(ana.slug, "picture", "..", 0, "..", 0)),
        _path(report_url(ana.slug, "calm-voice", "report.html")),
        _path(report_url(ana.slug, "..", "project.json")),
        _path(votes_url("nobody")),
    ):
        assert client.get(path).status_code == 404, path


def test_a_sample_that_went_away_and_one_that_is_broken_are_answered_with_404(ana: Project, client: TestClient) -> None:
    table = grid(ana, "calm-voice")
    assert table
    sentence, voice = table.sentences[0], table.voices[-1]
    path: Path = voice.samples[sentence]
    ids = (voice.checkpoint.run_id, voice.checkpoint.step, sentence.spoken_with, sentence.number)
    path.write_bytes(b"no sound")
    assert client.get(_path(cell_url(ana.slug, "picture", *ids))).status_code == 404
    path.unlink()
    assert client.get(_path(cell_url(ana.slug, "sound", *ids))).status_code == 404
