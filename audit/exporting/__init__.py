"""The log as files: which entries, in which format, with what an outsider needs to verify them."""
