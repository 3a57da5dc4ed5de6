"""Where images come from: one file a source, each with `load(data_dir=None) -> ImageDataset`.

`DATASETS["mnist"](data_dir)` loads one; listing the names imports nothing. To add a data set, write one file with a
`load` of that signature and add its name here; its tests come along by themselves.
"""

from aigc_tf.registry import Registry

DATASETS = Registry(
    __name__,
    "load",
    "mnist",
    "mnist_5k",
    "fashion_mnist",
    "cifar10",
    "synthetic",
    "stacked_mnist",
    "stacked_mnist_5k",
)
