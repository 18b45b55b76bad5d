"""Notifications: what is told, to whom, once, and what happens where a service is away."""

from __future__ import annotations

import json
import re
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from core import transfer
from core.errors import UserError
from core.jobs import events
from core.jobs.args.projects import UnpackProjectArgs
from core.jobs.args.training import TrainArgs
from core.jobs.job import Job
from core.jobs.reporter import Reporter
from core.notifications import config as notify
from core.notifications import outbox, start
from core.notifications.config import NotificationConfig
from core.project.contents import OPTIONS
from core.project.workspace import Project, Workspace
from tests.test_transfer import pack
from ui.i18n import Translator
from ui.tabs.system.notifications import act_on_notifications, notifications_card


@dataclass
class Service:
    """A program on loopback that is sent messages; ``status`` is its answer."""

    address: str
    received: list[str] = field(default_factory=list)
    status: int = 200


@pytest.fixture
def service() -> Iterator[Service]:
    """One that listens until the test is over."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if here.status == 200:
                here.received.append(body["message"])
            self.send_response(here.status)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    here = Service(f"json://127.0.0.1:{server.server_address[1]}/secret")
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield here
    server.shutdown()
    server.server_close()


@pytest.fixture(autouse=True)
def launches(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Processes that would be started; tests deliver themselves."""
    started: list[list[str]] = []
    monkeypatch.setattr(outbox, "subprocess", SimpleNamespace(Popen=lambda args, **_: started.append(args), DEVNULL=-3))
    return started


def a_run(project: Project, minutes: float, *ends: events.Event) -> Job:
    """A run that began so long ago."""
    job = Job.create(project.runs, TrainArgs(base="b", dataset="d"), title="Deep <voice>")
    (job.path / "lock").touch()
    events.append(job.events_path, events.Launched(at=time.time() - 60 * minutes))
    for end in ends:
        events.append(job.events_path, end)
    return job


def test_a_run_that_is_done_is_told_of_once_with_a_link_and_nothing_else(project: Project, service: Service) -> None:
    workspace = project.workspace
    notify.add_address(workspace, service.address)
    notify.save(workspace, replace(notify.load(workspace), page="https://voice.example/app"))
    end = events.Finished(outcome="done", result={"step": 900})
    job = a_run(project, 192, end)
    for _ in range(2):  # a second word of the same end is none
        start.on_end(job, end)
    outbox.deliver(workspace)
    outbox.deliver(workspace)
    (text,) = service.received
    assert text.splitlines() == [
        f"“Deep <voice>” in “{project.info.name}” is done after 3 h 12 min.",
        f"Open: https://voice.example/app/en/?project={project.slug}&tab=train",
    ]
    assert str(workspace.path) not in text


@pytest.mark.parametrize(("minutes", "outcome"), [(2, "done"), (90, "cancelled")])
def test_what_was_short_or_stopped_by_hand_is_not_told_of(
    project: Project, service: Service, launches: list[list[str]], minutes: float, outcome: Any
) -> None:
    notify.add_address(project.workspace, service.address)
    end = events.Finished(outcome=outcome)
    start.on_end(a_run(project, minutes, end), end)
    outbox.deliver(project.workspace)
    assert not service.received and not launches


def test_without_an_address_nothing_is_written_and_no_process_started(
    project: Project, launches: list[list[str]]
) -> None:
    end = events.Finished(outcome="failed", code="bug")
    start.on_end(a_run(project, 90, end), end)
    start.on_full_disk(a_run(project, 90), 40)
    assert not launches and not notify.folder(project.workspace).exists()


def test_a_service_that_is_away_gets_its_message_later_and_the_others_no_second_time(
    project: Project, service: Service
) -> None:
    workspace = project.workspace
    gone = "json://127.0.0.1:9/x"  # nobody listens there
    notify.add_address(workspace, gone)
    notify.add_address(workspace, service.address)
    outbox.post(workspace, "event", "the word")
    outbox.deliver(workspace)
    assert service.received == ["the word"]
    delivery = outbox.last_delivery(workspace)
    assert delivery is not None and delivery.failed == (notify.address_label(gone),)
    service.status = 500
    outbox.deliver(workspace)
    assert service.received == ["the word"]
    notify.remove_address(workspace, notify.address_id(gone))
    outbox.deliver(workspace)
    assert not list((notify.folder(workspace) / "outbox").iterdir())
    service.status, outbox_path = 200, notify.folder(workspace) / "outbox"
    outbox.post(workspace, "another", "old news")
    outbox.deliver(workspace, time.time() + outbox.FORGOTTEN_S + 60)
    assert service.received == ["the word"] and not list(outbox_path.iterdir())


