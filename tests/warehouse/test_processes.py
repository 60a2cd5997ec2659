"""`make run`: every process of the Procfile lives, comes back when it dies alone, and is gone when the supervisor is."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from warehouse.processes import port_is_free

REPOSITORY = Path(__file__).resolve().parent.parent.parent
# Preparing the site needs its database; what is tested here is what comes after.
PARTNERS = ("ORDER_SYSTEM_URL", "DELIVERY_URL", "ALLEGRO_MICROSERVICE_BASE_URL", "ALLEGRO_REST_BASE_URL")
MAIN = "import sys; from warehouse import processes; processes.PREPARE = ['true']; sys.exit(processes.main())"


class Site:
    """A directory with a Procfile of shell loops and a supervisor for it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        needed = (0, 1, *range(91, 96))
        self.port = next(port for port in iter(lambda: random.randrange(12_000, 30_000), 0) if all(port_is_free(port + each) for each in needed))
        self.supervisors: list[subprocess.Popen[str]] = []

    def start(self, **more: str) -> subprocess.Popen[str]:
        given = {"DATABASE_URL": "postgres://elsewhere/wms", "REDIS_URL": "redis://elsewhere", **dict.fromkeys(PARTNERS, "")}
        places = {"SITE_ROOT": str(self.root), "LOCAL_DIR": str(self.root / ".local"), "PORT": str(self.port)}
        supervisor = subprocess.Popen(
            [sys.executable, "-c", MAIN],
            cwd=REPOSITORY,
            env=os.environ | given | places | more,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        self.supervisors.append(supervisor)
        return supervisor

    def pid(self, name: str) -> int:
        """The process that wrote its number last."""
        file = self.root / f"{name}.pid"
        assert until(lambda: file.exists() and file.read_text().endswith("\n")), self.end()
        return int(file.read_text())

    def end(self) -> str:
        """What the last supervisor has to say for itself."""
        self.supervisors[-1].terminate()
        return f"ended with {self.supervisors[-1].wait(30)}: {self.supervisors[-1].communicate()[0]}"

    def procfile(self, *names: str) -> None:
        # The child shows whether a whole group ends and not only its leader.
        loop = "sh -c 'sleep 1000 & echo $$ > {0}.pid; wait'"
        (self.root / "Procfile").write_text("".join(f"{name}: {loop.format(name)}\n" for name in names))

    def alive(self) -> list[int]:
        found = [process for process in psutil.process_iter(["cwd", "status"]) if process.info["cwd"] == str(self.root)]
        return [process.pid for process in found if process.info["status"] != psutil.STATUS_ZOMBIE]


def until(condition: Callable[[], bool], seconds: float = 60) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


@contextlib.contextmanager
def taken(port: int) -> Iterator[None]:
    """Another program has this port."""
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", port))
        other.listen()
        yield


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    site = Site(tmp_path)
    yield site
    for supervisor in site.supervisors:
        supervisor.kill()
    for pid in site.alive():
        os.kill(pid, signal.SIGKILL)


def test_a_killed_process_comes_back_and_the_others_do_not_notice(site: Site) -> None:
    site.procfile("web", "worker")
    site.start()
    web, worker = site.pid("web"), site.pid("worker")
    os.kill(worker, signal.SIGKILL)
    assert until(lambda: site.pid("worker") != worker)
    assert site.pid("web") == web
    assert psutil.pid_exists(web)
    assert until(lambda: len(site.alive()) == 4)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_supervisor_leaves_nothing_behind(site: Site, number: signal.Signals) -> None:
    site.procfile("web", "worker")
    supervisor = site.start()
    site.pid("web"), site.pid("worker")
    supervisor.send_signal(number)
    out, _ = supervisor.communicate(timeout=30)
    assert supervisor.returncode == 0, out
    assert site.alive() == []


def test_what_a_killed_supervisor_left_is_ended_by_the_next(site: Site) -> None:
    site.procfile("web")
    first = site.start()
    left = site.pid("web")
    assert until(lambda: (site.root / ".local" / "run.json").exists())
    first.kill()
    first.communicate(timeout=30)
    assert psutil.pid_exists(left)
    site.start()
    assert until(lambda: site.pid("web") != left)
    assert until(lambda: len(site.alive()) == 2)


def test_a_second_supervisor_and_a_taken_port_are_refused_with_a_reason(site: Site) -> None:
    site.procfile("web")
    first = site.start()
    site.pid("web")
    out, _ = site.start().communicate(timeout=30)
    assert out == "It runs already: `make stop` ends it.\n"
    first.terminate()
    first.communicate(timeout=30)
    with taken(site.port):
        out, _ = site.start().communicate(timeout=30)
    assert out == f"Port {site.port} is taken by another program: try PORT={site.port + 10} make run.\n"


@pytest.mark.parametrize("beside", range(91, 96))
def test_a_port_of_the_partners_that_is_taken_is_refused_before_anything_starts(site: Site, beside: int) -> None:
    """The partners of a site close by would take the calls of this one."""
    site.procfile("web", "partners")
    with taken(site.port + beside):
        out, _ = site.start().communicate(timeout=30)
        said = f"Port {site.port + beside}, for the small servers of the partners, is taken by another program: try PORT={site.port + 10} make run.\n"
        assert out == said
        assert not (site.root / "web.pid").exists()
        site.start(**dict.fromkeys(PARTNERS, "https://partner.example"))
        site.pid("web")


@pytest.mark.parametrize(("name", "given"), [("PORT", "abc"), ("PORT", "70000"), ("LIVE_PORT", "0"), ("PRINTER_PORT", "x")])
def test_a_port_that_is_none_is_refused_with_what_to_give(site: Site, name: str, given: str) -> None:
    out, _ = site.start(**{name: given}).communicate(timeout=30)
    assert out.startswith(f"{name}='{given}': give a whole number from 1 to 65")
    assert out.count("\n") == 1


def test_commands_of_other_terminals_find_the_site_and_its_partners(site: Site) -> None:
    site.procfile("web")
    site.start()
    site.pid("web")
    show = "from warehouse import settings; print(settings.PORT, settings.DELIVERY_URL, settings.ALLEGRO_REST_BASE_URL)"
    local = {
        "LOCAL_DIR": str(site.root / ".local"),
        "DATABASE_URL": "postgres://unused",
        "REDIS_URL": "redis://unused",
        **dict.fromkeys(PARTNERS, ""),
    }

    def shown(**more: str) -> str:
        env = {name: value for name, value in os.environ.items() if name != "PORT"} | local | more
        return subprocess.run([sys.executable, "-c", show], cwd=REPOSITORY, env=env, text=True, capture_output=True, check=True).stdout

    assert shown() == f"{site.port} http://127.0.0.1:{site.port + 92} http://127.0.0.1:{site.port + 95}\n"
    assert shown(PORT="9100", DELIVERY_URL="https://delivery.example") == "9100 https://delivery.example http://127.0.0.1:9195\n"
    assert shown(LOCAL_DIR=str(site.root / "nothing")) == "8000 http://127.0.0.1:8092 http://127.0.0.1:8095\n"


def test_the_partners_play_only_where_the_real_ones_are_not_given(monkeypatch: pytest.MonkeyPatch) -> None:
    from warehouse import processes

    for address in PARTNERS:
        monkeypatch.delenv(address, raising=False)
    assert [name for name, _ in processes.procfile() if processes.wanted(name)] == ["web", "live", "worker", "beat", "relay", "consumer", "partners"]
    for address in PARTNERS:
        assert processes.wanted("partners"), f"nobody plays {address}"
        monkeypatch.setenv(address, "https://partner.example")
    assert not processes.wanted("partners")


def test_one_process_of_the_procfile_alone(site: Site) -> None:
    (site.root / "Procfile").write_text("web: echo web on ${PORT:-8000}\n")
    command = [sys.executable, "-m", "warehouse.processes", "exec"]
    env = {**os.environ, "SITE_ROOT": str(site.root), "PORT": "8123"}
    done = subprocess.run([*command, "web"], cwd=REPOSITORY, env=env, text=True, capture_output=True, check=True)
    assert done.stdout == "web on 8123\n"
    unknown = subprocess.run([*command, "wep"], cwd=REPOSITORY, env=env, text=True, capture_output=True, check=False)
    assert (unknown.returncode, unknown.stderr) == (1, "There is no process wep: choose one of web.\n")
