"""What the demo sells, from whom it comes and where it is offered. Everything is found by its code; only what is missing is made."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

from inventory.enums import BarcodeKind, BaseUnit, Condition, Phase
from inventory.models import Barcode, MarkdownStep, Product, Seller, ShelfLife, Storefront, StorefrontProduct, Supplier

SELLER = "FRESH"
STOREFRONT = "1"
FIRST_LISTING = 100
# A made-up company's prefix in the number space of Serbia (860).
GTIN_PREFIX = "8600999"

AMBIENT, COOL, CHILLED, FROZEN = (str(condition) for condition in Condition)
SEALED, OPENED, THAWED = (str(phase) for phase in Phase)

SUPPLIERS = {
    "DAIRY": ("Zlatna Dolina Dairy", "orders@dairy.example", "+381 21 555 0101"),
    "FARM": ("Morava Valley Farms", "orders@farm.example", "+381 36 555 0102"),
    "MEAT": ("Šumadija Butchers", "orders@meat.example", "+381 34 555 0103"),
    "BAKERY": ("Stari Mlin Bakery", "orders@bakery.example", "+381 11 555 0104"),
    "FROST": ("North Frost Foods", "orders@frost.example", "+48 22 555 0105"),
    "DRY": ("Pantry Wholesale", "orders@pantry.example", "+48 22 555 0106"),
}


@dataclass(frozen=True, slots=True)
class Goods:
    """A product of the demo: days of life by (condition, phase), purchase and sales price in euros, weight in kilograms, pieces per case."""

    sku: str
    name: str
    supplier: str
    home: str
    lives: dict[tuple[str, str], int]
    price: str
    weight: str
    case: int = 0
    min_remaining_days: int = 0
    freezable: bool = False
    unit: str = BaseUnit.PIECE
    values: dict[str, Decimal] = field(default_factory=dict)

    @property
    def sold_by_weight(self) -> bool:
        """Kilograms in thousandths, not pieces."""
        return self.unit == BaseUnit.KILOGRAM


def _weighed(sku: str, name: str, supplier: str, home: str, lives: dict[tuple[str, str], int], price: str, tolerance: str = "0.050") -> Goods:
    values = {"quantity_step": Decimal("0.001"), "weight_tolerance": Decimal(tolerance)}
    return Goods(sku, name, supplier, home, lives, price, "1", unit=BaseUnit.KILOGRAM, values=values)


GOODS = (
    Goods("MILK-1L", "Milk 3.2 % 1 l", "DAIRY", CHILLED, {(CHILLED, SEALED): 14, (CHILLED, OPENED): 3}, "1.29", "1.04", 12, 2),
    Goods("YOG-150", "Strawberry yoghurt 150 g", "DAIRY", CHILLED, {(CHILLED, SEALED): 28, (CHILLED, OPENED): 2}, "0.79", "0.16", 20, 3),
    Goods("KEFIR-500", "Kefir 500 ml", "DAIRY", CHILLED, {(CHILLED, SEALED): 18}, "1.09", "0.52", 12, 2),
    Goods("BUTTER-250", "Butter 250 g", "DAIRY", CHILLED, {(CHILLED, SEALED): 60, (FROZEN, SEALED): 270}, "2.99", "0.26", 20, 7, freezable=True),
    _weighed("CHEESE-KG", "Gouda, by weight", "DAIRY", CHILLED, {(CHILLED, SEALED): 90, (CHILLED, OPENED): 14}, "11.90"),
    Goods("EGG-10", "Free-range eggs, 10", "FARM", COOL, {(COOL, SEALED): 28, (CHILLED, SEALED): 35}, "3.49", "0.65", 18, 5),
    Goods("SALAD-200", "Mixed salad leaves 200 g", "FARM", CHILLED, {(CHILLED, SEALED): 7, (CHILLED, OPENED): 1}, "2.19", "0.21", 8, 1),
    _weighed(
        "APPLE-KG", "Idared apples, by weight", "FARM", COOL, {(AMBIENT, SEALED): 21, (COOL, SEALED): 28, (CHILLED, SEALED): 42}, "1.59", "0.200"
    ),
    _weighed("TOMATO-KG", "Tomatoes, by weight", "FARM", COOL, {(AMBIENT, SEALED): 6, (COOL, SEALED): 10}, "2.39", "0.200"),
    Goods("JUICE-1L", "Fresh orange juice 1 l", "FARM", CHILLED, {(CHILLED, SEALED): 21, (CHILLED, OPENED): 4}, "3.99", "1.06", 6, 3),
    Goods(
        "BEEF-500",
        "Ground beef 500 g",
        "MEAT",
        CHILLED,
        {(CHILLED, SEALED): 2, (FROZEN, SEALED): 120, (CHILLED, THAWED): 1},
        "5.49",
        "0.52",
        10,
        0,
        True,
    ),
    Goods("HOTDOG-400", "Hot dogs 400 g", "MEAT", CHILLED, {(CHILLED, SEALED): 14, (CHILLED, OPENED): 7}, "3.29", "0.42", 12, 2),
    Goods("SALMON-200", "Smoked salmon 200 g", "MEAT", CHILLED, {(CHILLED, SEALED): 21, (CHILLED, OPENED): 3}, "7.99", "0.22", 10, 4),
    Goods("BREAD-500", "Sourdough bread 500 g", "BAKERY", AMBIENT, {(AMBIENT, SEALED): 4, (FROZEN, SEALED): 60}, "2.49", "0.50", 6, 0, True),
    Goods("CAKE-600", "Honey cake 600 g", "BAKERY", AMBIENT, {(AMBIENT, SEALED): 30, (CHILLED, SEALED): 45}, "8.90", "0.62", 4, 5),
    Goods("PELM-800", "Pelmeni 800 g", "FROST", FROZEN, {(FROZEN, SEALED): 270, (CHILLED, THAWED): 1}, "4.79", "0.82", 8, 14),
    Goods("NUGG-400", "Chicken nuggets 400 g", "FROST", FROZEN, {(FROZEN, SEALED): 90, (CHILLED, THAWED): 2}, "3.99", "0.42", 12, 7),
    Goods("ICE-500", "Vanilla ice cream 500 ml", "FROST", FROZEN, {(FROZEN, SEALED): 540}, "3.59", "0.48", 10, 14),
    Goods("BERRY-300", "Frozen berries 300 g", "FROST", FROZEN, {(FROZEN, SEALED): 540, (CHILLED, THAWED): 2}, "3.19", "0.31", 12, 14),
    Goods("RICE-1KG", "Round grain rice 1 kg", "DRY", AMBIENT, {(AMBIENT, SEALED): 540}, "1.99", "1.01", 10, 30),
    Goods("OIL-1L", "Sunflower oil 1 l", "DRY", AMBIENT, {(AMBIENT, SEALED): 365, (AMBIENT, OPENED): 60}, "2.29", "0.95", 12, 30),
    Goods("CHOCO-100", "Dark chocolate 100 g", "DRY", AMBIENT, {(AMBIENT, SEALED): 365, (COOL, SEALED): 400}, "1.89", "0.11", 24, 30),
    Goods("BAG-PAPER", "Paper carrier bag", "DRY", AMBIENT, {}, "0.19", "0.04", 100),
)


def check_digit(digits: str) -> str:
    """The last digit of a GTIN (GS1 General Specifications 7.9): weights 3 and 1 from the right, up to the next ten."""
    total = sum(int(digit) * (3 if place % 2 == 0 else 1) for place, digit in enumerate(reversed(digits)))
    return str(-total % 10)


def gtin_of(number: int) -> str:
    """The GTIN-13 of the demo's product with this number."""
    body = f"{GTIN_PREFIX}{number:05d}"
    return body + check_digit(body)


