"""The commands of `python -m aigc_tf`: one file a command, none of which imports TensorFlow before it runs.

To add one: a file here with a frozen dataclass `Command` (its docstring is the help, its fields are the flags, its
method `run` does the work and returns the exit status), and its name in the line below; `_` in a file's name is `-` on
the command line. A folder whose `Command` is a registry, as `data` is, holds commands of its own.
"""

from aigc_tf.registry import Registry

COMMANDS = Registry(
    __name__,
    "Command",
    *("compare", "export", "list", "label", "rollback", "prune", "withdraw", "verify"),
    *("serve", "generate", "explore", "project", "playground", "conformance", "data", "board", "report", "tune"),
)
