"""Look after images of your own: check a folder of them, convert them into records.

One file a command, as in the folder above.
"""

from aigc_tf.registry import Registry

Command = Registry(__name__, "Command", "check", "convert")
