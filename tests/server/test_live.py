"""What an open page costs: it asks for what changed, and where nobody asks nothing runs. Counted, never timed."""

from __future__ import annotations

import asyncio
import importlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from gradio.blocks import Block

from core.project.records import Source
from core.project.workspace import Project, Workspace
from tests.server.real_page import RealPage, real_page
from ui.app import TABS
from ui.live import LiveRequest

KEYS = [module.__name__.split(".")[2] for module in TABS]
REFRESHES = 12


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    made = Workspace(tmp_path_factory.mktemp("live") / "workspace")
    made.create("Ana", "en").store.add_source(Source("a", "Recording", seconds=60.0))
    return made


@pytest.fixture(scope="module")
def page(workspace: Workspace) -> Iterator[RealPage]:
    with real_page(workspace.path) as running:
        yield running


@pytest.fixture
def ana(workspace: Workspace) -> Project:
    return workspace.project("ana")


def ask(page: RealPage, tab: str = "sources", seen: dict[str, str] | None = None, query: str = "") -> dict[str, Any]:
    """A tick, as the page's script asks for it."""
    asked = {"project": "ana", "tab": tab, "view": query, "seen": seen or {}}
    answer = page.client.post("/en/live", json=asked)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def marks(answer: dict[str, Any]) -> dict[str, str]:
    """What the script remembers of an answer."""
    return {name: mark for name, (mark, _) in answer["panels"].items()}


def refresh(page: RealPage, tab: str, session: str) -> dict[str, Any]:
    """Show a tab anew, as after a click."""
    (event,) = page.events("HTML", f"show_{tab}")
    held = [page.blocks.blocks[block._id].value for block in page.blocks.fns[event].inputs[3:]]
    return page.run(event, ["ana", tab, "", *held], session)


@pytest.mark.parametrize("tab", KEYS)
def test_a_tick_brings_all_at_first_and_nothing_while_nothing_changes(page: RealPage, tab: str) -> None:
    first = ask(page, tab)
    assert {"frame-0", "frame-1"} <= set(first["panels"])
    assert ask(page, tab, marks(first))["panels"] == {}


def test_a_tick_brings_what_changed_and_only_that(page: RealPage, ana: Project) -> None:
    seen = marks(ask(page))
    ana.change(name="Ana Lima")
    changed = ask(page, seen=seen)["panels"]
    assert list(changed) == ["frame-0"] and "Ana Lima" in changed["frame-0"][1]
    ana.change(name="Ana")
    assert ask(page, seen=seen)["panels"] == {}


def test_two_hundred_ticks_leave_nothing_in_the_pages_process(page: RealPage) -> None:
    refresh(page, "sources", "open")
    sessions, components = dict(page.app.state_holder.session_data), Block.__init__
    blocks = dict(sessions["open"].blocks_config.blocks)
    made: Counter[str] = Counter()

    def counted(self: Block, *given: Any, **named: Any) -> None:
        made[type(self).__name__] += 1
        components(self, *given, **named)

    seen: dict[str, str] = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Block, "__init__", counted)
        for number in range(200):
            seen |= marks(ask(page, KEYS[number % len(KEYS)], seen))
    assert not made
    assert page.app.state_holder.session_data == sessions
    assert sessions["open"].blocks_config.blocks == blocks


@pytest.mark.parametrize("tab", KEYS)
def test_a_refresh_makes_only_what_it_changes_anew_and_a_session_never_grows(page: RealPage, tab: str) -> None:
    session, made = f"refresh-{tab}", Counter[str]()
    build = Block.__init__

    def counted(self: Block, *given: Any, **named: Any) -> None:
        made[type(self).__name__] += 1
        build(self, *given, **named)

    def size() -> tuple[int, int, int]:
        state = page.app.state_holder[session]
        return len(state.blocks_config.blocks), len(state.config_values), len(state.state_data)

    assert refresh(page, tab, session)["success"]
    before = size()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Block, "__init__", counted)
        for _ in range(REFRESHES):
            assert refresh(page, tab, session)["success"]
    assert size() == before and before[1:] == (0, 0)
    # What may be seen, and what a list offers: a handful a tab.
    assert sum(made.values()) <= 5 * REFRESHES, made
    # Form fields and panels that got a value were given it as they are.
    assert made["HTML"] == 0


def test_a_refresh_still_shows_and_hides_and_fills(page: RealPage) -> None:
    answer = refresh(page, "segments", "shows")
    (event,) = page.events("HTML", "show_segments")
    outputs = page.blocks.fns[event].outputs
    values = dict(zip([block._id for block in outputs], answer["output"]["data"], strict=True))
    kinds = {number: type(page.blocks.blocks[number]).__name__ for number in values}
    shown = [value for number, value in values.items() if kinds[number] == "Accordion" and value.get("visible")]
    assert len(shown) == 1, "the settings of a project with recordings are shown"
    untouched = [value for value in values.values() if value == {"__type__": "update"}]
    assert len(untouched) > 10


