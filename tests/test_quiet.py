"""Importing TensorFlow, and what training holds in memory beside it."""

import subprocess
import sys

from commands import TINY


def test_what_no_step_needs_is_not_imported_with_training_and_can_be_imported_afterwards():
    program = (
        "import sys\n"
        "from aigc_tf.quiet import import_tensorflow\n"
        "import_tensorflow()\n"
        "import aigc_tf.trainer\n"
        "unused = {'pandas', 'scipy', 'setuptools', 'sklearn', 'matplotlib', 'jinja2'}\n"
        "assert not unused & set(sys.modules), sorted(unused & set(sys.modules))\n"
        "import pandas\n"
        "from scipy import sparse\n"
        "print(pandas.Series([1, 2]).sum(), sparse.issparse(3))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert done.stdout == "3 False\n" and not done.stderr


def test_keras_does_not_bring_scipy_into_training_either_and_what_comes_behind_has_it(tmp_path):
    program = (
        "import sys\n"
        "from aigc_tf.quiet import import_tensorflow\n"
        "import_tensorflow()\n"
        "from aigc_tf import cli, trainer\n"
        "fit = trainer.fit\n"
        "def watched(session):\n"
        "    ending = fit(session)\n"
        "    print('in training:', 'scipy' in sys.modules)\n"
        "    return ending\n"
        "trainer.fit = watched\n"
        "status = cli.train_main()\n"
        "print('behind it:', 'scipy' in sys.modules, status)\n"
    )
    flags = [*TINY, "--steps", "2", "--logs", str(tmp_path), "--no-evaluate", "--no-export"]
    printed = subprocess.run([sys.executable, "-c", program, *flags], check=True, capture_output=True, text=True).stdout
    assert "in training: False\n" in printed and "behind it: True 0\n" in printed


def test_what_was_imported_before_tensorflow_stays():
    program = (
        "import sys, pandas\n"
        "from aigc_tf.quiet import import_tensorflow\n"
        "import_tensorflow()\n"
        "assert sys.modules['pandas'] is pandas\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
