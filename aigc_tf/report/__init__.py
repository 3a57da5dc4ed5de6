"""What an evaluation and a run look like: pages to send to somebody, and folders for TensorBoard.

`page.write` and `tensorboard.write` take the record of an evaluation and the evidence behind it. They measure nothing:
every number on the page is in the record. `words` puts figures into text, `pictures` and `plots` show the evidence.
`run_page.write` takes the folder of a run and reads all of it there: `growth` shows how the samples came to be,
`event_pictures` what TensorBoard has, `curves` what was measured meanwhile, `judgements` what came of it, and `using`
what one can do with it. `html` makes files of both pages.
"""
