"""Paths of a workspace and of a project: every place on disk that several rooms know is a property here."""

from __future__ import annotations

from pathlib import Path

from core.files import Place, inside
from core.project.records import Source


class Paths:
    """Places in a folder."""

    def __init__(self, path: Path) -> None:
        self.path = path


class ProjectPaths(Paths):
    """Where what belongs to a project lies."""

    database = Place("project.db")  # the file its records are in
    sources = Place("sources")  # decoded recordings, <id>.flac
    clips = Place("clips")  # cut clips, <id>.wav
    uploads = Place("uploads")  # where a file lies between upload and decoding
    datasets = Place("datasets")  # frozen datasets, each named by its content
    features = Place("features")  # cached training features
    runs = Place("runs")  # training runs, each a job folder
    reports = Place("reports")  # reports, a folder for each run
    spoken = Place("listening", "spoken")  # said for another run: <whose>/<run>/<step>/<number>.wav
    jobs = Place("jobs")  # all other jobs
    takes = Place("takes")  # what was spoken on the Speak page
    documents = Place("documents")  # long texts of the studio, each a folder, and the list of pronunciations
    voices = Place("voices")  # voices that were saved under a name, <id>.json
    exports = Place("exports")  # exported voices

    def source_file(self, source_id: str) -> Path:
        """The decoded recording of a source."""
        return inside(self.sources, f"{source_id}.flac")

    def denoised_file(self, source_id: str) -> Path:
        """The copy of a recording with its noise taken away, if somebody asked for one."""
        return inside(self.sources, f"{source_id}.cleaned.flac")

    def sound_file(self, source: Source) -> Path:
        """What clips of a recording are cut from: the recording, or the cleaned copy where that is chosen."""
        return self.denoised_file(source.id) if source.use == "cleaned" else self.source_file(source.id)

    def source_files(self, source_id: str) -> list[Path]:
        """All files of a recording: itself, and what was made from it (frames, speech, cleaned copy)."""
        return sorted(self.source_file(source_id).parent.glob(f"{source_id}.*"))

    def clip_file(self, clip_id: str) -> Path:
        """The audio of a clip."""
        return inside(self.clips, f"{clip_id}.wav")


class WorkspacePaths(Paths):
    """Where what all projects share lies."""

    projects_folder = Place("projects")  # all projects
    models = Place("models")  # downloaded base models and recognition models
    voices = Place("voices")  # voices that were brought in; they speak in every project
    voices_trash = Place("voices", ".trash")  # those of them that a person deleted
    trash = Place("trash")  # deleted projects, kept until the person empties it
    gpu_lock = Place("gpu.lock")  # held by the one job that may use the card
    queue = Place("queue")  # tickets of the jobs that wait for the card
