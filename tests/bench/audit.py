"""What the audit log costs, on an empty database that the environment names: run by ``python -m tests.bench``.

Writing is measured with processes of their own and with the keeper sealing beside them, against the same processes
writing the same rows with the plain INSERT that Django makes of a model; in turns, so that whatever else the machine
does slows both alike.
"""

from __future__ import annotations

import logging
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import django

django.setup()

from django.core.management import call_command  # noqa: E402
from django.db import connection, models, transaction  # noqa: E402

from audit.actions import Action  # noqa: E402
from audit.models import Event, Tree  # noqa: E402
from audit.proof import sealer  # noqa: E402
from audit.proof.checking import verify_log  # noqa: E402
from audit.proof.hashing import PROCESSES  # noqa: E402
from audit.proof.keys import verifiers  # noqa: E402
from audit.services import record  # noqa: E402
from temps.lib import clock, ids  # noqa: E402
from temps.lib.actor import Actor  # noqa: E402
from temps.lib.cli import show_table  # noqa: E402

EVENTS = 200
"""Written by each process in one turn."""
TURNS = 21
LARGE = 1_000_000
ME = "tests.bench.audit"


OPERATOR = Actor.operator()


def write_recorded() -> None:
    with transaction.atomic():
        record(OPERATOR, Action.PROJECT_UPDATE, ("project", "shop"), "changed shop", project="shop")


class PlainEvent(models.Model):
    """The same row in a table of its own, with the same indexes and nothing else about it."""

    class Meta:
        app_label = "audit"
        db_table = "plain_event"
        managed = False


for _field in Event._meta.fields:
    if not _field.primary_key:
        PlainEvent.add_to_class(_field.name, _field.clone())


def write_plain(row: dict[str, object]) -> None:
    with transaction.atomic():
        PlainEvent(**row | {"public_id": ids.new("evt"), "timestamp": clock.now()}).save(force_insert=True)


def writer() -> None:
    """A process that writes ``EVENTS`` the way each line on standard input says, and answers with a line."""
    write_recorded()
    example = Event.objects.filter(operation=Action.PROJECT_UPDATE).latest("id")
    row = {field.name: getattr(example, field.name) for field in Event._meta.fields if field.name != "id"}
    row["position"] = None
    print("ready", flush=True)
    for line in sys.stdin:
        for _ in range(EVENTS):
            if line.strip() == "recorded":
                write_recorded()
            else:
                write_plain(row)
        print("done", flush=True)


class Writers:
    def __init__(self, count: int) -> None:
        command = [sys.executable, "-m", ME, "writer"]
        pipe = subprocess.PIPE
        self.processes = [subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) for _ in range(count)]
        self._each_says_something()

    def _each_says_something(self) -> None:
        for process in self.processes:
            if process.stdout is None or not process.stdout.readline():
                raise RuntimeError("a writer ended early")

    def rate(self, how: str) -> float:
        """Events a second, all processes together."""
        start = time.perf_counter()
        for process in self.processes:
            assert process.stdin is not None
            process.stdin.write(f"{how}\n")
            process.stdin.flush()
        self._each_says_something()
        return EVENTS * len(self.processes) / (time.perf_counter() - start)

    def end(self) -> None:
        for process in self.processes:
            process.communicate()


def writing(processes: int) -> tuple[str, str, str, str]:
    """The ratio is the median of those of neighbouring turns; which way comes first changes from turn to turn."""
    writers = Writers(processes)
    taken: dict[str, list[float]] = {"recorded": [], "plain": []}
    for turn in range(TURNS):
        for how in sorted(taken, reverse=bool(turn % 2)):
            taken[how].append(writers.rate(how))
    writers.end()
    ratio = statistics.median(this / that for this, that in zip(*taken.values(), strict=True))
    recorded, plain = (statistics.median(rates) for rates in taken.values())
    what = f"events/s, {processes} writing : plain INSERTs of the same row"
    return what, f"{recorded:,.0f}", f"{plain:,.0f}", f"{ratio:.2f}"


