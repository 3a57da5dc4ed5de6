"""Which versions of a model exist, and which of them a model server serves under which label. No TensorFlow in here."""
