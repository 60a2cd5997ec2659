"""The catalogue: a file with a preview, plain forms with a history."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from inventory.admin import export
from inventory.models import Location, Product
from tests.factories.inventory import ProductFactory, Site, stocked
from tests.factories.office import listing, office, page
from tests.inventory.books import totals
from warehouse.core.actor import Role

pytestmark = pytest.mark.django_db

HEAD = "sku,name,base_unit,quantity_step,min_remaining_days\n"


@pytest.fixture
def manager() -> Client:
    return office(Role.MANAGER)


def preview(client: Client, text: str) -> Any:
    file = SimpleUploadedFile("products.csv", text.encode(), content_type="text/csv")
    return client.post(listing(Product) + "import/", {"format": "0", "resource": "", "import_file": file}, follow=True)


def confirm(client: Client, answer: Any) -> Any:
    return client.post(listing(Product) + "process_import/", answer.context["confirm_form"].initial, follow=True)


def test_a_file_is_shown_before_it_is_taken(manager: Client) -> None:
    ProductFactory(sku="OLD-1", name="Old name")
    answer = preview(manager, HEAD + "NEW-1,Tea,pcs,1,10\nold-1,New name,,,\n")
    assert [row.import_type for row in answer.context["result"].valid_rows()] == ["new", "update"]
    assert set(Product.objects.values_list("sku", "name")) == {("OLD-1", "Old name")}
    confirm(manager, answer)
    assert set(Product.objects.values_list("sku", "name", "min_remaining_days")) == {("OLD-1", "New name", 0), ("NEW-1", "Tea", 10)}


def test_wrong_rows_are_named_and_nothing_is_taken(manager: Client) -> None:
    answer = preview(manager, HEAD + "A-1,Tea,pcs,1,1\nA-2,Tea,barrel,1,1\nA-3,Tea,pcs,-1,1\n,Tea,pcs,1,1\n")
    result = answer.context["result"]
    assert {row.number: sorted(row.error_dict) for row in result.invalid_rows} == {2: ["base_unit"], 3: ["quantity_step"], 4: ["sku"]}
    assert "confirm_form" not in answer.context
    assert not Product.objects.exists()


def test_a_file_of_a_spreadsheet_with_semicolons_and_a_mark(manager: Client) -> None:
    answer = preview(manager, "\ufeff" + HEAD.replace(",", ";") + "ČAJ-1;Čaj, crni;pcs;1;10\n")
    confirm(manager, answer)
    assert Product.objects.values_list("sku", "name").get() == ("ČAJ-1", "Čaj, crni")


def test_a_file_that_is_too_big_or_not_text_is_refused(manager: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = SimpleUploadedFile("products.csv", b"\xff\xfe\x00sku,name\n", content_type="text/csv")
    answer = manager.post(listing(Product) + "import/", {"format": "0", "resource": "", "import_file": broken})
    assert answer.status_code == 200
    assert answer.context["form"].errors
    monkeypatch.setattr(export, "IMPORT_LIMIT_BYTES", 10)
    assert "Split it" in str(preview(manager, HEAD).context["form"].errors)
    assert not Product.objects.exists()


def test_only_managers_import(manager: Client) -> None:
    for role in (Role.RECEIVER, Role.AUDITOR, Role.SELLER):
        assert preview(office(role), HEAD + "A-1,Tea,pcs,1,1\n").status_code == 403
    assert not Product.objects.exists()


def test_an_exported_cell_is_no_formula(manager: Client) -> None:
    ProductFactory(sku="=1+1", name='=HYPERLINK("http://evil","x")')
    columns = {f"productresource_{name}": "on" for name in ("sku", "name")}
    text = manager.post(listing(Product) + "export/", {"format": "0", "resource": "", **columns}).content.decode()
    assert text.splitlines()[1] == '\'=1+1,"\'=HYPERLINK(""http://evil"",""x"")"'


def form_of(client: Client, row: Any) -> dict[str, Any]:
    """What the row's page would post unchanged."""
    context = client.get(page(row)).context
    forms = [context["adminform"].form]
    for inline in context["inline_admin_formsets"]:
        forms += [inline.formset.management_form, *inline.formset.forms]
    return {bound.html_name: "" if bound.value() is None else bound.value() for form in forms for bound in form if bound.value() is not False}


def test_who_changed_what_is_kept(manager: Client) -> None:
    product = ProductFactory(name="Tea")
    assert manager.post(page(product), form_of(manager, product) | {"name": "Green tea"}).status_code == 302
    entry = LogEntry.objects.get()
    assert (entry.object_id, entry.get_change_message()) == (str(product.pk), "Changed Name.")


def test_what_stock_is_counted_in_is_fixed_once_there_is_a_lot(manager: Client, house: Site) -> None:
    product = ProductFactory()
    stocked(product, house.shelf, 3)
    manager.post(page(product), form_of(manager, product) | {"base_unit": "kg", "quantity_step": "0.5", "name": "Renamed"})
    product = Product.objects.get()
    assert (product.name, product.base_unit, product.quantity_step) == ("Renamed", "pcs", 1)


