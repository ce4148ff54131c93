"""What legal holds say of a person who is erased: whom they protected, who placed and who released them."""

from __future__ import annotations

from audit.redaction.person import Person
from audit.retention.models import LegalHold


def forget(person: Person) -> None:
    for hold in LegalHold.objects.all():
        named = {name: getattr(hold, name) for name in ("user_email", "reason", "created_by", "released_by")}
        out_of = person.out_of if hold.user_email.lower() in person.addresses else person.address_out_of
        said = {name: out_of(text) for name, text in named.items()}
        if said != named:
            said["reason"] = said["reason"][:200]
            LegalHold.objects.filter(pk=hold.pk).update(**said)
