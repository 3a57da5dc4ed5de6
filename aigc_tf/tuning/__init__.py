"""Searches for settings with which a family learns better in the same time: `python -m aigc_tf tune`."""
