"""What a model can make, for whoever has a run or an export: ways through it, and the way back from an image.

What a model can do is read off its contract, so no family is known here: `Decoder` asks a signature that decodes,
`ways` makes pictures of it, `sweeps` of what steers sampling, `originals` of what was learned, `projecting` finds the
vector that a given image is made of.
"""