def test_quiet_hours_hold_back_what_can_wait(project: Project, service: Service) -> None:
    workspace = project.workspace
    notify.add_address(workspace, service.address)
    hour = time.localtime().tm_hour
    notify.save(workspace, replace(notify.load(workspace), quiet_from=hour, quiet_to=(hour + 2) % 24))
    outbox.post(workspace, "done", "is done")
    job = a_run(project, 90)
    start.on_full_disk(job, 40)
    outbox.deliver(workspace)
    (text,) = service.received
    assert "paused" in text
    outbox.deliver(workspace, time.time() + 3 * 3600)
    assert service.received[1:] == ["is done"]


@pytest.mark.parametrize(
    ("config", "hour", "quiet"),
    [
        ((22, 7), 23, True),
        ((22, 7), 6, True),
        ((22, 7), 7, False),
        ((1, 5), 3, True),
        ((1, 5), 5, False),
        ((0, 0), 0, False),
    ],
)
def test_quiet_hours_may_go_over_midnight(config: tuple[int, int], hour: int, quiet: bool) -> None:
    at = time.mktime((2026, 11, 29, hour, 30, 0, 0, 0, -1))
    assert NotificationConfig(quiet_from=config[0], quiet_to=config[1]).is_quiet(at) is quiet


def test_a_run_that_was_broken_off_is_told_of_when_the_server_looks_again(project: Project, service: Service) -> None:
    notify.add_address(project.workspace, service.address)
    a_run(project, 90, events.Started(pid=1))
    for _ in range(2):
        start.catch_up(project.workspace)
        outbox.deliver(project.workspace)
    (text,) = service.received
    assert "broken off" in text


def test_of_a_run_that_another_computer_broke_off_nothing_is_told_when_it_is_brought_home(
    project: Project, service: Service, tmp_path: Path
) -> None:
    job = a_run(project, 90, events.Started(pid=1))
    file = pack(project, tmp_path / "home.voicewright", *OPTIONS)
    home = Workspace(tmp_path / "home").create("Home")
    notify.add_address(home.workspace, service.address)
    transfer.unpack(home, file, file.name, Reporter(Job.create(tmp_path / "j", UnpackProjectArgs(file="", name=""))))
    assert Job(home.runs / job.id).read().status == "interrupted"
    start.catch_up(home.workspace)
    outbox.deliver(home.workspace)
    assert not service.received


def test_a_job_that_cannot_be_read_keeps_no_other_from_being_told_of(project: Project, service: Service) -> None:
    notify.add_address(project.workspace, service.address)
    jobs = [a_run(project, 90, events.Started(pid=1)) for _ in range(3)]
    whole_read = Job.read

    def read(job: Job) -> Any:
        if job.id == jobs[1].id:
            raise FileNotFoundError(job.path)
        return whole_read(job)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Job, "read", read)
        start.catch_up(project.workspace)
    outbox.deliver(project.workspace)
    assert len(service.received) == 2


