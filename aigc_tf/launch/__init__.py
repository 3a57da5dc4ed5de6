"""Starts the workers of one training, where nothing else does: `local` on this machine, `ray` on those of a Ray cluster."""
