"""No message to a person tells where on this computer files lie, but from the workspace on."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from core.errors import UserError, described_bug, without_folders
from tests.test_layers import fields, said, strings
from ui.i18n import LANGUAGES, Translator

SECRET = "/srv/secret place/voices"
FILE = f"{SECRET}/projects/anna/sources/a b.flac"
TYPED = {"collection.missing", "folder.not_one", "folder.own"}


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_error_or_warning_shows_a_path_that_it_was_given(language: str) -> None:
    t = Translator(language)
    assert len(list(said())) > 100
    for _, code, text, hint in said():
        values = dict.fromkeys(fields(text) | fields(hint), FILE)
        values |= {name: 3 for name in values if f"{{{name}:" in text + hint}  # a number's format
        for given in (
            values,
            {name: f"cannot open '{FILE}': no" if name == "what" else v for name, v in values.items()},
        ):
            error = UserError(code, text, hint, **given)
            message = t.error(error.code, error.text, error.hint, error.values)
            assert code in TYPED or SECRET not in message, (code, message)


def test_what_the_person_typed_is_repeated_as_it_was() -> None:
    for code in TYPED:
        assert FILE in Translator("pt-BR").error(code, "{path}", "", {"path": FILE})
    assert set(strings("pt-BR")["errors"]) >= TYPED


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (FILE, "projects/anna/sources/a b.flac"),
        ("/w/models/xtts-v2", "models/xtts-v2"),
        ("/home/models", "models"),
        ("/tmp/x y/z.wav", "z.wav"),
        ("[Errno 13] Permission denied: '/home/u/my voices/x.wav'", "[Errno 13] Permission denied: “x.wav”"),
        ("see /etc/passwd, or a/b, 1/2 and http://a/b/c", "see passwd, or a/b, 1/2 and http://a/b/c"),
        ("either/or", "either/or"),
        ("/", "/"),
        ("", ""),
    ],
)
def test_a_path_is_told_from_the_workspace_on(text: str, shown: str) -> None:
    assert without_folders(text) == shown


def test_an_unexpected_error_is_named_without_folders(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as caught:
        (tmp_path / "there.txt").read_text()
    assert described_bug(caught.value) == "FileNotFoundError: [Errno 2] No such file or directory: “there.txt”"
    assert str(tmp_path) not in described_bug(yaml.YAMLError(f'in "{tmp_path}/a.yaml", line 3'))
