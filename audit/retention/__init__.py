"""How long entries are kept, what is held beyond that, and how what goes leaves the proof whole."""
