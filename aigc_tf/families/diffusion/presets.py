"""Recipes by name; docs/diffusion.md tells where they come from and what they reach."""

from __future__ import annotations

from typing import Any

PRESETS: dict[str, dict[str, Any]] = {"diffusion": {}}
