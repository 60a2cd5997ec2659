"""Makes a fresh or an older site ready to serve: tables, the demo, static files. Writes for whom and where into a file.

`python -m warehouse.prepare FILE` is the first thing `make run` does; one process, because starting Django costs more than the work.
"""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured


def main(welcome: Path) -> None:
    """Everything here may be repeated: what is there already is left as it is."""
    import django

    django.setup()
    from django.core.management import call_command

    call_command("migrate", interactive=False, verbosity=0)
    call_command("demo", if_allowed=True)
    call_command("collectstatic", interactive=False, verbosity=0)
    welcome.write_text("\n".join(lines()) + "\n")


def lines() -> Iterator[str]:
    """Where to click and whom to log in as; `{site}` stands for the address."""
    from django.contrib.auth import get_user_model

    from warehouse.demo.people import API_TOKEN, PASSWORD, PEOPLE

    yield "The office    {site}/admin/"
    yield "The floor     {site}/floor/     on a phone or a scanner"
    yield "Programs      {site}/api/docs/"
    present = set(get_user_model().objects.values_list("username", flat=True))
    people = [person for person in PEOPLE if person.username in present]
    if not people:
        return
    yield ""
    yield f"Log in with the password {PASSWORD}, on the floor with badge and PIN:"
    for person in people:
        if person.badge:
            yield f"  {person.username:<10} {person.role or 'may do everything':<18} badge {person.badge}   PIN {person.pin}"
    yield f"Programs call as the user integration, with the header Authorization: Bearer {API_TOKEN}"


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "warehouse.settings")
    try:
        main(Path(sys.argv[1]))
    except ImproperlyConfigured as error:
        sys.exit(str(error))
