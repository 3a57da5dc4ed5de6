"""What an evaluation looks like: a page to send to somebody, and a folder for TensorBoard.

`page.write` and `tensorboard.write` take the record of an evaluation and the evidence behind it. They measure nothing:
every number on the page is in the record. `words` puts figures into text, `pictures` and `plots` show the evidence.
"""
