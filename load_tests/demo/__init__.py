"""`anbu demo`: a neighbourhood through the whole pipeline at high speed."""
