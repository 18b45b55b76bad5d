"""Mirror: a project's files on a drive, of which each appears whole; the newest checkpoint comes first."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import shutil
import time
from collections.abc import Callable
from pathlib import Path, PurePosixPath

from core.engines.session import STATE
from core.errors import Cancelled, UserError
from core.files import TEMP_PREFIX, is_full, open_regular, read_json
from core.project.backups import copy_database, parts
from core.project.contents import FOLDERS, plain_entries
from core.project.schema import connect
from core.project.workspace import Project
from core.sync.items import ABOUT, RECORDS, RESERVE_BYTES, Item, unit_of
from core.sync.ledger import Ledger, Stamp, SyncState, erase, flush, notes_folder, owner_of, stamp_of, write_owner

ShouldStop = Callable[[], bool]
_RESCAN_S = 10.0  # of copying, after which something newer may be more urgent
_BLOCK_BYTES = 1 << 20


class NoRoom(Exception):
    """The drive, or what the mirror may take of it, has no room for an item."""


class Changed(Exception):
    """A local file changed while it was copied; its turn comes again."""


class Mirror:
    """One project on a drive.

    Args:
        project: the local one.
        drive: a folder there, laid out like a workspace.
        bytes_per_s: the most that is written a second; 0 is as fast as it goes.
        most_bytes: the most that the mirror takes; 0 is as much as there is.
    """

    def __init__(self, project: Project, drive: Path, *, bytes_per_s: float = 0.0, most_bytes: int = 0) -> None:
        self.project, self.drive = project, drive
        self.path = drive / "projects" / project.slug
        self.bytes_per_s, self.most_bytes = bytes_per_s, most_bytes
        self.ledger = Ledger.of(project.workspace, project.slug)
        self.left_out: dict[str, Item] = {}

    def begin(self) -> None:
        """Make the mirror, or find it again.

        Raises:
            UserError: ``sync.foreign``: a project of that name lies there that is not this one's mirror;
                ``sync.taken``: another computer goes on with it; ``sync.away``: the drive cannot be reached.
        """
        if not self.drive.is_dir():
            raise away(self.drive)
        owner = owner_of(self.path)
        if owner and self.ledger.owner:
            if owner != self.ledger.owner:
                raise _taken(self.project)
            if self._is_of_project():
                return
        if owner or (self.path / ABOUT).exists():
            raise UserError(
                "sync.foreign",
                "On the drive lies another project “{name}”, so nothing was copied over it.",
                "Give this project another name, or bring the one on the drive here first.",
                name=self.project.slug,
            )
        self.path.parent.mkdir(exist_ok=True)
        self.path.mkdir(exist_ok=True)
        self.ledger.owner, self.ledger.files = secrets.token_hex(8), {}
        write_owner(self.path, self.ledger.owner)
        self.ledger.save()

    def _is_of_project(self) -> bool:
        """Whether the mirror is not that of a project which was deleted here, and whose name another one got."""
        try:
            return float(read_json(self.path / ABOUT)["created"]) == self.project.info.created
        except (FileNotFoundError, ValueError, LookupError, TypeError):  # not there yet
            return True

    def has_news(self) -> bool:
        """Whether anything is to be brought over or taken away there; one look at each local file."""
        return self._local() != self.ledger.files

    def push(
        self, should_stop: ShouldStop = lambda: False, on_state: Callable[[SyncState], object] = lambda state: None
    ) -> None:
        """Bring over what is new, and take away there what is no longer here. What found no room is ``left_out``.

        Raises:
            UserError: ``sync.taken``, ``sync.away``. Cancelled: ``should_stop`` said so; what is there is whole.
            OSError: the drive's own.
        """
        self._check_owner()
        self.left_out = {}
        self._remove_gone()
        while queue := [item for item in self.pending() if item.name not in self.left_out]:
            began = time.monotonic()
            for number, item in enumerate(queue):
                rest = queue[number:]
                size = sum(entry.bytes for entry in rest)
                on_state(SyncState("copying", len(rest), size, left_out=tuple(self.left_out)))
                try:
                    self._bring(item, should_stop)
                except NoRoom:
                    self.left_out[item.name] = item
                except Changed:
                    continue
                if time.monotonic() - began > _RESCAN_S:
                    break
            else:
                break  # what has changed meanwhile is for the next time
        self._remove_gone()

    def no_room(self) -> SyncState:
        """What was left out, how much more room all of it needs, and whose limit that is."""
        items = self.left_out.values()
        missing_bytes = sum(item.bytes for item in items) - self._free_bytes()
        over_bytes = sum(map(self._new_bytes, items)) - self._allowed_bytes() if self.most_bytes else 0
        is_limit = over_bytes > missing_bytes
        missing_bytes = max(0, missing_bytes, over_bytes)
        return SyncState("no_room", len(items), 0, 0.0, tuple(self.left_out), missing_bytes, is_limit)

    def pending(self) -> list[Item]:
        """What is to be brought over, the most urgent first."""
        items: dict[str, Item] = {}
        for name, stamp in self._local().items():
            unit, rank, is_folder = unit_of(name)
            items.setdefault(unit, Item(unit, rank, {}, is_folder)).files[name] = stamp
        news = [item for item in items.values() if not item.files.items() <= self.ledger.files.items()]
        return sorted(news, key=lambda item: (item.rank, item.name))

    def _local(self) -> dict[str, Stamp]:
        root, stamps = self.project.path, {}
        start = len(str(root)) + 1
        for entry in (entry for folder in FOLDERS for entry in plain_entries(root / folder)):
            with contextlib.suppress(FileNotFoundError):
                about = entry.stat(follow_symlinks=False)
                stamps[entry.path[start:]] = about.st_size, about.st_mtime_ns
        stamps[ABOUT] = stamp_of(root / ABOUT)
        records = [stamp_of(path) for path in parts(self.project.database) if not path.name.endswith("-shm")]
        stamps[RECORDS] = sum(size for size, _ in records), max((at for _, at in records), default=0)
        return stamps

    def _bring(self, item: Item, should_stop: ShouldStop) -> None:
        files, ledger = self.project.path, self.ledger.files
        self._check_room(item)
        if item.name == RECORDS:
            self._bring_records(should_stop)
        elif item.is_folder and (item.name.startswith("runs/") or ledger.keys().isdisjoint(item.files)):
            self._bring_folder(item, should_stop)
        else:  # of a folder that is there already, such as a dataset's new title, file by file
            for name, stamp in item.files.items():
                if ledger.get(name) != stamp:
                    self._copy(files / name, self.path / name, stamp[0], should_stop)
        ledger.update(item.files)
        self.ledger.save()

    def _bring_folder(self, item: Item, should_stop: ShouldStop) -> None:
        """All of it under a hidden name first; one that is replaced stays until the new one is in its place."""
        target = self.path / item.name
        draft = target.with_name(f"{TEMP_PREFIX}{target.name}")
        old = target.with_name(f".old-{target.name}")  # `Checkpoints.mend` knows what to do with it
        erase(draft)
        try:
            for name, (size, _) in item.files.items():
                inner = PurePosixPath(name).relative_to(item.name)
                self._copy(self.project.path / name, draft / inner, size, should_stop)
        except NoRoom:
            erase(draft)  # what else is to come may fit
            raise
        if target.exists():
            erase(old)
            target.rename(old)
        draft.rename(target)
        erase(old)
        for name in [name for name in self.ledger.files if name.startswith(f"{item.name}/")]:
            del self.ledger.files[name]

    def _bring_records(self, should_stop: ShouldStop) -> None:
        snapshot = notes_folder(self.project.workspace) / f"{self.project.slug}.db"
        try:
            with connect(self.project.database) as db:
                copy_database(db, snapshot)
            self._copy(snapshot, self.path / RECORDS, snapshot.stat().st_size, should_stop)
        finally:
            snapshot.unlink(missing_ok=True)

    def _copy(self, source: Path, target: Path, size: int, should_stop: ShouldStop) -> None:
        """Exactly as many bytes as were seen: a log that grows meanwhile is copied as far as it was then."""
        self._make_folder(target.parent)
        temporary = target.with_name(f"{TEMP_PREFIX}{target.name}")
        try:
            self._write(source, temporary, size, should_stop)
        except OSError as error:
            if not is_full(error):
                raise
            erase(temporary)
            raise NoRoom from error
        if temporary.stat().st_size != size:
            raise OSError(errno.EIO, os.strerror(errno.EIO), str(target))
        os.replace(temporary, target)

    def _write(self, source: Path, target: Path, size: int, should_stop: ShouldStop) -> None:
        began, count = time.monotonic(), 0
        with contextlib.ExitStack() as stack:
            try:
                file = stack.enter_context(open_regular(source))
            except FileNotFoundError:
                raise Changed from None
            copy = stack.enter_context(open(target, "wb"))
            while count < size:
                if should_stop():
                    raise Cancelled
                block = file.read(min(_BLOCK_BYTES, size - count))
                if not block:
                    raise Changed
                copy.write(block)
                count += len(block)
                if self.bytes_per_s:
                    time.sleep(max(0.0, count / self.bytes_per_s - (time.monotonic() - began)))
            copy.flush()
            flush(copy.fileno())

    def _make_folder(self, folder: Path) -> None:
        """Below the mirror alone: where the drive has gone, nothing takes its place on the local disk."""
        for part in reversed([folder, *folder.parents][: len(folder.relative_to(self.path).parts)]):
            part.mkdir(exist_ok=True)

    def _check_room(self, item: Item) -> None:
        if self.most_bytes and self._new_bytes(item) > self._allowed_bytes():
            raise NoRoom
        if item.bytes > self._free_bytes():
            raise NoRoom

    def _new_bytes(self, item: Item) -> int:
        """By how much the mirror grows with an item."""
        return item.bytes - sum(self.ledger.files.get(name, (0, 0))[0] for name in item.files)

    def _allowed_bytes(self) -> int:
        return self.most_bytes - sum(size for size, _ in self.ledger.files.values())

    def _free_bytes(self) -> int:
        return shutil.disk_usage(self.path).free - RESERVE_BYTES

    def _remove_gone(self) -> None:
        """Take away what is gone here, but never the last checkpoint of a run to go on from."""
        local = self._local()
        missing = [name for name in self.ledger.files if name not in local and not self._is_last_state(name)]
        for name in missing:
            unit, _, is_folder = unit_of(name)
            path = self.path / name
            if is_folder and not any(local_name.startswith(f"{unit}/") for local_name in local):
                path = (self.path / unit).with_name(f"{TEMP_PREFIX}gone-{PurePosixPath(unit).name}")
                with contextlib.suppress(FileNotFoundError):
                    (self.path / unit).rename(path)  # out of sight whole
            erase(path)
            del self.ledger.files[name]
        if missing:
            self.ledger.save()

    def _is_last_state(self, name: str) -> bool:
        """Whether a file belongs to the only checkpoint there that its run, which is still here, can go on from."""
        unit, _, is_folder = unit_of(name)
        run = PurePosixPath(name).parts[1] if is_folder and name.startswith("runs/") else ""
        if not run or not (self.project.runs / run).exists():
            return False
        states = [file for file in self.ledger.files if file.startswith(f"runs/{run}/") and file.endswith(STATE)]
        return states == [f"{unit}/{STATE}"]

    def _check_owner(self) -> None:
        try:
            owner = owner_of(self.path) if self.path.is_dir() else ""
        except OSError as error:
            raise away(self.drive) from error
        if not owner:
            raise away(self.drive)
        if owner != self.ledger.owner:
            raise _taken(self.project)


def _taken(project: Project) -> UserError:
    return UserError(
        "sync.taken",
        "Another computer goes on with “{name}” on the drive, so nothing more is copied from here.",
        "Go on there, or take what is here home as a file.",
        name=project.slug,
    )


def away(drive: Path) -> UserError:
    """The drive is not there."""
    return UserError(
        "sync.away",
        "The drive {folder} cannot be reached.",
        "Training goes on; what is new is copied as soon as the drive is back. If it stays away, mount it once more.",
        folder=str(drive),
    )
