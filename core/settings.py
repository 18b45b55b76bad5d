"""Settings: one field each, from VOICEWRIGHT_* variables, `.env`, or the command line."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Everything that can be set from outside. `.env.example` has a line for each field (a test sees to it)."""

    model_config = SettingsConfigDict(
        env_prefix="VOICEWRIGHT_", env_file=".env", env_file_encoding="utf-8", extra="ignore"
    )

    workspace: Path = Field(Path("~/voicewright"), description="Folder that holds projects and models.")
    host: str = Field("127.0.0.1", description="Address to listen on; any other than loopback needs a password.")
    port: int = Field(7860, ge=1, le=65535, description="Port to listen on.")
    root_path: str = Field("", description="Path prefix behind a reverse proxy, such as /voice.")
    user: str = Field("voicewright", description="User name asked for together with the password.")
    password: SecretStr | None = Field(None, description="Password of the page; needed for a non-loopback host.")
    allowed_hosts: str = Field("", description="Host names the page answers to besides localhost, comma-separated.")
    trusted_proxies: str = Field("", description="Addresses or networks of proxies on other computers.")
    language: str = Field("", description="Page language (en or pt-BR); empty lets the browser choose.")
    max_upload_mb: int = Field(4096, ge=1, description="Largest single upload in megabytes.")
    max_source_hours: float = Field(24.0, gt=0, description="Longest recording that is decoded, in hours.")
    resume_runs: bool = Field(False, description="Resume trainings that a power cut broke off when the server starts.")
    score_runs: bool = Field(False, description="Score a training's checkpoints as soon as it has ended.")
    device: str = Field("auto", description="auto, cuda or cpu.")
    speaking_idle_minutes: float = Field(
        10.0, ge=0, le=10_000, description="How long a voice stays loaded after it last spoke, in minutes."
    )
    speaking_patience_s: float = Field(
        120.0, gt=0, le=100_000, description="A voice that shows no sign of life for so long is ended and asked anew."
    )
    wyoming_port: int = Field(
        0, ge=0, le=65535, description="Port for home assistants, by the Wyoming protocol; 0: off."
    )
    wyoming_host: str = Field(
        "127.0.0.1", description="Address that port listens on; whoever reaches it may speak, without a password."
    )
    wandb_project: str = Field("", description="Weights & Biases project that gets a training's numbers; empty: none.")

    def workspace_folder(self) -> Path:
        """The workspace as an absolute path."""
        return self.workspace.expanduser().resolve()
