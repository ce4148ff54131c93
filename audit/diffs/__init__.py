"""What a change did to the fields of an object: before and after, noticed by django-auditlog and sealed in the event.

A room says in its ``apps.py`` which models it wants watched (:func:`track`); ``audit.services.record`` takes what was
noticed since the last event of the transaction. Who acted, and from where, the event knows: none of auditlog's own ways
of finding out is used.
"""

from audit.diffs.tracking import is_tracked, track

__all__ = ["is_tracked", "track"]
