"""What samples look like outside a tensor: one file a kind of file, such as PNG."""
