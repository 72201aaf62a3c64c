"""Images in and out: decode a file, fit a picture to a shape, encode a result. Needs Pillow, numpy and torch."""
