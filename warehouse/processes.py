"""Everything at once on one machine: prepares the site, runs the processes of the Procfile and brings back the ones that die.

`python -m warehouse.processes` is what `make run` calls; `… stop` ends it from another terminal. On servers each process is a unit of
the machine's own supervisor (see deploy/), which runs `… exec NAME`: the Procfile stays the one list.
"""

import contextlib
import fcntl
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import NoReturn, TextIO

import psutil
from django.core.exceptions import ImproperlyConfigured

from warehouse import embedded
from warehouse.environment import DEFAULT_PORT, number, remember_port
from warehouse.servers import EmbeddedServiceError, Postgres, Valkey


def given_port(name: str, default: int, *, most: int = 65_535) -> int:
    """A port from the environment, judged as the settings judge it; the start ends with what to give."""
    try:
        return number(name, default, least=1, most=most)
    except ImproperlyConfigured as error:
        sys.exit(str(error))


ROOT = Path(os.environ.get("SITE_ROOT", Path(__file__).resolve().parent.parent))
LOCAL_DIR = Path(os.environ.get("LOCAL_DIR", ROOT / ".local")).absolute()
PORT = given_port("PORT", DEFAULT_PORT, most=65_000)
LIVE_PORT = given_port("LIVE_PORT", PORT + 1)
PRINTER_PORT = given_port("PRINTER_PORT", PORT + 93)
# (partner, the variable of its address, its port when it is played here)
PARTNERS = (
    ("ORDER_SYSTEM", "ORDER_SYSTEM_URL", PORT + 91),
    ("DELIVERY", "DELIVERY_URL", PORT + 92),
    ("ALLEGRO_MICROSERVICE", "ALLEGRO_MICROSERVICE_BASE_URL", PORT + 94),
    ("ALLEGRO_REST", "ALLEGRO_REST_BASE_URL", PORT + 95),
)
GRACE_SECONDS = 20
QUIET_SECONDS = 60  # after so long a run, a death is news and not a loop
LONGEST_PAUSE = 30.0
PREPARE = [sys.executable, "-m", "warehouse.prepare", str(LOCAL_DIR / "welcome.txt")]


def say(text: str, name: str = "run") -> None:
    sys.stdout.write(f"{name:>8} | {text}\n")
    sys.stdout.flush()


