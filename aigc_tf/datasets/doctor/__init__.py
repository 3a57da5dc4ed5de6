"""The doctor of a folder of images: looks at every file before anything is trained on them, and writes a clean copy.

`survey.examine` looks (`scan` at one file, `layout` at its split and class, `duplicates` at all together), `findings`
says what it means, `statistics` and `picture` show the set, `fix` writes the copy. Nothing here imports TensorFlow,
and nothing changes the folder. Files are decoded by `datasets/image_reader`, as for judging and training.
"""
