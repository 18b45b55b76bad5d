"""What a person sees of an upload: more files than fit into one request come in, and a refusal is a plain sentence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.server.conftest import running, wait_for


def drop(page: Any, files: list[Path]) -> None:
    """Choose files in the page's field."""
    page.set_input_files("input[type=file]", [str(file) for file in files])


@pytest.mark.browser
def test_many_files_come_in_and_one_too_large_is_refused_in_a_sentence(chromium: Any, tmp_path: Path) -> None:
    sizes = {"a.wav": 1_500_000, "b.wav": 1_500_000, "c.wav": 1000, "large.wav": 3_000_000}
    for name, size in sizes.items():
        (tmp_path / name).write_bytes(name.encode() * (size // len(name)))
    page = chromium.new_page()
    with running(tmp_path / "workspace", max_upload_mb="1") as port:
        page.goto(f"http://127.0.0.1:{port}/pt-BR/")
        page.wait_for_selector("input[type=file]", state="attached")
        drop(page, [tmp_path / name for name in ("a.wav", "b.wav", "c.wav")])
        uploads = tmp_path / "workspace" / "tmp" / "gradio"
        wait_for(lambda: {file.name for file in uploads.glob("*/*")} == {"a.wav", "b.wav", "c.wav"})
        page.reload()
        page.wait_for_selector("input[type=file]", state="attached")
        drop(page, [tmp_path / "large.wav"])
        page.wait_for_selector(".toast-body")
        wait_for(lambda: "HTTP" not in page.inner_text(".toast-body"), 10)
        assert "Isto tem mais de 1 MB de uma vez e não foi aceito." in page.inner_text(".toast-body")
        assert len([*uploads.rglob("*.wav")]) == 3
    page.close()