def case_gtin_of(number: int) -> str:
    """The GTIN-14 on its case."""
    body = f"1{GTIN_PREFIX}{number:05d}"
    return body + check_digit(body)


def make_seller() -> Seller:
    """Whose goods they are."""
    return Seller.objects.get_or_create(code=SELLER, defaults={"name": "Fresh Basket"})[0]


def make_suppliers() -> dict[str, Supplier]:
    """The suppliers by code."""
    Supplier.objects.bulk_create(
        (Supplier(code=code, name=name, email=email, phone=phone) for code, (name, email, phone) in SUPPLIERS.items()), ignore_conflicts=True
    )
    return {supplier.code: supplier for supplier in Supplier.objects.filter(code__in=SUPPLIERS)}


def make_products() -> dict[str, Product]:
    """The catalogue by SKU, with shelf lives, barcodes of piece and case, and the storefront's pages."""
    known = set(Product.objects.filter(sku__in=[goods.sku for goods in GOODS]).values_list("sku", flat=True))
    Product.objects.bulk_create(_product(goods) for goods in GOODS if goods.sku not in known)
    products = {product.sku: product for product in Product.objects.filter(sku__in=[goods.sku for goods in GOODS])}
    ShelfLife.objects.bulk_create(
        (
            ShelfLife(product=products[goods.sku], condition=condition, phase=phase, days=days)
            for goods in GOODS
            if goods.sku not in known
            for (condition, phase), days in goods.lives.items()
        ),
        ignore_conflicts=True,
    )
    Barcode.objects.bulk_create(_barcodes(products), ignore_conflicts=True)
    _make_listings(products)
    _make_markdown()
    return products


def _product(goods: Goods) -> Product:
    return Product(
        sku=goods.sku,
        name=goods.name,
        base_unit=goods.unit,
        tracks_expiry=bool(goods.lives),
        min_remaining_days=goods.min_remaining_days,
        freezable=goods.freezable,
        weight=Decimal(goods.weight),
        length=Decimal(20),
        width=Decimal(12),
        height=Decimal(8),
        **goods.values,
    )


def _barcodes(products: dict[str, Product]) -> list[Barcode]:
    rows = []
    for number, goods in enumerate(GOODS, start=1):
        product = products[goods.sku]
        rows.append(Barcode(code=gtin_of(number), product=product))
        if goods.case:
            rows.append(Barcode(code=case_gtin_of(number), product=product, pack_quantity=Decimal(goods.case)))
        rows.append(Barcode(code=f"{goods.supplier}-{goods.sku}", product=product, kind=BarcodeKind.SUPPLIER))
    return rows


def _make_markdown() -> None:
    """What is about to expire sells itself cheaper."""
    for freshness, discount in ((40, 15), (20, 30), (10, 50)):
        MarkdownStep.objects.get_or_create(storefront=None, freshness_percent=freshness, defaults={"discount_percent": discount})


def _make_listings(products: dict[str, Product]) -> None:
    storefront, _ = Storefront.objects.get_or_create(external_id=STOREFRONT, defaults={"name": "freshbasket.example", "seller": make_seller()})
    StorefrontProduct.objects.bulk_create(
        (
            StorefrontProduct(
                storefront=storefront,
                product=products[goods.sku],
                external_listing_id=str(FIRST_LISTING + number),
                price=Decimal(goods.price),
                purchase_price=(Decimal(goods.price) * Decimal("0.62")).quantize(Decimal("0.01")),
            )
            for number, goods in enumerate(GOODS)
        ),
        ignore_conflicts=True,
    )
