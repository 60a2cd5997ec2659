"""PostgreSQL and Valkey out of Python wheels, for a machine where nothing but Python is installed.

The settings call `database_url` and `redis_url` only when DATABASE_URL and REDIS_URL are not given. Both start the server when it is
not running and keep it running while any process uses it: every user holds a shared lock on `users.lock`, which the kernel releases
even after `kill -9`; who can make it exclusive when leaving is the last one and stops the servers.

`python -m warehouse.embedded status | stop [--force] | clean | run -- COMMAND` does the same by hand.
"""

import argparse
import atexit
import contextlib
import fcntl
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from warehouse.servers import EmbeddedServiceError, Postgres, Valkey

__all__ = ["EmbeddedServiceError", "clean", "database_url", "ensure", "leave", "redis_url", "services", "stop"]


@contextlib.contextmanager
def start_lock(local_dir: Path) -> Iterator[None]:
    """One process at a time starts or stops the servers of a directory."""
    with (local_dir / "start.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@dataclass(frozen=True)
class Claim:
    """This process's share in the servers of a directory: an open file with a shared lock."""

    local_dir: Path
    descriptor: int
    pid: int

    def release(self) -> None:
        """Give the share back; the last user stops the servers. A forked child inherits the claim but never releases it."""
        if os.getpid() != self.pid or CLAIMS.pop(self.local_dir, None) is None:
            return
        try:
            fcntl.flock(self.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            for service in services(self.local_dir):
                service.stop()
        except BlockingIOError:
            return  # somebody else still uses them
        finally:
            os.close(self.descriptor)


CLAIMS: dict[Path, Claim] = {}


def claim(local_dir: Path) -> Claim:
    """Become a user of the directory's servers until this process ends; waits while the last user stops them."""
    local_dir = local_dir.absolute()
    if local_dir not in CLAIMS:
        local_dir.mkdir(parents=True, exist_ok=True)
        # Python opens files close-on-exec: neither the servers nor other programs started from here hold the lock.
        descriptor = os.open(local_dir / "users.lock", os.O_RDONLY | os.O_CREAT, 0o644)
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        CLAIMS[local_dir] = Claim(local_dir, descriptor, os.getpid())
        atexit.register(CLAIMS[local_dir].release)
    return CLAIMS[local_dir]


def leave(local_dir: Path) -> None:
    """Give this process's share back before it ends."""
    if held := CLAIMS.get(local_dir.absolute()):
        held.release()


def services(local_dir: Path) -> tuple[Postgres, Valkey]:
    return Postgres(local_dir.absolute()), Valkey(local_dir.absolute())


def ensure(service: Postgres | Valkey) -> str:
    """Make sure the server runs while this process lives; its URL. Safe from many processes at once."""
    claim(service.local_dir)
    if not service.is_running():
        with start_lock(service.local_dir):
            if not service.is_running():
                service.start()
    return service.url


def database_url(local_dir: Path) -> str:
    """The URL of the directory's PostgreSQL, started when it was not running."""
    return ensure(services(local_dir)[0])


def redis_url(local_dir: Path) -> str:
    """The URL of the directory's Valkey, started when it was not running."""
    return ensure(services(local_dir)[1])


def stop(local_dir: Path, *, force: bool = False) -> bool:
    """Stop both servers unless a process uses them; `force` stops them anyway. Whether they are stopped."""
    if not local_dir.exists():
        return True
    with (local_dir / "users.lock").open("a") as users:
        try:
            fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if not force:
                return False
        with start_lock(local_dir):
            for service in services(local_dir):
                service.stop()
    return True


def clean(local_dir: Path) -> bool:
    """Stop both servers and delete everything they keep."""
    if not stop(local_dir):
        return False
    postgres = Postgres(local_dir.absolute())
    for directory in {postgres.home, local_dir}:
        shutil.rmtree(directory, ignore_errors=not directory.exists())
    return True


def run(local_dir: Path, command: list[str]) -> int:
    """Run a command with DATABASE_URL and REDIS_URL set, pass signals on to it, and give its exit status back."""
    env = os.environ | {"DATABASE_URL": database_url(local_dir), "REDIS_URL": redis_url(local_dir)}
    with subprocess.Popen(command, env=env) as process:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, lambda received, _: process.send_signal(received))
        return process.wait()


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m warehouse.embedded", description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    default = os.environ.get("LOCAL_DIR", Path(__file__).resolve().parent.parent / ".local")
    parser.add_argument("--local-dir", type=Path, default=Path(default))
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("status", help="say what runs where")
    commands.add_parser("stop", help="stop both servers").add_argument("--force", action="store_true", help="even when they are in use")
    commands.add_parser("clean", help="stop both servers and delete their data")
    commands.add_parser("run", help="run a command beside the servers").add_argument("argv", nargs=argparse.REMAINDER)
    arguments = parser.parse_args()
    try:
        return execute(arguments)
    except EmbeddedServiceError as error:
        sys.stderr.write(f"{error}\n")
        return 1


def execute(arguments: argparse.Namespace) -> int:
    if arguments.command == "run":
        return run(arguments.local_dir, [part for part in arguments.argv if part != "--"])
    if arguments.command == "status":
        for service in services(arguments.local_dir):
            sys.stdout.write(f"{service.name}: {service.url if service.is_running() else 'stopped'}\n")
        return 0
    if not (clean(arguments.local_dir) if arguments.command == "clean" else stop(arguments.local_dir, force=arguments.force)):
        sys.stderr.write("The servers are in use: end the processes that use them first, or add --force to stop.\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
