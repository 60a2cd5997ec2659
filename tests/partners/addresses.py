"""Plausible delivery addresses, the same one for the same order every time."""

from __future__ import annotations

import hashlib

# (street, city, postal code, country): real streets of big towns, no real household.
PLACES = (
    ("Кнез Михаилова 12", "Београд", "11000", "RS"),
    ("Bulevar oslobođenja 88", "Novi Sad", "21000", "RS"),
    ("Улица Краља Милана 7/3", "Крагујевац", "34000", "RS"),
    ("Obrenovićeva 41", "Niš", "18000", "RS"),
    ("Žička 5", "Čačak", "32000", "RS"),
    ("ul. Świętokrzyska 14 m. 8", "Warszawa", "00-050", "PL"),
    ("ul. Żółkiewskiego 23", "Łódź", "91-120", "PL"),
    ("ul. Długa 46/47", "Gdańsk", "80-831", "PL"),
    ("Rynek Główny 9", "Kraków", "31-042", "PL"),
    ("Ερμού 31", "Αθήνα", "10563", "GR"),
    ("Ilica 112", "Zagreb", "10000", "HR"),
    ("Slovenska cesta 58", "Ljubljana", "1000", "SI"),
)
PEOPLE = (
    "Марија Јовановић",
    "Đorđe Petrović",
    "Љубица Ђокић",
    "Živana Šćepanović",
    "Łucja Wójcik",
    "Grzegorz Brzęczyszczykiewicz",
    "Małgorzata Źdźbło",
    "Ольга Щербакова",
    "Νίκος Παπαδόπουλος",
    "Ana-Marija O'Hara",
    "Vuk Ćirić",
)
PHONES = {"RS": "+38160", "PL": "+48600", "GR": "+30690", "HR": "+38591", "SI": "+38640"}


def address_of(order_id: str) -> dict[str, str]:
    """The address of an order, made from its id alone."""
    draw = int.from_bytes(hashlib.sha256(order_id.encode()).digest()[:8])
    draw, place = divmod(draw, len(PLACES))
    draw, person = divmod(draw, len(PEOPLE))
    street, city, postal_code, country = PLACES[place]
    return {
        "street": street,
        "city": city,
        "postal_code": postal_code,
        "country": country,
        "contact_name": PEOPLE[person],
        "phone": f"{PHONES[country]}{draw % 10_000_000:07d}",
    }
