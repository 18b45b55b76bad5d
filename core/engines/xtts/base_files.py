"""The files of XTTS base models: where they lie, whether they are whole, who agreed to their licence. No torch here."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.engines.xtts.options import XttsTrainConfig
from core.errors import UserError
from core.files import read_json, write_json
from core.jobs.job import REPOSITORY, Job
from core.workspace import Project, Workspace

_MOST_BYTES = 1 << 20  # of what is noted beside a model
FILES = ("config.json", "vocab.json", "mel_stats.pth", "speakers_xtts.pth", "dvae.pth", "model.pth")
STARTER = "starter"
XTTS_V2 = "xtts-v2"
HUB = "https://huggingface.co"


@dataclass(frozen=True)
class Base:
    """A base model that can be had. ``repository`` is where on the hub it lies; empty: it is made on the spot."""

    id: str
    label: str
    repository: str
    revision: str
    size_mb: int
    license: str
    license_url: str


@dataclass(frozen=True)
class BaseState:
    """How far a base is: ``status`` is ready, partial (a download was broken off) or missing. Sizes are in bytes."""

    base: Base
    status: str
    folder: Path
    done_bytes: int
    total_bytes: int
    needs_license: bool
    license_accepted: bool
    trained: bool


BASES = {
    XTTS_V2: Base(
        id=XTTS_V2,
        label="XTTS-v2",
        repository="coqui/XTTS-v2",
        revision="main",
        size_mb=2090,
        license="Coqui Public Model License 1.0.0",
        license_url="https://coqui.ai/cpml",
    ),
    STARTER: Base(
        id=STARTER, label="Starter", repository="", revision="", size_mb=60, license="Apache-2.0", license_url=""
    ),
}


def is_starter(folder: Path) -> bool:
    """Whether a base folder is the small one made for tests and the demo."""
    return (folder / "starter.json").is_file()


def starter_facts(folder: Path) -> dict[str, Any]:
    """What ``starter.json`` says; ``trained`` is False where the weights are random. Empty if not to be read."""
    try:
        return dict(read_json(folder / "starter.json", _MOST_BYTES))
    except (OSError, ValueError, TypeError):
        return {}


def base_place(workspace: Workspace, base_id: str) -> Path:
    """Where a base lies or will lie: ``models/<id>``, a starter that ships with the app, or a local folder.

    Raises:
        UserError: ``base.unknown``.
    """
    if base_id == STARTER and (shipped := REPOSITORY / "presets" / "starter" / "model.pth").is_file():
        return shipped.parent
    if base_id in BASES:
        return workspace.models / base_id
    if Path(base_id).is_absolute():
        return Path(base_id)
    raise UserError(
        "base.unknown", "There is no base model “{id}”.", "Choose one of: {known}.", id=base_id, known=", ".join(BASES)
    )


def usual_base(project: Project) -> str:
    """The base a project was trained on last, else the one it is offered: its id, or a local folder."""
    last = project.latest("train")
    if last is not None:
        return str(last.spec()["arguments"]["base"])
    return STARTER if project.info.demo or state(project.workspace).status != "ready" else XTTS_V2


def base_folder(workspace: Workspace, base_id: str) -> Path:
    """The folder of a base that is there in full. Makes nothing: jobs ask the engine, which makes the starter.

    Raises:
        UserError: ``base.unknown``, ``base.not_downloaded``, ``base.missing_file``, ``base.broken``.
    """
    folder = base_place(workspace, base_id)
    if base_id in BASES and not (folder / "model.pth").is_file():
        raise UserError(
            "base.not_downloaded",
            "The base model {label} is not on this computer yet.",
            "Download it on the Train page, or choose a local folder.",
            label=BASES[base_id].label,
        )
    check_folder(folder)
    return folder


def weights_bytes(folder: Path, config: XttsTrainConfig) -> int:
    """About how much the base's own weights take that learn: nearly all of it is its GPT.

    0 where only an adapter learns, or the base is not there yet. With the last layers learn the heads.
    """
    if config.train_what == "lora":
        return 0
    try:
        whole = (folder / "model.pth").stat().st_size
        of = int(read_json(folder / "config.json")["model_args"]["gpt_layers"])
    except (OSError, ValueError, KeyError, TypeError):
        return 0
    return whole if config.train_what == "full" else int(whole * min(1.0, (config.last_layers + 1) / max(1, of)))


def check_folder(folder: Path) -> None:
    """Look whether a folder holds all files of an XTTS base, without opening the large ones.

    Raises:
        UserError: ``base.missing_file``, ``base.broken``.
    """
    for name in FILES:
        if name != "speakers_xtts.pth" and not (folder / name).is_file():
            raise UserError(
                "base.missing_file",
                "The base model in {folder} has no {name}.",
                "Download the base again, or choose another folder.",
                folder=str(folder),
                name=name,
            )
    try:
        model = read_json(folder / "config.json").get("model")
    except (OSError, ValueError, AttributeError):
        model = None
    if model != "xtts":
        raise UserError(
            "base.broken",
            "{name} in {folder} is not what an XTTS model needs ({what}).",
            "Download the base again, or choose another folder.",
            folder=str(folder),
            name="config.json",
            what="model is not xtts",
        )


def use_local_folder(path: str | Path) -> str:
    """The base id of a folder on this computer; a local folder is as good as a download.

    Raises:
        UserError: ``base.missing_file``, ``base.broken``.
    """
    folder = Path(path).expanduser().absolute()
    check_folder(folder)
    return str(folder)


def _license_file(workspace: Workspace, base_id: str) -> Path:
    return workspace.models / "licenses" / f"{base_id}.json"


def license_accepted(workspace: Workspace, base_id: str = XTTS_V2) -> bool:
    """Whether a person has agreed to the licence of this base, or it asks for none."""
    return not BASES[base_id].license_url or _license_file(workspace, base_id).is_file()


def accept_license(workspace: Workspace, base_id: str = XTTS_V2) -> None:
    """Write down that a person agreed, and when. Only a click of theirs may lead here."""
    base = BASES[base_id]
    write_json(
        _license_file(workspace, base_id),
        {"license": base.license, "url": base.license_url, "accepted_at": time.time()},
    )


def partial_folder(workspace: Workspace, base_id: str) -> Path:
    """Where a download gathers its files until all are there and right."""
    return workspace.models / f".partial-{base_id}"


def planned(partial: Path) -> tuple[str, list[tuple[str, int, str]]] | None:
    """What a broken-off download noted: the revision, and (name, bytes, hash) of its files; None if not to be read."""
    try:
        plan = read_json(partial / "plan.json", _MOST_BYTES)
        files = [(str(file["name"]), int(file["size"]), str(file["digest"])) for file in plan["files"]]
        if {name for name, _, _ in files} != set(FILES):
            return None
        return str(plan["revision"]), files
    except (OSError, ValueError, TypeError, LookupError):
        return None


def state(workspace: Workspace, base_id: str = XTTS_V2) -> BaseState:
    """How far a base is; cheap, for a page."""
    base, folder, partial = BASES[base_id], base_place(workspace, base_id), partial_folder(workspace, base_id)
    done = total = 0
    if all((folder / name).is_file() for name in FILES):
        status = "ready"
        done = total = sum((folder / name).stat().st_size for name in FILES)
    else:
        status = "partial" if partial.is_dir() else "missing"
        done = sum(path.lstat().st_size for path in partial.glob("*") if path.name != "plan.json")
        total = base.size_mb * 1_000_000
        if plan := planned(partial):
            total = sum(size for _, size, _ in plan[1])
    trained = bool(starter_facts(folder).get("trained")) if is_starter(folder) else base_id != STARTER
    needs_license = bool(base.license_url)
    return BaseState(base, status, folder, done, total, needs_license, license_accepted(workspace, base_id), trained)


def require_license(workspace: Workspace, base_id: str) -> None:
    """Refuse unless a person agreed.

    Raises:
        UserError: ``base.license``.
    """
    if not license_accepted(workspace, base_id):
        raise UserError(
            "base.license",
            "{label} comes under the {license}, which you have not agreed to yet.",
            "Read it at {url}, then press “I have read it and agree” on the Train page.",
            label=BASES[base_id].label,
            license=BASES[base_id].license,
            url=BASES[base_id].license_url,
        )


def start_download(project: Project, base_id: str = XTTS_V2, *, hub: str = HUB) -> Job:
    """Fetch a base model (or make the starter) in a job of its own; goes on where an earlier one was broken off.

    Raises:
        UserError: ``base.license``, ``base.unknown``. Busy: a download of this project is running.
    """
    if base_id not in BASES:
        base_place(project.workspace, base_id)
    require_license(project.workspace, base_id)
    return project.start_job("download_base", {"base_id": base_id, "hub": hub}, title=BASES[base_id].label)