def test_what_is_posted_while_a_slow_service_takes_another_message_is_sent_too(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts: list[str] = []

    def send(address: str, text: str) -> bool:
        texts.append(text)
        if text == "first":
            outbox.post(workspace, "second", "second")
        return True

    monkeypatch.setattr(outbox, "send", send)
    notify.save(workspace, NotificationConfig(addresses=("ntfy://topic",)))
    outbox.post(workspace, "first", "first")
    outbox.deliver(workspace)
    assert texts == ["first", "second"]


def test_a_message_for_which_the_disk_had_no_room_is_posted_when_there_is(
    workspace: Workspace,
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with pytest.MonkeyPatch.context() as patch, pytest.raises(OSError):
        patch.setattr(outbox, "write_private", full)
        outbox.post(workspace, "event", "the word")
    outbox.post(workspace, "event", "the word")
    assert len(list((notify.folder(workspace) / "outbox").iterdir())) == 1


def test_the_process_that_delivers_sends_what_lies_there(
    project: Project, service: Service, launches: list[list[str]]
) -> None:
    notify.add_address(project.workspace, service.address)
    outbox.post(project.workspace, "event", "by a process")
    (command,) = launches
    subprocess.run(command, check=True, timeout=60)
    assert service.received == ["by a process"]


@pytest.mark.parametrize(
    "address",
    ["", "nonsense", "ntfy://", "http", "syslog://", "dbus://", "file:///etc/passwd", "fcm://k?keyfile=/etc/passwd"],
)
def test_what_is_no_address_or_works_on_the_server_alone_is_refused(workspace: Workspace, address: str) -> None:
    with pytest.raises(UserError) as caught:
        notify.add_address(workspace, address)
    assert caught.value.code == "notify.address" and notify.load(workspace).addresses == ()


@pytest.mark.parametrize("language", ["en", "pt-BR"])
def test_the_card_shows_no_password_and_its_file_is_readable_by_the_account_alone(
    workspace: Workspace, language: str
) -> None:
    page: Any = SimpleNamespace(workspace=workspace, t=Translator(language), settings=SimpleNamespace(root_path=""))
    secret = "mailtos://maria:pass-word@gmail.com"
    act_on_notifications(page, SimpleNamespace(do="notify-add", value=json.dumps({"address": secret}), id=""))
    card = notifications_card(page)
    assert "mailtos://….com" in card and "pass-word" not in card and "maria" not in card
    file = notify.folder(workspace) / "config.json"
    assert file.stat().st_mode & 0o077 == 0 and notify.load(workspace).language == language
    times = {"quiet_from": "22", "quiet_to": "7", "after_minutes": "30", "page": "https://voice.example"}
    act_on_notifications(page, SimpleNamespace(do="notify-times", value=json.dumps(times), id=""))
    assert (config := notify.load(workspace)).quiet_from == 22 and config.after_minutes == 30
    for wrong in ({"quiet_to": "24"}, {"quiet_from": "²"}, {"page": "javascript:alert(1)"}):
        with pytest.raises(UserError):
            act_on_notifications(page, SimpleNamespace(do="notify-times", value=json.dumps(times | wrong), id=""))
    button = re.search(r'data-do="notify-remove" data-id="([^"]+)"', card)
    assert button is not None
    act_on_notifications(page, SimpleNamespace(do="notify-remove", id=button[1]))
    assert not notify.load(workspace).addresses


def test_messages_say_the_same_in_every_language() -> None:
    messages = yaml.safe_load((Path(start.__file__).parent / "messages.yaml").read_text(encoding="utf-8"))
    fields = {
        language: {key: sorted(part.split("}")[0] for part in text.split("{")[1:]) for key, text in words.items()}
        for language, words in messages.items()
    }
    assert fields["en"] == fields["pt-BR"]


@pytest.mark.parametrize("language", ["en", "pt-BR"])
@pytest.mark.parametrize(
    ("missing_bytes", "is_limit", "words"),
    [
        (3_000_000, False, {"en": "has no room: 3 MB more", "pt-BR": "sem espaço: faltam 3 MB"}),
        (3_000_000, True, {"en": "the limit you set (MOST_GB): 3 MB", "pt-BR": "(MOST_GB): faltam 3 MB"}),
        (0, False, {"en": "does not say how much is missing", "pt-BR": "não diz quanto falta"}),
    ],
)
def test_a_full_drive_is_told_of_with_what_is_known_of_it(
    project: Project, language: str, missing_bytes: int, is_limit: bool, words: dict[str, str]
) -> None:
    config = NotificationConfig(addresses=("json://127.0.0.1:9",), language=language, page="https://voice.example")
    notify.save(project.workspace, config)
    start.on_drive(project, "no_room", missing_bytes, is_limit=is_limit)
    start.on_drive(project, "no_room", missing_bytes, is_limit=is_limit)
    (message,) = (notify.folder(project.workspace) / "outbox").iterdir()
    text = json.loads(message.read_text(encoding="utf-8"))["text"]
    assert words[language] in text and "0 MB" not in text
    assert text.endswith(f"project={project.slug}&tab=train"), "where the page says how the drive stands"
