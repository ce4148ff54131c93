"""What wrong passwords from everywhere, 500 a second, do to everybody else. Run by ``python -m tests.bench``, with a
server as ``temps up`` starts it, on an empty database that the environment names.

Each comes from another loopback address, for another account, so that no limit on addresses or accounts helps: what is
measured is the bound on hashing. They come from a process of their own, which shares the processors with the server.
"""

from __future__ import annotations

import asyncio
import collections
import http.client
import json
import logging
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import django

django.setup()

from django.core.management import call_command  # noqa: E402
from django.db import connection  # noqa: E402

from accounts.api_keys import create_api_key  # noqa: E402
from accounts.services import create_user  # noqa: E402
from projects.services import create_project  # noqa: E402
from rbac.services import assign_role  # noqa: E402
from temps.lib.actor import Actor  # noqa: E402
from temps.management.commands.up import web_command  # noqa: E402
from tests import peers  # noqa: E402
from tests.world import acting  # noqa: E402

PER_SECOND, SECONDS, PATIENCE_SECONDS = 500, 15, 5
ASKED = 200
"""Requests of which the times are taken, and as many for warming up."""
PAUSE_SECONDS = 0.03


async def attack(port: int) -> None:
    """Wrong passwords at a steady rate, whether or not they are answered; at the end, the answers by status."""
    answers: collections.Counter[str] = collections.Counter()
    begun = time.monotonic()
    tries = []
    for number in range(PER_SECOND * SECONDS):
        await asyncio.sleep(begun + number / PER_SECOND - time.monotonic())
        tries.append(asyncio.create_task(_try(port, number, answers)))
    sent_in = time.monotonic() - begun
    _answered, unanswered = await asyncio.wait(tries, timeout=PATIENCE_SECONDS)
    for one in unanswered:
        one.cancel()
    answers["none"] = len(unanswered)
    print(json.dumps({"answers": dict(sorted(answers.items())), "rate": len(tries) / sent_in}))


async def _try(port: int, number: int, answers: collections.Counter[str]) -> None:
    source = f"127.{1 + number // 60000}.{number // 250 % 240}.{1 + number % 250}"
    body = json.dumps({"email": f"person{number}@example.com", "password": "wrong"})
    head = "POST /api/v1/auth/token HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=(source, 0))
        writer.write(f"{head}Content-Length: {len(body)}\r\nConnection: close\r\n\r\n{body}".encode())
        answers[(await reader.readline()).split()[1].decode()] += 1
        writer.close()
    except (OSError, IndexError) as error:
        answers[type(error).__name__] += 1


def ask(port: int, key: str) -> list[float]:
    """Seconds for each of so many requests of somebody else."""
    taken = []
    server = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    for _ in range(ASKED):
        start = time.perf_counter()
        server.request("GET", "/api/v1/projects/", headers={"Host": "localhost", "Authorization": f"Bearer {key}"})
        answer = server.getresponse()
        answer.read()
        taken.append(time.perf_counter() - start)
        if answer.status != 200:
            raise RuntimeError(f"somebody else was answered with {answer.status}")
        time.sleep(PAUSE_SECONDS)
    return taken


def p95(taken: list[float]) -> float:
    """In milliseconds."""
    return statistics.quantiles(taken, n=20)[-1] * 1000


def main() -> None:
    logging.disable(logging.CRITICAL)
    call_command("migrate", verbosity=0)
    operator = Actor.operator()
    owner = create_user("owner@example.com", actor=operator)
    assign_role(owner, "owner", project=create_project("Shop", actor=operator), actor=operator)
    _key, key = create_api_key("bench", owner=owner, actor=acting(owner))
    connection.close()
    port = peers.free_port()
    with (
        tempfile.TemporaryDirectory() as directory,
        peers.running(web_command("127.0.0.1", port), log=Path(directory) / "log"),
    ):
        peers.wait_for(lambda: peers.accepts(port), "the server answering")
        ask(port, key)
        idle = p95(ask(port, key))
        command = [sys.executable, "-m", "tests.bench.storm", str(port)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as attacker:
            time.sleep(1)
            busy = p95(ask(port, key))
            told, _none = attacker.communicate()
    storm = json.loads(told)
    print(f"wrong passwords: {storm['rate']:.0f} a second, answered with {storm['answers']}")
    print(f"others' requests, p95: {idle:.1f} ms idle, {busy:.1f} ms meanwhile: {busy / idle:.1f} times (3 at most)")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        asyncio.run(attack(int(sys.argv[1])))
    else:
        main()
