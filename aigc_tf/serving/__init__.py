"""Calls model servers, and stands in for TensorFlow Serving on a laptop; knows the wire and an export, no training."""
