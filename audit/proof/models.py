"""The tree as it is stored. Nobody has to trust these rows: each is checked against a signature."""

from __future__ import annotations

from django.db import models

from temps.lib import clock


class Tree(models.Model):
    """The one row that whoever seals holds locked, so that entries get their places one after the other."""

    origin = models.CharField(max_length=64, editable=False)
    """The name of this log, random: it stands in every checkpoint, so that those of two logs are never mixed up."""
    size = models.PositiveBigIntegerField(default=0, editable=False)
    old_until = models.BigIntegerField(default=0, editable=False)
    """The highest event key when the log was first sealed: events up to it may lack a code."""
    old_count = models.PositiveBigIntegerField(default=0, db_default=0, editable=False)
    """How many those were."""
    code = models.BinaryField(null=True, editable=False)
    """Proves that Temps set ``old_until`` and ``old_count``: else whoever can write it could have anything sealed."""
    foreign = models.PositiveBigIntegerField(default=0, editable=False)
    """Events found in the table that Temps did not write."""
    failure = models.CharField(max_length=300, blank=True, editable=False)
    """Why sealing failed last; empty when it works."""
    failed_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        constraints = (models.CheckConstraint(name="one_tree", condition=models.Q(id=1)),)

    def __str__(self) -> str:
        return f"{self.origin}, {self.size} entries"


class Tile(models.Model):
    """Up to 256 neighbouring hashes in one row, as in C2SP's tiled logs (https://c2sp.org/tlog-tiles).

    Level 0 holds leaves, each further level the roots of the full tiles below it.
    """

    level = models.PositiveSmallIntegerField(editable=False)
    index = models.PositiveBigIntegerField(editable=False)
    hashes = models.BinaryField(editable=False)

    class Meta:
        constraints = (models.UniqueConstraint(fields=("level", "index"), name="tile_once"),)

    def __str__(self) -> str:
        return f"tile {self.level}/{self.index}"


class Checkpoint(models.Model):
    size = models.PositiveBigIntegerField(unique=True, editable=False)
    note = models.TextField(editable=False)
    """The signed note; everything that counts is in it."""
    created_at = models.DateTimeField(default=clock.now, editable=False, db_index=True)

    class Meta:
        ordering = ("-size",)

    def __str__(self) -> str:
        return f"checkpoint at {self.size}"


class SigningKey(models.Model):
    """An Ed25519 key that signs checkpoints; the private half is sealed by the keyring."""

    key_id = models.CharField(max_length=8, unique=True, editable=False)
    public_key = models.BinaryField(editable=False)
    """For people who look at the table. Nothing reads it: whoever writes there could put in a key of their own."""
    sealed = models.BinaryField(editable=False)
    created_at = models.DateTimeField(default=clock.now, editable=False)

    class Meta:
        ordering = ("id",)

    def __str__(self) -> str:
        return f"signing key {self.key_id}"


class Retirement(models.Model):
    """Entries from position ``first`` to ``last``, both included, that retention removed."""

    first = models.PositiveBigIntegerField(editable=False)
    last = models.PositiveBigIntegerField(editable=False)
    note = models.TextField(editable=False)
    """The signed statement."""
    created_at = models.DateTimeField(default=clock.now, editable=False)

    class Meta:
        ordering = ("first",)
        indexes = (models.Index(fields=("last",), name="retirement_by_last"),)
        constraints = (
            models.CheckConstraint(name="retirement_is_a_range", condition=models.Q(first__lte=models.F("last"))),
        )

    def __str__(self) -> str:
        return f"entries {self.first} to {self.last}"


class Redaction(models.Model):
    """A signed statement about up to 256 entries that were redacted when a person was erased (``audit.redaction``)."""

    number = models.PositiveBigIntegerField(primary_key=True, editable=False)
    """From 1, without gaps: of two statements about one entry, the later counts."""
    note = models.TextField(editable=False)
    created_at = models.DateTimeField(default=clock.now, editable=False)

    class Meta:
        ordering = ("number",)

    def __str__(self) -> str:
        return f"redaction {self.number}"


class RedactedEntry(models.Model):
    """What one statement says of one entry. The stored tree keeps the hash that was sealed."""

    redaction = models.ForeignKey(Redaction, models.PROTECT, related_name="entries", editable=False)
    position = models.PositiveBigIntegerField(editable=False)
    leaf = models.BinaryField(editable=False)
    """The hash of the entry as it stands since then."""
    sealed = models.BinaryField(editable=False)
    """The hash as it was sealed, for ``temps audit recover``: nobody can compute it anew."""
    place = models.PositiveSmallIntegerField(editable=False)
    path = models.BinaryField(editable=False)
    """Where the entry stands in the statement, and the audit path from there to its root."""
    applied = models.BooleanField(default=False, editable=False)
    """Whether the entry has been rewritten by it: the triggers let that happen once (``audit.triggers``)."""

    class Meta:
        constraints = (models.UniqueConstraint(fields=("position", "redaction"), name="redacted_once_by_a_statement"),)

    def __str__(self) -> str:
        return f"entry {self.position} by redaction {self.redaction_id}"