def fill() -> float:
    """A large log, as an earlier version without sealing would have left it; how many entries a second are sealed."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO audit_event (public_id, timestamp, actor_kind, user_id, user_email, ip_address, user_agent, "
            "operation, resource_type, resource_id, description, metadata, result, project, request_id) "
            "SELECT 'evt_' || substr(md5(n::text), 1, 20), now() - (%s - n) * interval '10 seconds', 'user', "
            "'usr_' || substr(md5((n %% 50)::text), 1, 20), 'user' || n %% 50 || '@example.com', "
            "'192.0.2.' || n %% 250, 'Mozilla/5.0 (X11; Linux x86_64) Chrome/130.0', 'SECRET_UPDATE', 'variable', "
            "'API_URL', 'changed API_URL in production of shop', "
            "jsonb_build_object('credential', 'session', 'environment', 'production', 'version', n), "
            "'success', 'shop', md5((-n)::text) FROM generate_series(1, %s) AS n",
            [LARGE, LARGE],
        )
    start = time.perf_counter()
    sealed = sealer.seal_everything()
    return sealed / (time.perf_counter() - start)


def verifying() -> float:
    start = time.perf_counter()
    verdict = verify_log(verifiers(Tree.objects.get()), processes=PROCESSES)
    if not verdict.whole:
        raise RuntimeError(f"the log that was to be measured is not whole: {verdict.problems[0]}")
    return verdict.verified / (time.perf_counter() - start)


def exporting(file_format: str) -> tuple[float, float, float]:
    """Entries a second, peak memory in MB of the process that writes the file, and the size of the file in MB."""
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "log"
        days = ["--start-date", "2000-01-01", "--end-date", f"{clock.now():%Y-%m-%d}"]
        command = ["-m", "temps", "audit", "export", *days, "--format", file_format, "--file", str(file)]
        start = time.perf_counter()
        pid = os.posix_spawn(sys.executable, [sys.executable, *command], os.environ)
        _pid, status, usage = os.wait4(pid, 0)
        seconds = time.perf_counter() - start
        if status:
            raise RuntimeError("the export failed")
        return Event.objects.count() / seconds, usage.ru_maxrss / 1024, file.stat().st_size / 1e6


def rates() -> Iterator[tuple[str, str, str]]:
    yield f"sealing {LARGE:,} entries", f"{fill():,.0f} entries/s", ""
    # Before verifying, which takes memory here: the peak of a process counts from that of the one that started it.
    for file_format in ("json", "ndjson", "csv"):
        speed, memory, size = exporting(file_format)
        what = f"exporting them as {file_format} ({size:,.0f} MB)"
        yield what, f"{speed:,.0f} entries/s", f"peak memory {memory:,.0f} MB (250 at most)"
    yield "verifying them", f"{verifying():,.0f} entries/s", "(50,000 wanted)"


def measure_writing() -> None:
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE plain_event (LIKE audit_event INCLUDING ALL)")
    keeper = subprocess.Popen([sys.executable, "-m", "temps", "audit", "keep"], stdout=subprocess.DEVNULL)
    try:
        rows = [writing(processes) for processes in (1, 4)]
    finally:
        keeper.terminate()
        keeper.wait()
    show_table(("THIS : THAT", "THIS", "THAT", "RATIO"), rows, empty="nothing was measured")


def measure_reading() -> None:
    show_table(("THE AUDIT LOG", "RATE", ""), list(rates()), empty="nothing was measured")


PARTS = {"writing": measure_writing, "reading": measure_reading}


def main(part: str) -> None:
    logging.disable(logging.CRITICAL)
    call_command("migrate", verbosity=0)
    PARTS[part]()


if __name__ == "__main__":
    writer() if "writer" in sys.argv else main(sys.argv[1])
