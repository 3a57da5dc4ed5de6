"""Importing TensorFlow, and what training holds in memory beside it."""

import subprocess
import sys


def test_what_no_step_needs_is_not_imported_with_training_and_can_be_imported_afterwards():
    program = (
        "import sys\n"
        "from aigc_tf.quiet import import_tensorflow\n"
        "import_tensorflow()\n"
        "import aigc_tf.trainer\n"
        "unused = {'pandas', 'setuptools', 'sklearn', 'scipy.stats', 'matplotlib', 'jinja2'}\n"
        "assert not unused & set(sys.modules), sorted(unused & set(sys.modules))\n"
        "import pandas\n"
        "print(pandas.Series([1, 2]).sum())\n"
    )
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert done.stdout == "3\n" and not done.stderr


def test_what_was_imported_before_tensorflow_stays():
    program = (
        "import sys, pandas\n"
        "from aigc_tf.quiet import import_tensorflow\n"
        "import_tensorflow()\n"
        "assert sys.modules['pandas'] is pandas\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
