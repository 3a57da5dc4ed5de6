"""One page to play with a model, served on loopback; it speaks the REST interface of TensorFlow Serving."""
