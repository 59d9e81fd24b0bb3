"""An application with SQLAlchemy's ORM: writes through the cluster endpoint, reads through the reader endpoint; and the
other drivers on the same data."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from decimal import Decimal

import mysql.connector
import MySQLdb
import pytest
from sqlalchemy import ForeignKey, Numeric, String, create_engine, func, inspect, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, relationship

from tests.support.cluster import PASSWORD, Cluster, wait_for

pytestmark = pytest.mark.client


class Base(DeclarativeBase):
    pass


class Customer(Base):
    __tablename__ = "customer"
    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(String(80), unique=True)
    created: Mapped[dt.datetime] = mapped_column(server_default=func.now())
    orders: Mapped[list[Order]] = relationship(back_populates="customer", cascade="all, delete-orphan")


class Order(Base):
    __tablename__ = "purchase"
    id: Mapped[int] = mapped_column(primary_key=True)
    customer_id: Mapped[int] = mapped_column(ForeignKey("customer.id"))
    amount: Mapped[Decimal] = mapped_column(Numeric(10, 2))
    customer: Mapped[Customer] = relationship(back_populates="orders")


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    found = Cluster(tmp_path_factory.mktemp("orm"), readers=1)
    try:
        found.start()
        found.query("CREATE DATABASE app")
        yield found
        found.assert_clean_logs()
    finally:
        found.close()


def url(cluster: Cluster, endpoint: str, driver: str = "pymysql") -> str:
    host, port = cluster.endpoints[endpoint]
    return f"mysql+{driver}://admin:{PASSWORD}@{host}:{port}/app"


def test_the_application(cluster: Cluster) -> None:
    writer, reader = create_engine(url(cluster, "cluster")), create_engine(url(cluster, "reader"))
    Base.metadata.create_all(writer)
    Base.metadata.create_all(writer)
    with Session(writer) as session:
        for number in range(5):
            customer = Customer(email=f"c{number}@example.org")
            customer.orders = [Order(amount=Decimal("9.99") * (k + 1)) for k in range(number)]
            session.add(customer)
        session.commit()
        session.add(Customer(email="C0@example.org"))
        with pytest.raises(IntegrityError):
            session.flush()
        session.rollback()
        first = session.scalars(select(Customer).where(Customer.email == "c4@example.org")).one()
        first.email = "new@example.org"
        session.delete(session.scalars(select(Customer).where(Customer.email == "c1@example.org")).one())
        session.commit()
    cluster.wait_level()
    with Session(reader) as session:
        rows = session.execute(
            select(Customer.email, func.count(Order.id), func.sum(Order.amount))
            .join(Order)
            .group_by(Customer.email)
            .order_by(Customer.email)
        ).all()
        assert [tuple(row) for row in rows] == [
            ("c2@example.org", 2, Decimal("29.97")),
            ("c3@example.org", 3, Decimal("59.94")),
            ("new@example.org", 4, Decimal("99.90")),
        ]
        loaded = session.scalars(select(Customer).where(Customer.email == "c3@example.org")).one()
        assert len(loaded.orders) == 3 and isinstance(loaded.created, dt.datetime)
    found = inspect(reader)
    assert found.get_table_names() == ["customer", "purchase"]
    assert [c["name"] for c in found.get_columns("purchase")] == ["id", "customer_id", "amount"]
    assert found.get_foreign_keys("purchase")[0]["referred_table"] == "customer"
    assert found.get_pk_constraint("customer")["constrained_columns"] == ["id"]


@pytest.mark.parametrize("driver", ["connector", "mysqlclient"])
def test_other_drivers(cluster: Cluster, driver: str) -> None:
    host, port = cluster.endpoints["cluster"]
    options = {"host": host, "port": port, "user": "admin", "password": PASSWORD, "database": "app"}
    if driver == "connector":
        connection = mysql.connector.connect(**options)
        cursor = connection.cursor(prepared=True)
    else:
        connection = MySQLdb.connect(**options)
        cursor = connection.cursor()
    cursor.execute(f"CREATE TABLE d_{driver} (id INT PRIMARY KEY, v VARCHAR(20), n DECIMAL(6,2))")
    for number in range(3):
        cursor.execute(f"INSERT INTO d_{driver} VALUES (%s, %s, %s)", (number, f"v{number}", Decimal("1.25") * number))
    connection.commit()
    cursor.execute(f"SELECT v, n FROM d_{driver} WHERE id >= %s ORDER BY id", (1,))
    assert [tuple(row) for row in cursor.fetchall()] == [("v1", Decimal("1.25")), ("v2", Decimal("2.50"))]
    connection.close()
    rows = wait_for(lambda: cluster.query(f"SELECT COUNT(*) FROM app.d_{driver}", "reader"), 5, "the rows")
    assert rows == [(3,)]
