"""Two refreshes of one token at the same moment, in a process with a database file of its own: what SQLite does with
two connections cannot be seen in the memory that the tests share. Prints the two statuses and that of what was won."""

from __future__ import annotations

import threading

import django

django.setup()

from django.core.management import call_command  # noqa: E402
from django.db import connection  # noqa: E402
from django.test import Client  # noqa: E402

from accounts.services import create_user  # noqa: E402
from temps.lib.actor import Actor  # noqa: E402

PASSWORD = "correct horse battery staple 42"


def ask(path: str, **body: str) -> tuple[int, dict[str, str]]:
    answer = Client(headers={"host": "localhost"}).post(f"/api/v1/auth/{path}", body, content_type="application/json")
    return answer.status_code, answer.json()


def main() -> None:
    call_command("migrate", verbosity=0)
    create_user("owner@example.com", password=PASSWORD, actor=Actor.operator())
    _status, pair = ask("token", email="owner@example.com", password=PASSWORD)
    start = threading.Barrier(2)
    answers: list[tuple[int, dict[str, str]]] = []

    def go() -> None:
        start.wait()
        answers.append(ask("refresh", refresh=pair["refresh"]))
        connection.close()

    threads = [threading.Thread(target=go) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    won = [body["refresh"] for status, body in answers if status == 200]
    print(sorted(status for status, _body in answers), *(ask("refresh", refresh=token)[0] for token in won))


if __name__ == "__main__":
    main()
