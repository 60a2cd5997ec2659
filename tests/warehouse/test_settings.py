"""What the environment and the samples of deploy/ mean."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.urls import resolve

from warehouse import environment as readers

ROOT = Path(__file__).resolve().parent.parent.parent
SHOW = """
import json
from warehouse import settings
print(json.dumps([settings.LISTINGS_REDIS_URL, [str(each) for each in settings.TRUSTED_PROXIES]]))
"""
SHOW_ALERTS = """
import json
from warehouse import settings
print(json.dumps([settings.ALERT_URLS, settings.ALERT_EXPIRING_DAYS]))
"""


def settings_of(show: str = SHOW, /, **values: str) -> Any:
    environment = {name: value for name, value in os.environ.items() if name not in ("LISTINGS_REDIS_URL", "TRUSTED_PROXIES")}
    environment |= {"DATABASE_URL": "postgres://unused/unused", "REDIS_URL": "redis://ours/0", **values}
    done = subprocess.run([sys.executable, "-c", show], cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def test_an_empty_value_is_no_address() -> None:
    local = ["127.0.0.1/32", "::1/128"]
    assert settings_of(LISTINGS_REDIS_URL="") == settings_of() == ["redis://ours/0", local]
    assert settings_of(LISTINGS_REDIS_URL="redis://theirs/3", TRUSTED_PROXIES="10.0.0.2, 172.16.0.0/12") == [
        "redis://theirs/3",
        ["10.0.0.2/32", "172.16.0.0/12"],
    ]
    assert settings_of(TRUSTED_PROXIES="")[1] == []


@pytest.mark.parametrize("limit", ["-1", "NaN", "Infinity", "many", "5,00"])
def test_a_limit_that_is_no_amount_stops_the_start(limit: str) -> None:
    with pytest.raises(subprocess.CalledProcessError) as stopped:
        settings_of(WRITE_OFF_APPROVAL_LIMIT=limit)
    assert f"WRITE_OFF_APPROVAL_LIMIT='{limit}' is no amount of money" in stopped.value.stderr


def test_a_site_is_not_prepared_on_an_address_of_no_database(tmp_path: Path) -> None:
    env = os.environ | {"DATABASE_URL": "nonsense", "REDIS_URL": "redis://unused", "DJANGO_SETTINGS_MODULE": "warehouse.settings"}
    command = [sys.executable, "-m", "warehouse.prepare", str(tmp_path / "welcome.txt")]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "DATABASE_URL: give the address of a PostgreSQL, such as postgres://user:password@127.0.0.1:5432/warehouse.\n"


def test_an_image_takes_along_nothing_that_git_leaves_out() -> None:
    left_out = set((ROOT / ".dockerignore").read_text().splitlines())
    assert {".git", "*.env"} <= left_out
    for each in (ROOT / ".gitignore").read_text().splitlines():
        assert left_out & {each.rstrip("/"), f"**/{each.rstrip('/')}"}, each


def test_a_policy_that_is_none_stops_the_start() -> None:
    with pytest.raises(subprocess.CalledProcessError) as stopped:
        settings_of(PURCHASE_PRICE_POLICY="average")
    assert "PURCHASE_PRICE_POLICY='average' is none of: last, weighted_average." in stopped.value.stderr
    for policy in ("", "last", "weighted_average"):
        settings_of(PURCHASE_PRICE_POLICY=policy)


def test_addresses_of_channels_may_have_commas_in_them() -> None:
    given = "mailto://user:pass@host?to=a@b.example,c@d.example, tgram://123:token/42,,\n json://127.0.0.1:9/x?y=1 ,"
    urls = ["mailto://user:pass@host?to=a@b.example,c@d.example", "tgram://123:token/42", "json://127.0.0.1:9/x?y=1"]
    assert settings_of(SHOW_ALERTS, ALERT_URLS=given, ALERT_EXPIRING_DAYS="14, 2,") == [urls, [14, 2]]
    assert settings_of(SHOW_ALERTS, ALERT_URLS=" ", ALERT_EXPIRING_DAYS="") == [[], []]


def test_the_proxy_serves_what_the_site_has() -> None:
    text = (ROOT / "deploy" / "nginx.conf").read_text()
    for path in re.findall(r"location (?:= )?(/\S+) \{", text):
        assert resolve(path)
    assert "X-Forwarded-For $remote_addr" in text
    assert "$proxy_add_x_forwarded_for" not in text


def test_the_paper_names_every_variable_of_the_samples() -> None:
    paper = (ROOT / "docs" / "deployment.md").read_text()
    compose = (ROOT / "deploy" / "compose.yaml").read_text()
    for name in re.findall(r"^    ([A-Z_]+):", compose, re.MULTILINE):
        assert f"`{name}`" in paper


def variables_read() -> set[str]:
    """The variables that the settings read: the name that every reader of the environment is given."""
    names = set()
    for node in ast.walk(ast.parse((ROOT / "warehouse" / "settings.py").read_text())):
        if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            reader = node.func
            of_environ = isinstance(reader, ast.Attribute) and reader.attr == "get" and ast.unparse(reader.value) == "os.environ"
            if of_environ or (isinstance(reader, ast.Name) and getattr(getattr(readers, reader.id, None), "__module__", "") == readers.__name__):
                names.add(str(node.args[0].value))
    return names


def test_the_paper_names_every_variable_that_is_read_and_no_other() -> None:
    table = (ROOT / "docs" / "deployment.md").read_text().split("## Environment")[1].split("\n## ")[0]
    rows = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    named = {name for row in rows for name in re.findall(r"`([A-Z0-9_]+)`", row)}
    read = variables_read()
    assert len(read) > 70
    # Those of the stock synchronisation stand in a paper of their own, and some are read by the Procfile's programs.
    assert {name for name in read if not name.startswith("STOCK_SYNC_")} - named == set()
    assert {name for name in named - read if name not in (ROOT / "Procfile").read_text()} == set()
    synchronisation = (ROOT / "docs" / "stock-sync.md").read_text()
    assert {name for name in read - named if name.removeprefix("STOCK_SYNC_") not in synchronisation} == set()


SHOW_LABELS = """
import json
from warehouse import settings
print(json.dumps([settings.GS1_COMPANY_PREFIX, [str(each) for each in settings.PRINTER_NETWORKS]]))
"""


def test_where_printers_may_stand_and_whose_packages_they_are() -> None:
    private = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"]
    assert settings_of(SHOW_LABELS, GS1_COMPANY_PREFIX="") == ["2000000", private]
    assert settings_of(SHOW_LABELS, GS1_COMPANY_PREFIX="860123456", PRINTER_NETWORKS="10.1.0.0/16, 10.2.0.7") == [
        "860123456",
        ["10.1.0.0/16", "10.2.0.7/32"],
    ]
    for given, said in (
        ({"GS1_COMPANY_PREFIX": "12"}, "GS1_COMPANY_PREFIX='12' is no company prefix: four to twelve digits"),
        ({"GS1_COMPANY_PREFIX": "86x1234"}, "GS1_COMPANY_PREFIX='86x1234' is no company prefix"),
        ({"PRINTER_NETWORKS": "everywhere"}, "PRINTER_NETWORKS='everywhere'"),
    ):
        with pytest.raises(subprocess.CalledProcessError) as stopped:
            settings_of(SHOW_LABELS, **given)
        assert said in stopped.value.stderr
