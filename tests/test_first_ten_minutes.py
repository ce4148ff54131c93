"""The first ten minutes of a newcomer, as the README tells them: the installed ``temps`` command against a server that
really runs, from an empty data directory to the audit log that tells of each step."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import psycopg
import psycopg.sql
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256

from temps.lib import clock
from tests import peers
from tests.fixtures.real_world import ENV_FILE, EXPECTED, SECRET_VALUES
from tests.machine import TEMPS, Machine

pytestmark = pytest.mark.xdist_group("first_ten_minutes")


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    home = tmp_path_factory.mktemp("machine")
    machine = Machine(home / "data", peers.free_port())
    machine.home.mkdir()
    server = os.environ.get("TEMPS_TEST_DATABASE_URL", "")
    if server:
        machine.database_url = _own_database(server, f"walk_{machine.port}")
    log = home / "up.log"
    command = [str(TEMPS), "up", "--bind", f"127.0.0.1:{machine.port}"]
    with peers.running(command, log=log, env=machine.environment) as process:
        peers.wait_for(
            lambda: process.poll() is not None or "Ctrl-C stops everything" in log.read_text(), "temps up", seconds=120
        )
        assert process.poll() is None, log.read_text()
        yield machine
        children = _children_of(process.pid)
        assert len(children) >= 3
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0, log.read_text()
    assert not peers.accepts(machine.port)
    assert not any(Path(f"/proc/{child}").exists() for child in children)
    machine.said.append(log.read_text())
    for value in SECRET_VALUES:
        assert not any(value in text for text in machine.said), "a value was printed or logged"


def _own_database(server: str, name: str) -> str:
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    return server.rpartition("/")[0] + f"/{name}"


def _children_of(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@pytest.fixture(scope="module")
def project(machine: Machine) -> str:
    machine.temps("project", "create", "--name", "My App")
    return "my-app"


@pytest.fixture(scope="module")
def imported(machine: Machine, project: str) -> str:
    machine.temps("env", "import", "--project", project, "--file", str(ENV_FILE), "--encrypted")
    return project


@pytest.fixture(scope="module")
def key(machine: Machine, project: str) -> str:
    printed = machine.temps("api-key", "create", "--name", "CI/CD Key", "--scopes", "deployments:create,projects:read")
    found = re.search(r"\btmp_\S+", printed)
    assert found, printed
    return found.group()


@pytest.mark.promise("O-01", "A-13")
def test_the_setup_link_leads_to_the_first_administrator(machine: Machine) -> None:
    printed = (machine.home.parent / "up.log").read_text()
    found = re.search(r"http://localhost:\d+(/\S+)", printed.split("become the first")[1])
    assert found
    status, page = machine.request("GET", found.group(1))
    assert status == 200
    assert 'type="password"' in page
    assert machine.request("GET", "/")[0] == 302


def test_an_administrator_for_unattended_set_up(machine: Machine) -> None:
    arguments = ("user", "create", "--email", "Admin@Example.com", "--role", "admin", "--password-stdin")
    machine.temps(*arguments, stdin="a long and unguessable phrase 7\n")
    rows = machine.json("user", "permissions", "--email", "admin@example.com")
    assert {row["permission"] for row in rows} >= {"secrets:reveal", "audit:export"}


@pytest.mark.promise("S-07", "S-08", "S-09")
def test_a_program_sees_exactly_the_forty_lines(machine: Machine, imported: str) -> None:
    script = "import json, os; print(json.dumps(dict(os.environ)))"
    command = ("run", "--project", imported, "--env", "production", "--", sys.executable, "-c", script)
    done = subprocess.run([str(TEMPS), *command], env=machine.environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    assert {name: seen.get(name) for name in EXPECTED} == EXPECTED
    assert set(seen) - set(machine.environment) - set(EXPECTED) <= {"LC_CTYPE"}


@pytest.mark.promise("S-09")
def test_the_exit_code_of_the_program_passes_through(machine: Machine, imported: str) -> None:
    command = [str(TEMPS), "run", "--project", imported, "--", sys.executable, "-c", "import sys; sys.exit(37)"]
    assert subprocess.run(command, env=machine.environment).returncode == 37


@pytest.mark.promise("S-01")
def test_no_value_stands_in_the_data_directory(machine: Machine, imported: str) -> None:
    stored = b"".join(path.read_bytes() for path in machine.home.rglob("*") if path.is_file())
    if machine.database_url:
        stored = _dump(machine.database_url)
    assert b"PASSWORD_WITH_HASH" in stored, "looked in the wrong place"
    for value in SECRET_VALUES:
        assert value.encode() not in stored
        assert json.dumps(value)[1:-1].encode() not in stored


AS_TEXT = "SELECT convert_to(t::text, 'UTF8') FROM {} t"


def _dump(url: str) -> bytes:
    with psycopg.connect(url) as connection:
        tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
        rows = [
            bytes(row)
            for (table,) in tables
            for (row,) in connection.execute(psycopg.sql.SQL(AS_TEXT).format(psycopg.sql.Identifier(table)))
        ]
        raw = [
            bytes(row[0]) for row in connection.execute("SELECT sealed FROM secrets_vault_variableversion") if row[0]
        ]
    return b"\n".join(rows + raw)


@pytest.mark.promise("A-08")
def test_the_key_reads_the_project_and_nothing_beyond_its_scopes(machine: Machine, imported: str, key: str) -> None:
    status, body = machine.request("GET", f"/api/v1/projects/{imported}/", key=key)
    assert (status, body["slug"]) == (200, imported)
    assert machine.request("GET", f"/api/v1/projects/{imported}/variables/", key=key)[0] == 403
    assert machine.request("GET", "/api/v1/firewall/rules/", key=key)[0] == 403
    assert machine.request("DELETE", f"/api/v1/projects/{imported}/", key=key)[0] == 403
    assert machine.request("GET", "/api/v1/projects/", key=key[:-1] + ("x" if key[-1] != "x" else "y"))[0] == 401
    assert machine.request("GET", "/api/v1/projects/")[0] == 401


@pytest.mark.promise("A-09")
def test_a_revoked_key_is_refused_from_the_next_request(machine: Machine, project: str) -> None:
    printed = machine.temps("api-key", "create", "--name", "Temp Key", "--expires-in", "30d")
    key = re.search(r"\btmp_\S+", printed)
    assert key
    assert machine.request("GET", "/api/v1/projects/", key=key.group())[0] == 200
    rows = machine.json("api-key", "list")
    machine.temps("api-key", "revoke", "--key-id", next(row["id"] for row in rows if row["name"] == "Temp Key"))
    assert machine.request("GET", "/api/v1/projects/", key=key.group())[0] == 401


@pytest.mark.promise("F-01", "F-03")
def test_a_blocked_address_gets_403_within_a_second(machine: Machine) -> None:
    assert machine.request("GET", "/healthz", source="127.0.0.9")[0] == 200
    assert machine.request("GET", "/accounts/login/", source="127.0.0.9")[0] == 200
    machine.temps("firewall", "block", "--ip", "127.0.0.9", "--reason", "the first ten minutes")
    peers.wait_for(
        lambda: machine.request("GET", "/accounts/login/", source="127.0.0.9")[0] == 403, "the block", seconds=1
    )
    assert machine.request("GET", "/accounts/login/")[0] == 200
    machine.temps("firewall", "unblock", "--ip", "127.0.0.9")
    peers.wait_for(
        lambda: machine.request("GET", "/accounts/login/", source="127.0.0.9")[0] == 200, "the end of it", seconds=1
    )


@pytest.mark.promise("F-06")
def test_limited_answers_carry_the_three_headers(machine: Machine, key: str) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", machine.port, timeout=30)
    with contextlib.closing(connection):
        connection.request("GET", "/api/v1/", headers={"Accept": "application/json"})
        answer = connection.getresponse()
    assert int(answer.headers["X-RateLimit-Remaining"]) < int(answer.headers["X-RateLimit-Limit"])
    assert int(answer.headers["X-RateLimit-Reset"]) > 1_700_000_000


# Bad input: one line, an exit status, and nothing changed.


def test_a_malformed_line_is_named_and_nothing_is_imported(machine: Machine, project: str, tmp_path: Path) -> None:
    bad = tmp_path / ".env"
    bad.write_text('FRESH=1\nthis line is no assignment hunter3\nOTHER="open\n')
    error = machine.temps("env", "import", "--project", project, "--env", "staging", "--file", str(bad), fails=True)
    assert error.startswith("error: ")
    assert "line 2" in error
    assert "hunter3" not in error
    assert all(row["key"] != "FRESH" for row in machine.json("env", "list", "--project", project, "--env", "staging"))


def test_an_unknown_role_makes_no_user(machine: Machine) -> None:
    error = machine.temps("user", "create", "--email", "x@example.com", "--role", "king", fails=True)
    assert one_line(error)
    assert "king" in error
    assert "developer" in error
    assert "x@example.com" not in machine.temps("user", "list")


def test_a_network_that_is_none_makes_no_rule(machine: Machine) -> None:
    error = machine.temps("firewall", "block", "--ip", "10.0.0.0/33", fails=True)
    assert one_line(error)
    assert "10.0.0.0/33" in error
    assert "10.0.0" not in machine.temps("firewall", "list")


def test_a_certificate_whose_key_does_not_match_is_not_kept(machine: Machine, tmp_path: Path) -> None:
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    made = self_signed("example.org")
    certificate.write_text(made[0])
    key.write_text(self_signed("example.org")[1])
    machine.temps("domain", "add", "--domain", "example.org", "--tls", "manual")
    files = ("--cert", str(certificate), "--key", str(key))
    error = machine.temps("domain", "upload-cert", "--domain", "example.org", *files, fails=True)
    assert "error: " in error
    assert "key" in error.split("error: ")[1]
    assert "PRIVATE" not in error
    assert machine.json("domain", "cert-status", "--domain", "example.org")["certificate"] is None


def test_the_api_answers_400_to_bad_input_and_changes_nothing(machine: Machine, project: str) -> None:
    scopes = "firewall:read,firewall:write,secrets:read,secrets:write,projects:read"
    printed = machine.temps("api-key", "create", "--name", "Writer", "--scopes", scopes)
    found = re.search(r"\btmp_\S+", printed)
    assert found
    rules, variables = "/api/v1/firewall/rules/", f"/api/v1/projects/{project}/variables/"
    before = [machine.request("GET", path, key=found.group())[1] for path in (rules, variables)]
    rule = {"action": "block", "network": "10.0.0.0/33"}
    assert machine.request("POST", rules, rule, key=found.group())[0] == 400
    malformed = {"text": "FINE=1\nnot an assignment\n"}
    status, problem = machine.request("POST", f"{variables}import/", malformed, key=found.group())
    assert status == 400
    assert "line 2" in json.dumps(problem)
    assert [machine.request("GET", path, key=found.group())[1] for path in (rules, variables)] == before


def self_signed(name: str) -> tuple[str, str]:
    """A certificate for ``name`` and its key, as PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = clock.now()
    builder = x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=30))
    certificate = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), False).sign(key, SHA256())
    pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain)
    return certificate.public_bytes(pem).decode(), private.decode()


