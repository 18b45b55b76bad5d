"""A real browser on another site: it can neither read, run, upload nor play anything."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.server.conftest import running

# Tries everything a hostile page can; ends with what it got.
ATTACK = """async (target) => {
  const got = [];
  const tried = async (name, act) => { try { if (await act()) got.push(name); } catch (error) {} };
  const read = (path, options) => fetch(target + path, options).then(answer => answer.text());
  await tried('read the config', () => read('/en/config'));
  await tried('read with cookies', () => read('/en/config', {credentials: 'include'}));
  await tried('ran an event', () => read('/en/gradio_api/run/say', {method: 'POST', body: '{"data": ["x"]}'}));
  await tried('uploaded', () => { const form = new FormData(); form.append('files', new Blob(['x']), 'evil.wav');
    return read('/en/gradio_api/upload', {method: 'POST', body: form}); });
  await tried('health', () => read('/health'));
  const blind = new FormData();
  blind.append('files', new Blob(['x']), 'blind.wav');
  await fetch(target + '/en/gradio_api/upload', {method: 'POST', mode: 'no-cors', body: blind}).catch(() => 0);
  await tried('played audio', () => new Promise(done => { const sound = new Audio(target + '/audio/anna/clip/c1');
    sound.oncanplay = () => done(true); sound.onerror = () => done(false); sound.load(); }));
  await tried('framed the page', () => new Promise(done => { const frame = document.createElement('iframe');
    frame.src = target + '/en/'; frame.onload = () => done(frame.contentWindow.length > 0); document.body.append(frame);
    setTimeout(() => done(false), 3000); }));
  return got;
}"""


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[int]:
    """The port of another site with an empty page."""
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "index.html").write_text("<!doctype html><link rel=icon href='data:,'><body>hello")
    handler = partial(http.server.SimpleHTTPRequestHandler, directory=str(tmp_path / "site"))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


@pytest.mark.slow
@pytest.mark.browser
def test_another_site_gets_nothing_and_does_nothing(chromium: Any, tmp_path: Path, elsewhere: int) -> None:
    workspace = tmp_path / "workspace"
    clips = workspace / "projects" / "anna" / "clips"
    clips.mkdir(parents=True)
    (clips.parent / "project.json").write_text(json.dumps({"name": "A", "language": "en", "engine": "x", "created": 1}))
    (clips / "c1.wav").write_bytes(
        b"RIFF\x2c\x00\x00\x00WAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00\x22\x56\x00\x00"
        b"\x44\xac\x00\x00\x02\x00\x10\x00data\x08\x00\x00\x00" + bytes(8)
    )
    with running(workspace) as port:
        target = f"http://127.0.0.1:{port}"
        at_home = chromium.new_page()
        at_home.goto(f"{target}/health")
        # Where it is allowed, the attack works: what follows proves something.
        assert {"read the config", "ran an event", "uploaded", "played audio"} <= set(at_home.evaluate(ATTACK, target))
        uploaded = sorted((workspace / "tmp" / "gradio").rglob("*.wav"))
        assert {file.name for file in uploaded} == {"evil.wav", "blind.wav"}
        for site in (f"http://localhost:{elsewhere}/", f"http://127.0.0.1:{elsewhere}/"):
            for file in (workspace / "tmp" / "gradio").rglob("*.wav"):
                file.unlink()
            away = chromium.new_page()
            away.goto(site)
            assert away.evaluate(ATTACK, target) == []
            assert not list((workspace / "tmp" / "gradio").rglob("*.wav"))
