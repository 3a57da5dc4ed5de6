"""Images in one form, as training reads them: sharded TFRecord files with an index, rows by number.

`row` brings one image into the form, `preparing` all images of a source, `shards` writes and reads the files,
`record_dataset` is the data set. What a folder or an `.npz` holds is brought into this form once, in the cache;
`data convert` does it in a place that a person chooses.
"""
