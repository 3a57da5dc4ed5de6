"""What models are built from: layers, losses, penalties, optimizers, the moving average; no family, no run, no flag."""
