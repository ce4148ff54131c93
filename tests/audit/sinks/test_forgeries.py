"""What somebody put into the database, or changed there, is not sent as if it were the log."""

from __future__ import annotations

from pathlib import Path

import pytest

from audit.models import Checkpoint, Event, Tree
from audit.sinks import services
from audit.sinks.models import Sink
from audit.sinks.services import rewind_sink
from tests.audit.sinks.conftest import Run, Write
from tests.audit.sinks.receiver import Receiver
from tests.audit.tampering import put_in, sql
from tests.world import World

pytestmark = [pytest.mark.django_db, pytest.mark.promise("L-04", "L-07")]


@pytest.fixture(autouse=True)
def _own_data_dir(data_dir: Path) -> None:
    """A checkpoint file of the test's own."""


def sent(receiver: Receiver) -> str:
    return str([got.body for got in receiver.got])


def test_a_row_beyond_the_log_is_not_sent_and_hides_nothing(
    hook: Sink, write: Write, run: Run, receiver: Receiver
) -> None:
    write(3)
    put_in(position=999_999_999_999, description="forged")
    sink = run(hook)
    write(4)
    sink = run(hook)
    assert (sink.cursor, sink.state, "forged" in sent(receiver)) == (services.log_size(), "ok", False)
    assert receiver.positions == list(range(sink.cursor))


def test_an_altered_entry_stops_the_sink_in_front_of_it(hook: Sink, write: Write, run: Run, receiver: Receiver) -> None:
    write(3)
    bad = Tree.objects.get().size - 2
    sql("UPDATE audit_event SET description = 'altered' WHERE position = %s", bad)
    sink = run(hook)
    assert (sink.cursor, sink.state) == (bad, "failing")
    assert sink.last_error.startswith(f"entry {bad} is not what was sealed")
    assert receiver.positions == list(range(bad))


@pytest.mark.parametrize("column", ["metadata = '[]'", "timestamp = 'infinity'", "position = position + 1000"])
def test_an_entry_that_cannot_be_read_neither_ends_the_thread_nor_is_skipped(
    hook: Sink, write: Write, run: Run, receiver: Receiver, column: str
) -> None:
    write(1)
    bad = Tree.objects.get().size - 1
    sql(f"UPDATE audit_event SET {column} WHERE position = %s", bad)  # noqa: S608
    sink = run(hook)
    assert receiver.positions == list(range(bad))
    assert sink.cursor == bad


@pytest.mark.parametrize("sends", ["entries", "checkpoints"])
def test_a_sink_that_somebody_moved_beyond_the_log_says_so_until_it_is_set_back(
    world: World, hook: Sink, write: Write, run: Run, sends: str
) -> None:
    Sink.objects.update(cursor=10**12, sends=sends)
    write(2)
    sink = run(hook)
    assert (sink.state, "somebody moved it" in sink.last_error) == ("failing", True)
    rewind_sink(sink, 0, actor=world.operator)
    sink = run(hook)
    assert (sink.cursor, sink.state) == (services.log_size(), "ok")


@pytest.mark.parametrize("sends", ["entries", "checkpoints"])
def test_a_checkpoint_that_nobody_signed_is_not_sent_and_vouches_for_nothing(
    hook: Sink, write: Write, run: Run, receiver: Receiver, sends: str
) -> None:
    Sink.objects.update(sends=sends)
    write(2)
    Checkpoint.objects.create(size=10**12, note="temps-audit\n1000000000000\nAAAA\n")
    sink = run(hook)
    assert (sink.cursor, sink.state, receiver.got) == (0, "failing", [])
    assert "no key of this log signed" in sink.last_error


def test_entries_that_retention_removed_are_still_passed_over(
    hook: Sink, write: Write, run: Run, receiver: Receiver
) -> None:
    write(5)
    sql("DELETE FROM audit_event WHERE position IN (1, 2)")
    assert run(hook).state == "ok"
    left = Event.objects.filter(position__isnull=False).order_by("position")
    assert receiver.positions == list(left.values_list("position", flat=True))