def test_a_missing_key_file_stops_commands_and_start(machine: Machine, imported: str) -> None:
    ring = machine.home / "encryption_key"
    away = ring.with_name("away")
    ring.rename(away)
    try:
        listing = ("env", "list", "--project", imported, "--show-secrets")
        for arguments in (listing, ("env", "set", "--project", imported, "--key", "A", "--value", "b", "--encrypted")):
            error = machine.temps(*arguments, fails=True)
            assert one_line(error)
            assert re.search(r"\b[0-9a-f]{16}\b", error), "names the fingerprint"
        assert machine.request("GET", "/readyz")[0] == 503
        assert not ring.exists(), "a new key was made silently"
    finally:
        away.rename(ring)
    assert machine.request("GET", "/readyz")[0] == 200


def one_line(error: str) -> bool:
    return error.startswith("error: ") and error.count("\n") == 1


@pytest.mark.promise("L-01", "L-02", "L-05")
def test_the_audit_log_tells_of_each_step(machine: Machine, imported: str, key: str) -> None:
    machine.temps("user", "create", "--email", "dev@example.com", "--role", "developer")
    machine.temps("run", "--project", imported, "--", "true")
    machine.temps("firewall", "block", "--ip", "192.0.2.99")
    machine.temps("firewall", "unblock", "--ip", "192.0.2.99")
    assert machine.request("DELETE", f"/api/v1/projects/{imported}/", key=key)[0] == 403
    entries = machine.json("audit", "logs", "--limit", "200")
    operations = {entry["operation"] for entry in entries}
    assert operations >= {
        *("SYSTEM_START", "USER_CREATE", "ROLE_ASSIGN", "PROJECT_CREATE", "API_KEY_CREATE", "SECRET_CREATE"),
        *("IP_RULE_CREATE", "IP_RULE_DELETE", "SECRET_USE", "PERMISSION_CHECK"),
    }
    assert list(entries[0]) == [
        *("timestamp", "userId", "userEmail", "ipAddress", "userAgent", "operation", "resourceType", "resourceId"),
        *("description", "metadata", "result"),
    ]
    denied = [entry for entry in entries if entry["result"] == "denied"]
    assert any(entry["metadata"].get("credential") == "api_key" for entry in denied)
    assert "SECRET" in machine.temps("audit", "logs", "--limit", "200")


def test_every_command_that_is_documented_has_its_help(machine: Machine) -> None:
    for noun in ("up", "user", "project", "env", "run", "api-key", "firewall", "domain", "audit"):
        assert "Usage" in machine.temps(noun, "--help")