@dataclass
class Process:
    """One line of the Procfile. A death is answered by a new start, after a pause that doubles while deaths follow one another."""

    name: str
    command: str
    env: dict[str, str]
    popen: subprocess.Popen[str] | None = None
    started: float = 0.0
    pause: float = 0.0
    due: float = 0.0
    reader: threading.Thread | None = field(default=None, repr=False)

    def start(self) -> None:
        """A session of its own: Ctrl-C reaches only the supervisor, and what the process leaves behind can be found."""
        self.popen = subprocess.Popen(
            ["/bin/sh", "-c", f"exec {self.command}"],
            cwd=ROOT,
            env=self.env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        self.started = time.monotonic()
        self.reader = threading.Thread(target=self._read, args=(self.popen,), daemon=True)
        self.reader.start()

    def _read(self, popen: subprocess.Popen[str]) -> None:
        assert popen.stdout is not None
        for line in popen.stdout:
            say(line.rstrip("\n"), self.name)

    def watch(self) -> None:
        """Start it when it is time; notice when it has died."""
        now = time.monotonic()
        if self.popen is None:
            if now >= self.due:
                self.start()
        elif self.popen.poll() is not None:
            end_group(self.popen.pid, signal.SIGKILL)
            self.pause = 0.5 if now - self.started > QUIET_SECONDS else min(LONGEST_PAUSE, max(0.5, self.pause * 2))
            say(f"ended with {self.popen.returncode}, starts again in {self.pause:g} s", self.name)
            self.popen, self.due = None, now + self.pause


def end_group(group: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


class Supervisor:
    """Runs the processes until a signal comes, keeps the embedded servers up, and leaves nothing behind."""

    def __init__(self) -> None:
        self.stopping = threading.Event()
        self.embedded: dict[str, Postgres | Valkey] = dict(zip(("DATABASE_URL", "REDIS_URL"), embedded.services(LOCAL_DIR), strict=True))
        for given in [variable for variable in self.embedded if os.environ.get(variable)]:
            del self.embedded[given]
        self.env = {"DJANGO_SETTINGS_MODULE": "warehouse.settings"} | os.environ | {"PYTHONUNBUFFERED": "1", "PATH": own_path()}
        # On a terminal people look for what went wrong; Celery's advice against root is meant for servers.
        self.env.setdefault("LOG_LEVEL", "WARNING")
        self.env.setdefault("LOG_FORMAT", "console" if sys.stdout.isatty() else "json")
        self.env.setdefault("PYTHONWARNINGS", "ignore:You're running the worker with superuser privileges")
        # The partners of a second site on this machine take other ports; what they know outlives a restart.
        self.env.setdefault("PARTNERS_STATE", str(LOCAL_DIR / "partners"))
        for partner, address, port in PARTNERS:
            self.env[f"{partner}_PORT"] = str(port)
            self.env[address] = self.env.get(address) or f"http://127.0.0.1:{port}"
        self.env["PORT"] = str(PORT)
        # There is no proxy: pages find the event streams at the port of the process that serves them.
        self.env["LIVE_PORT"] = str(LIVE_PORT)
        self.env.setdefault("LIVE_URL", f":{LIVE_PORT}")
        # The demo's label printer stands on this machine, where printers may not stand unless it is said.
        if wanted("partners"):
            self.env["PRINTER_PORT"] = str(PRINTER_PORT)
            self.env.setdefault("PRINTER_NETWORKS", "127.0.0.1/32,10.0.0.0/8,172.16.0.0/12,192.168.0.0/16,fc00::/7")
        self.processes: list[Process] = []
        self.remembered = ""

    def run(self) -> int:
        """Prepare, start, watch; 0 when it was asked to stop."""
        remember_port(LOCAL_DIR, PORT)
        self._servers()
        say("Preparing the database, the demo and the static files…")
        if subprocess.run(PREPARE, cwd=ROOT, env=self.env, check=False).returncode:
            say("That failed; the reason stands above.")
            return 1
        self.processes = [Process(name, command, self.env) for name, command in procfile() if wanted(name)]
        announced = False
        looked = time.monotonic()
        try:
            while not self.stopping.is_set():
                for process in self.processes:
                    process.watch()
                self._remember()
                if not announced and answers():
                    announced = True
                    welcome()
                if time.monotonic() - looked > 2:
                    self._servers()
                    looked = time.monotonic()
                self.stopping.wait(0.2 if announced else 0.1)
        finally:
            self._stop()
        return 0

    def ask_to_stop(self, number: int, frame: FrameType | None) -> None:
        self.stopping.set()

    def _servers(self) -> None:
        for variable, service in self.embedded.items():
            self.env[variable] = embedded.ensure(service)

    def _remember(self) -> None:
        """Who runs, so that a start after a crash of this process can end what it left."""
        running = [process.popen.pid for process in self.processes if process.popen]
        text = json.dumps(running)
        if text != self.remembered:
            (LOCAL_DIR / "run.json").write_text(text)
            self.remembered = text

    def _stop(self) -> None:
        say("Stopping…")
        alive = [process.popen for process in self.processes if process.popen]
        for popen in alive:
            with contextlib.suppress(ProcessLookupError):
                popen.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + GRACE_SECONDS
        for popen in alive:
            with contextlib.suppress(subprocess.TimeoutExpired):
                popen.wait(max(0.1, deadline - time.monotonic()))
            end_group(popen.pid, signal.SIGKILL)
            popen.wait()
        (LOCAL_DIR / "run.json").unlink(missing_ok=True)


def procfile() -> Iterator[tuple[str, str]]:
    for line in (ROOT / "Procfile").read_text().splitlines():
        if match := re.fullmatch(r"([A-Za-z0-9_-]+):\s*(\S.*)", line):
            yield match[1], match[2]


def wanted(name: str) -> bool:
    """The small servers that play the partners are for a machine where the real ones are not all given: whoever is not is played."""
    return name != "partners" or not all(os.environ.get(address) for _, address, _ in PARTNERS)


def require_free_ports() -> None:
    """End with what to try when another program has a port that this site needs. Of two sites on one machine the partners would take each other's calls."""
    if not port_is_free(PORT):
        sys.exit(f"Port {PORT} is taken by another program: try PORT={PORT + 10} make run.")
    if not port_is_free(LIVE_PORT):
        sys.exit(f"Port {LIVE_PORT}, for the event streams, is taken by another program: try LIVE_PORT={LIVE_PORT + 10} make run.")
    if not wanted("partners"):
        return
    for port in (*(port for _, _, port in PARTNERS), PRINTER_PORT):
        if not port_is_free(port):
            sys.exit(f"Port {port}, for the small servers of the partners, is taken by another program: try PORT={PORT + 10} make run.")


def answers() -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{PORT}/readyz", timeout=2) as response:
            return bool(response.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def welcome() -> None:
    """Where to click and whom to log in as."""
    file = LOCAL_DIR / "welcome.txt"
    text = file.read_text() if file.exists() else "The site answers at {site}/\n"
    say("")
    for line in text.replace("{site}", f"http://127.0.0.1:{PORT}").splitlines():
        say(line)
    say("")
    say("Ctrl-C stops everything.")


def end_leftovers() -> None:
    """End what a supervisor that was killed has left running."""
    try:
        groups = set(json.loads((LOCAL_DIR / "run.json").read_text()))
    except (FileNotFoundError, json.JSONDecodeError):
        return
    left = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, ProcessLookupError):
            # A number that meanwhile belongs to somebody else is no group of processes that run in this directory.
            if os.getpgid(process.pid) in groups and Path(process.cwd()) == ROOT:
                process.kill()
                left.append(process)
    deadline = time.monotonic() + 5
    while any(is_alive(process) for process in left) and time.monotonic() < deadline:
        time.sleep(0.05)


def is_alive(process: psutil.Process) -> bool:
    """A zombie holds no port and no file; in a container nobody may ever collect it."""
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def port_is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def execute(name: str) -> NoReturn:
    """Become one process of the Procfile."""
    commands = dict(procfile())
    if name not in commands:
        sys.exit(f"There is no process {name}: choose one of {', '.join(commands)}.")
    os.environ["PATH"] = own_path()
    os.chdir(ROOT)
    os.execv("/bin/sh", ["sh", "-c", f"exec {commands[name]}"])  # noqa: S606 - the shell expands ${PORT:-8000}


def own_path() -> str:
    """The programs of this environment first."""
    return f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"


def stop() -> int:
    """Ask a running supervisor to end and wait for it."""
    if not LOCAL_DIR.exists():
        return 0
    with (LOCAL_DIR / "run.lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            with contextlib.suppress(FileNotFoundError, ValueError, ProcessLookupError):
                os.kill(int((LOCAL_DIR / "run.pid").read_text()), signal.SIGTERM)
            fcntl.flock(lock, fcntl.LOCK_EX)
        end_leftovers()
    return 0


@contextlib.contextmanager
def only_one() -> Iterator[TextIO]:
    """One supervisor for a directory."""
    LOCAL_DIR.mkdir(parents=True, exist_ok=True)
    with (LOCAL_DIR / "run.lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            sys.exit("It runs already: `make stop` ends it.")
        (LOCAL_DIR / "run.pid").write_text(f"{os.getpid()}\n")
        yield lock


def main() -> int:
    if sys.argv[1:] == ["stop"]:
        return stop()
    if len(sys.argv) == 3 and sys.argv[1] == "exec":
        execute(sys.argv[2])
    with only_one():
        end_leftovers()
        require_free_ports()
        supervisor = Supervisor()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, supervisor.ask_to_stop)
        try:
            return supervisor.run()
        except EmbeddedServiceError as error:
            sys.exit(str(error))
        finally:
            # While the lock is held: whoever waits for it finds the servers stopped.
            embedded.leave(LOCAL_DIR)


if __name__ == "__main__":
    sys.exit(main())