def test_a_file_can_not_change_what_stock_is_counted_in(manager: Client, house: Site) -> None:
    product = ProductFactory(sku="TEA", name="Tea", min_remaining_days=3)
    stocked(product, house.shelf, 5, expires_in_days=2)
    answer = preview(manager, HEAD + "TEA,Tea,pcs,7,3\nTEA,Tea,kg,1,3\nNEW,New,kg,7,0\n")
    refused = {row.number: str(row.error) for row in answer.context["result"].invalid_rows}
    assert sorted(refused) == [1, 2]
    assert "There are lots of TEA: its quantity_step can" in refused[1]
    confirm(manager, preview(manager, HEAD + "TEA,Tea,pcs,1,0\n"))
    assert totals(product.pk, house.id) == (5, 0, 0, 5)
    assert list(Product.objects.values_list("quantity_step", "base_unit")) == [(1, "pcs")]


def test_a_form_that_changes_a_life_judges_the_goods_again(manager: Client, house: Site) -> None:
    product = ProductFactory(lives={"ambient": 365, "chilled": 500}, min_remaining_days=5)
    place = stocked(product, house.shelf, 8)
    sent = form_of(manager, product)
    days = {name: value for name, value in sent.items() if name.startswith("shelf_lives-") and name.endswith("-days") and "__" not in name}
    ambient = next(name for name, value in days.items() if value == 365)
    assert manager.post(page(product), sent | {ambient: "3"}).status_code == 302
    place.refresh_from_db()
    assert (place.blocked_reason, totals(product.pk, house.id)) == ("expired", (8, 0, 8, 0))
    assert dict(product.shelf_lives.values_list("condition", "days")) == {"ambient": 3, "chilled": 500}
    assert "shelf life" in LogEntry.objects.get().get_change_message()
    # The life that they rely on stays; the other one may go.
    sent = form_of(manager, product)
    gone = {name.replace("-days", "-DELETE"): "on" for name, value in sent.items() if name.startswith("shelf_lives-") and value == 3}
    answer = manager.post(page(product), sent | gone | {"name": "Not this"}, follow=True)
    assert "leave the life of that" in answer.content.decode()
    assert product.shelf_lives.count() == 2
    assert not Product.objects.filter(name="Not this").exists()
    gone = {name.replace("-days", "-DELETE"): "on" for name, value in sent.items() if name.startswith("shelf_lives-") and value == 500}
    assert manager.post(page(product), sent | gone).status_code == 302
    assert product.shelf_lives.get().condition == "ambient"
    manager.post(page(product), form_of(manager, product) | {"min_remaining_days": 1})
    assert totals(product.pk, house.id) == (8, 0, 0, 8)


def test_a_new_product_in_a_form(manager: Client) -> None:
    address = listing(Product) + "add/"
    context = manager.get(address).context
    forms = [context["adminform"].form, *(inline.formset.management_form for inline in context["inline_admin_formsets"])]
    blank = {bound.html_name: "" if bound.value() is None else bound.value() for form in forms for bound in form if bound.value() is not False}
    life = {"shelf_lives-TOTAL_FORMS": 1, "shelf_lives-0-condition": "chilled", "shelf_lives-0-phase": "sealed", "shelf_lives-0-days": "9"}
    answer = manager.post(address, blank | life | {"sku": "TEA", "name": "Tea"})
    assert answer.status_code == 302, answer.context["errors"]
    product = Product.objects.get()
    assert (product.sku, product.shelf_lives.get().days, product.tracks_expiry) == ("TEA", 9, True)


def test_the_sku_of_another_product_is_refused(manager: Client) -> None:
    ProductFactory(sku="TEA")
    product = ProductFactory(sku="TEA-2")
    answer = manager.post(page(product), form_of(manager, product) | {"sku": "tea"})
    assert "Another product has this SKU" in str(answer.context["adminform"].form.errors)


def test_a_place_may_change_all_but_its_kind(manager: Client, house: Site) -> None:
    place = house.shelf
    sent = form_of(manager, place) | {"zone": "cold", "condition": "frozen", "is_pickable": "", "is_active": "", "kind": "quarantine"}
    assert manager.post(page(place), sent).status_code == 302
    place = Location.objects.get(pk=place.pk)
    assert (place.zone, place.condition, place.is_pickable, place.is_active, place.kind, place.version) == (
        "cold",
        "frozen",
        False,
        False,
        "storage",
        2,
    )


def test_nobody_deletes_the_catalogue(manager: Client, house: Site) -> None:
    for row in (ProductFactory(), house.warehouse, house.shelf):
        assert manager.post(page(row).replace("change", "delete"), {"post": "yes"}).status_code == 403


def test_labels_of_places_are_printed(house: Site) -> None:
    chosen = {"action": "print_labels", "_selected_action": [house.shelf.pk, house.dock.pk], "index": "0"}
    text = office(Role.RECEIVER).post(listing(Location), chosen).content.decode()
    assert 'aria-label="LOC-MAIN-A-01"' in text
    assert 'aria-label="LOC-MAIN-DOCK"' in text
    assert "LOC-MAIN-PACK" not in text


@pytest.mark.parametrize("field", ["weight", "length", "width", "height", "weight_tolerance", "default_low_stock_threshold", "quantity_step"])
def test_what_no_product_has_is_said_on_the_form(manager: Client, field: str) -> None:
    product = ProductFactory(name="Tea")
    answer = manager.post(page(product), form_of(manager, product) | {field: "-1", "name": "Coffee"})
    assert field in answer.context["adminform"].form.errors
    assert Product.objects.get().name == "Tea"
