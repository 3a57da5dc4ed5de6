"""Starts the workers of one training where nothing else does: `local` on this machine, `ray` on a Ray cluster."""
