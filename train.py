#!/usr/bin/env python3
"""`python train.py --help` says what it does; everything is in `aigc_tf.cli`."""

from aigc_tf import python_version

python_version.check()

from aigc_tf import interruption  # noqa: E402 - only a supported Python may import more

interruption.leave_imports_at_once()

from aigc_tf.cli import train_main  # noqa: E402

if __name__ == "__main__":
    raise SystemExit(train_main())
