"""One client process of a bench: says that it is ready, waits for `go`, works for some seconds, prints its latencies in ms as JSON."""

from __future__ import annotations

import json
import os
import sys
import time

import django


def main() -> None:
    """Arguments: case, seconds, number of the client."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "warehouse.settings")
    django.setup()
    from bench.reserve import Client

    case, seconds, number = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    call = Client(case, number)
    for _ in range(20):
        call()
    print("ready", flush=True)
    sys.stdin.readline()
    latencies = []
    clock = time.perf_counter
    end = clock() + seconds
    while (start := clock()) < end:
        call()
        latencies.append((clock() - start) * 1000)
    print(json.dumps(latencies))


if __name__ == "__main__":
    main()
