"""The servers out of wheels: started once, by whoever comes first, found again after crashes, stopped by whoever leaves last."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest
import redis as redis_client

from warehouse import embedded, servers

ROOT = Path(embedded.__file__).resolve().parent.parent


@pytest.fixture
def local_dir() -> Iterator[Path]:
    yield from a_directory()


@pytest.fixture
def second_dir() -> Iterator[Path]:
    yield from a_directory()


def a_directory() -> Iterator[Path]:
    # Not below pytest's own directory, which is private to its user.
    directory = Path(tempfile.mkdtemp(prefix="embedded-"))
    directory.chmod(0o755)
    yield directory
    embedded.leave(directory)
    embedded.stop(directory, force=True)
    assert embedded.clean(directory)


def spawn(local_dir: Path, *command: str) -> subprocess.Popen[str]:
    arguments = [sys.executable, "-m", "warehouse.embedded", "--local-dir", str(local_dir), *command]
    return subprocess.Popen(arguments, cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def output(process: subprocess.Popen[str]) -> str:
    out, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    return out


USER = """
import pathlib, sys
from warehouse import embedded, servers
directory = pathlib.Path(sys.argv[1])
print(embedded.database_url(directory), embedded.redis_url(directory), flush=True)
sys.stdin.read()
"""


def user(local_dir: Path) -> subprocess.Popen[str]:
    """A process that uses the servers until its input ends."""
    command = [sys.executable, "-c", USER, str(local_dir)]
    process = subprocess.Popen(command, cwd=ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline().startswith("postgres://")
    return process


def end(process: subprocess.Popen[str]) -> None:
    process.communicate(timeout=60)


def running(local_dir: Path) -> list[bool]:
    return [service.is_running() for service in embedded.services(local_dir)]


def server_pids(local_dir: Path) -> tuple[int, int]:
    postgres, valkey = embedded.services(local_dir)
    postmaster = int((postgres.data / "postmaster.pid").read_text().splitlines()[0])
    with redis_client.Redis.from_url(valkey.url) as client:
        return postmaster, client.info("server")["process_id"]


def test_two_that_start_at_once_get_the_same_servers_and_the_last_one_stops_them(local_dir: Path) -> None:
    show = "import os; print(os.environ['DATABASE_URL'], os.environ['REDIS_URL'])"
    both = [spawn(local_dir, "run", "--", sys.executable, "-c", show) for _ in range(2)]
    first, second = (output(process) for process in both)
    assert first == second
    assert running(local_dir) == [False, False]


def test_servers_stay_while_another_process_uses_them(local_dir: Path) -> None:
    one, two = user(local_dir), user(local_dir)
    end(one)
    assert running(local_dir) == [True, True]
    assert output(spawn(local_dir, "status")).count("stopped") == 0
    refused = spawn(local_dir, "stop")
    assert refused.communicate(timeout=60)[1].startswith("The servers are in use")
    assert refused.returncode == 1
    end(two)
    assert running(local_dir) == [False, False]


def test_a_killed_user_counts_no_longer(local_dir: Path) -> None:
    one, two = user(local_dir), user(local_dir)
    one.kill()
    one.communicate(timeout=60)
    end(two)
    assert running(local_dir) == [False, False]


def test_what_was_committed_survives_the_servers_being_killed(local_dir: Path) -> None:
    holder = user(local_dir)
    with psycopg.connect(embedded.database_url(local_dir)) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 1 AS number")
    with redis_client.Redis.from_url(embedded.redis_url(local_dir)) as client:
        client.config_set("appendfsync", "always")
        client.set("kept", 1)
    before = [service.url for service in embedded.services(local_dir)]
    for pid in server_pids(local_dir):
        os.kill(pid, signal.SIGKILL)
        psutil.wait_procs([psutil.Process(pid)] if psutil.pid_exists(pid) else [], timeout=10)
    assert running(local_dir) == [False, False]

    assert [embedded.database_url(local_dir), embedded.redis_url(local_dir)] == before
    with psycopg.connect(embedded.database_url(local_dir)) as connection:
        assert connection.execute("SELECT number FROM kept").fetchone() == (1,)
    with redis_client.Redis.from_url(embedded.redis_url(local_dir)) as client:
        assert client.get("kept") == b"1"
    end(holder)


def test_a_stale_pid_file_that_names_somebody_elses_process_does_not_keep_the_server_down(local_dir: Path, second_dir: Path) -> None:
    output(spawn(local_dir, "run", "--", "true"))
    postgres, _ = embedded.services(local_dir)
    # The process of another server which runs as the same user.
    holder = user(second_dir)
    other = server_pids(second_dir)[0]
    stale = postgres.data / "postmaster.pid"
    stale.write_text(f"{other}\n{postgres.data}\n{int(time.time())}\n{servers.read_port(local_dir, 'postgres')}\n\n127.0.0.1\n\nready\n")
    os.chown(stale, postgres.data.stat().st_uid, postgres.data.stat().st_gid)
    assert output(spawn(local_dir, "run", "--", "echo", "started")) == "started\n"
    assert psutil.pid_exists(other)
    end(holder)


def test_a_taken_port_is_left_to_its_owner(local_dir: Path) -> None:
    output(spawn(local_dir, "run", "--", "true"))
    before = {name: servers.read_port(local_dir, name) for name in ("postgres", "valkey")}
    with socket.socket() as one, socket.socket() as two:
        for taken, port in zip((one, two), before.values(), strict=True):
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            taken.bind(("127.0.0.1", port))
            taken.listen()
        output(spawn(local_dir, "run", "--", "true"))
    after = {name: servers.read_port(local_dir, name) for name in ("postgres", "valkey")}
    assert all(after[name] not in {0, *before.values()} for name in before)


def test_the_database_sorts_by_code_point_syncs_to_disk_and_needs_no_extension(local_dir: Path) -> None:
    holder = user(local_dir)
    with psycopg.connect(embedded.database_url(local_dir)) as connection:
        for setting, expected in (("fsync", "on"), ("synchronous_commit", "on"), ("max_connections", "100"), ("shared_buffers", "256MB")):
            assert connection.execute(f"SHOW {setting}").fetchone() == (expected,)
        locale = connection.execute("SELECT datlocprovider::text, datlocale FROM pg_database WHERE datname = current_database()").fetchone()
        assert locale == ("b", "C.UTF-8")
        assert connection.execute("SELECT extname FROM pg_extension").fetchall() == [("plpgsql",)]
    with redis_client.Redis.from_url(embedded.redis_url(local_dir)) as client:
        assert client.config_get("appendonly")["appendonly"] == "yes"
        assert client.config_get("maxmemory-policy")["maxmemory-policy"] == "noeviction"
    end(holder)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has to hand the server to another user")
def test_root_below_a_private_directory_serves_from_a_place_the_servers_user_can_reach(tmp_path: Path) -> None:
    private = tmp_path / "private"
    private.mkdir(mode=0o700)
    local_dir = private / ".local"
    try:
        assert output(spawn(local_dir, "run", "--", "echo", "started")) == "started\n"
        assert servers.Postgres(local_dir).home == servers.outside_home(local_dir)
    finally:
        assert output(spawn(local_dir, "clean")) == ""
    assert not local_dir.exists()
    assert not servers.outside_home(local_dir).exists()


def test_a_platform_without_a_server_is_told_what_to_do(local_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.system", lambda: "Plan9")
    with pytest.raises(servers.EmbeddedServiceError, match="Set REDIS_URL"):
        servers.Valkey(local_dir).start()
