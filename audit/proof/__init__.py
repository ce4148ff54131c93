"""The proof that the log is whole.

Entries in a fixed order are the leaves of a Merkle tree (RFC 6962). A signed checkpoint says: the tree has this many
leaves and this root. Whoever keeps a checkpoint can tell later whether any entry before it was edited, removed,
inserted or moved. Read ``merkle`` (the tree), ``notes`` (what is signed), ``sealer`` (how entries get in), ``checking``
(how the log is held against its checkpoints).
"""
