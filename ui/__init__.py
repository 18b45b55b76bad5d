"""What people and programs talk to: the page, its strings, its server. No thresholds, no paths, no models."""

from pathlib import Path

ASSETS = Path(__file__).resolve().parent / "assets"
"""Scripts, styles and pictures that the page serves."""
