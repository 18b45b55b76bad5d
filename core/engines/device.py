"""The device that a setting stands for."""

from __future__ import annotations

import torch

from core.errors import UserError


def device_for(setting: str = "auto") -> str:
    """``"cuda"`` or ``"cpu"`` for the setting ``auto``, ``cuda`` or ``cpu``.

    Raises:
        UserError: ``device.no_cuda``: a card was demanded and none can be used.
    """
    if setting == "cpu":
        return "cpu"
    if torch.cuda.is_available():
        return "cuda"
    if setting == "cuda":
        raise UserError(
            "device.no_cuda",
            "No usable graphics card was found.",
            "Set the device to “auto”, or look at the System page for what is wrong with the driver.",
        )
    return "cpu"


def device_name(setting: str = "auto") -> str:
    """What computes for a setting: ``cpu``, or the card's name. Another one draws other random numbers from a seed.

    Raises:
        UserError: ``device.no_cuda``.
    """
    return torch.cuda.get_device_name() if device_for(setting) == "cuda" else "cpu"
