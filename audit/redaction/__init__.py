"""Pseudonyms in the audit log: what is left of a person who was erased.

Read ``person`` (how a text is rid of somebody), ``entries`` (rewriting what is sealed, under a signed statement),
``services`` (the one way in) and ``places`` (copies of the log elsewhere, each of which knows how to forget).
"""