def test_a_tab_that_was_left_meanwhile_changes_nothing(page: RealPage) -> None:
    (event,) = page.events("HTML", "show_home")
    answer = page.run(event, ["ana", "sources", ""], "left")["output"]["data"]
    assert answer and all(value == {"__type__": "update"} for value in answer)


def test_while_no_page_is_open_nothing_is_waiting_to_run(page: RealPage) -> None:
    assert refresh(page, "home", "gone")["success"]

    async def idle() -> tuple[bool, list[str], list[float]]:
        for _ in range(100):
            if not page.blocks._queue.is_running:
                break
            await asyncio.sleep(0.05)
        await asyncio.sleep(0.2)  # what was cancelled ends
        loop: Any = asyncio.get_running_loop()
        names = [task.get_coro().__qualname__ for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        due = [handle.when() - loop.time() for handle in loop._scheduled if not handle.cancelled()]
        return page.blocks._queue.is_running, names, due

    assert page.client.portal is not None
    running, names, due = page.client.portal.call(idle)
    assert not running
    for spinning in ("start_processing", "start_progress_updates", "_delete_state", "notify_clients"):
        assert not any(name.endswith(spinning) for name in names), names
    assert all(seconds > 10 for seconds in due), "something is about to wake up"


def test_events_are_answered_after_the_queue_has_rested(page: RealPage) -> None:
    for number in range(3):
        assert refresh(page, "home", f"again-{number}")["success"]
        test_while_no_page_is_open_nothing_is_waiting_to_run(page)


@pytest.mark.parametrize("tab", KEYS)
def test_what_a_live_tab_ticks_are_panels_of_its_own(page: RealPage, tab: str, monkeypatch: pytest.MonkeyPatch) -> None:
    module = importlib.import_module(f"ui.tabs.{tab}")
    if hasattr(module, "is_live"):
        monkeypatch.setattr(module, "is_live", lambda job: True)
    page.blocks.live._complaints.clear()
    answer = page.blocks.live.answer(LiveRequest(project="ana", tab=tab))
    assert page.blocks.live._complaints == set()
    assert all(name.startswith((f"{tab}-", "frame-")) for name in answer["panels"])


def test_what_a_tick_cannot_show_is_told_by_the_turn(page: RealPage, monkeypatch: pytest.MonkeyPatch) -> None:
    quiet = ask(page, "sources")
    assert quiet["turn"] == "" and 'data-turn=""' in quiet["panels"]["frame-1"][1]
    monkeypatch.setattr("ui.tabs.sources.tab._busy", lambda project: True)
    busy = ask(page, "sources")
    assert busy["turn"] == "busy" and 'data-turn="busy"' in busy["panels"]["frame-1"][1]
    refreshed = refresh(page, "sources", "turned")["output"]["data"]
    assert any('data-turn="busy"' in str(value) for value in refreshed)


def test_what_goes_wrong_in_a_tick_is_logged_once_and_the_rest_is_shown(
    page: RealPage, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    page.blocks.live._complaints.clear()
    monkeypatch.setattr("ui.tabs.home.pipeline.project_cards", lambda workspace: 1 / 0)
    monkeypatch.setattr("ui.tabs.home.is_live", lambda job: True)
    for _ in range(5):
        assert {"frame-0", "frame-1"} <= set(ask(page, "home")["panels"])
    assert len([record for record in caplog.records if "could not be kept live" in record.message]) == 1


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 422),
        (b"[]", 422),
        (b'{"project": 5}', 422),
        (b'{"view": "' + b"a" * 9_000 + b'"}', 422),
        (b" " * 40_000, 413),
        (b'{"project": "../other", "tab": "nowhere", "seen": {"frame-0": "x"}}', 200),
    ],
)
def test_odd_requests_are_answered(page: RealPage, body: bytes, status: int) -> None:
    headers = {"Content-Type": "application/json"}
    assert page.client.post("/en/live", content=body, headers=headers).status_code == status


def test_the_route_is_read_by_its_own_page_alone(page: RealPage, tmp_path: Path) -> None:
    assert page.client.get("/en/live").status_code == 404
    assert page.client.post("/en/live", json={}, headers={"Origin": "https://evil.example"}).status_code == 403
    with real_page(tmp_path / "workspace", password="a long password") as locked:
        assert locked.client.post("/en/live", json={}).status_code == 401
