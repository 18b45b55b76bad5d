"""Sound is encoded as it comes, and what cannot be encoded is told."""

from __future__ import annotations

import numpy as np
import pytest

from core.audio import encode
from core.errors import UserError


def test_a_format_that_this_ffmpeg_cannot_write_is_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(encode._ENCODERS, "mp3", ("-c:a", "libnone", "-f", "mp3"))
    pieces = iter([(np.zeros(2400, np.float32), 24_000)])
    with pytest.raises(UserError) as caught:
        list(encode.encode(pieces, "mp3"))
    assert caught.value.code == "audio.no_encoder" and caught.value.values["format"] == "mp3"
