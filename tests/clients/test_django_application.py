"""A Django application: migrations forward and back, models, queries, transactions."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from io import StringIO
from typing import Any

import pytest

django = pytest.importorskip("django")

from django.conf import settings  # noqa: E402

from tests.support.cluster import PASSWORD, Cluster  # noqa: E402

pytestmark = pytest.mark.client


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The application's models, migrated; the database is dropped with the cluster."""
    cluster = Cluster(tmp_path_factory.mktemp("django"), readers=0)
    try:
        cluster.start()
        cluster.query("CREATE DATABASE shop")
        host, port = cluster.endpoints["cluster"]
        database = {"ENGINE": "django.db.backends.mysql", "HOST": host, "PORT": port, "USER": "admin"}
        settings.configure(
            DATABASES={"default": {**database, "PASSWORD": PASSWORD, "NAME": "shop", "CONN_MAX_AGE": None}},
            INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth", "tests.support.django_shop"],
            USE_TZ=True,
            DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        )
        django.setup()
        from django.core.management import call_command

        call_command("migrate", "django_shop", "0001", verbosity=0)
        cluster.query(
            "INSERT INTO shop.django_shop_product (sku, title, price, details, created) "
            "VALUES ('old', 'Old one', 3.50, '{}', NOW())"
        )
        call_command("migrate", verbosity=0)
        from tests.support.django_shop import models

        yield models
        from django.db import connections

        connections.close_all()
        cluster.assert_clean_logs()
    finally:
        cluster.close()


@pytest.fixture
def products(shop: Any) -> Any:
    shop.Product.objects.exclude(sku="old").delete()
    shop.Tag.objects.all().delete()
    red, blue = (shop.Tag.objects.create(name=name) for name in ("red", "blue"))
    for number in range(4):
        made = shop.Product.objects.create(
            sku=f"p{number}", title=f"Product {number}", price=Decimal(number) + Decimal("0.25"), stock=number * 10,
            details={"size": number, "tags": ["x", None]}, photo=bytes([number, 255, 0, 39]),
        )  # fmt: skip
        made.tags.add(*(tag for tag in (red, blue) if number % 2 or tag is red))
        made.purchases.create(amount=number + 1)
    return shop.Product.objects.exclude(sku="old")


def test_migrations_moved_what_was_there(shop: Any) -> None:
    old = shop.Product.objects.get(sku="old")
    assert (old.title, old.stock, old.price) == ("Old one", 5, Decimal("3.50"))


def test_queries(shop: Any, products: Any) -> None:
    from django.db.models import Avg, Count, F, Prefetch, Q, Sum

    assert [p.sku for p in products.filter(Q(price__gt=1) & ~Q(stock=20)).order_by("-price")] == ["p3", "p1"]
    assert products.filter(details__size__gte=2).count() == 2
    assert products.get(photo=b"\x02\xff\x00'").sku == "p2"
    assert products.filter(title__icontains="PRODUCT 3").exists()
    assert products.aggregate(total=Sum("stock"), average=Avg("price")) == {"total": 60, "average": Decimal("1.75")}
    joined = products.aggregate(tags=Count("tags", distinct=True), average=Avg("price"))
    assert joined == {"tags": 2, "average": Decimal("1.916667")}
    by_tag = shop.Tag.objects.annotate(n=Count("products"), value=Sum(F("products__price") * F("products__stock")))
    assert list(by_tag.order_by("name").values_list("name", "n", "value")) == [
        ("blue", 2, Decimal("110.00")),
        ("red", 4, Decimal("155.00")),
    ]
    many = products.prefetch_related(Prefetch("purchases"), "tags").order_by("sku")
    assert [[x.amount for x in p.purchases.all()] for p in many] == [[1], [2], [3], [4]]
    assert products.filter(purchases__amount__gt=2).update(stock=F("stock") + 1) == 2


def test_writes(shop: Any, products: Any) -> None:
    from django.db import IntegrityError, transaction

    with pytest.raises(IntegrityError), transaction.atomic():
        products.create(sku="p1", title="again", price=1)
    with pytest.raises(IntegrityError), transaction.atomic():
        products.create(sku="negative", title="x", price=-1)
    found, made = shop.Tag.objects.get_or_create(name="red")
    assert not made and found.name == "red"
    rows = [shop.Product(sku=f"p{n}", title=f"New {n}", price=n, details={}) for n in range(3, 6)]
    shop.Product.objects.bulk_create(rows, update_conflicts=True, update_fields=["title"])
    assert list(products.filter(sku__gte="p3").order_by("sku").values_list("title", "price")) == [
        ("New 3", Decimal("3.25")), ("New 4", Decimal("4.00")), ("New 5", Decimal("5.00")),
    ]  # fmt: skip
    with transaction.atomic():
        locked = products.select_for_update().get(sku="p1")
        locked.stock += 1
        locked.save(update_fields=["stock"])
        with pytest.raises(ZeroDivisionError), transaction.atomic():
            products.update(stock=0)
            raise ZeroDivisionError
    assert products.get(sku="p1").stock == 11
    products.get(sku="p2").delete()
    assert shop.Purchase.objects.count() == 3


def test_introspection_and_the_way_back(shop: Any) -> None:
    from django.core.management import call_command

    written = StringIO()
    call_command("inspectdb", "django_shop_product", "django_shop_purchase", stdout=written)
    text = written.getvalue()
    assert "price = models.DecimalField(max_digits=8, decimal_places=2)" in text
    assert "product = models.ForeignKey(DjangoShopProduct, models.DO_NOTHING)" in text
    call_command("migrate", "django_shop", "0001", verbosity=0)
    call_command("migrate", "django_shop", "zero", verbosity=0)
    call_command("migrate", "django_shop", verbosity=0)
    assert shop.Product.objects.count() == 0
