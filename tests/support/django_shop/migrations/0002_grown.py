from __future__ import annotations

from typing import Any

from django.db import migrations, models


def first_stock(apps: Any, schema_editor: Any) -> None:
    apps.get_model("django_shop", "Product").objects.filter(stock=0).update(stock=5)


class Migration(migrations.Migration):
    dependencies = (("django_shop", "0001_initial"),)
    operations = (
        migrations.RenameField("Tag", "label", "name"),
        migrations.AlterField("Tag", "name", models.CharField(max_length=30, unique=True)),
        migrations.AlterField("Product", "title", models.CharField(max_length=100, db_index=True)),
        migrations.AddField("Product", "stock", models.PositiveIntegerField(default=0)),
        migrations.AddField("Purchase", "note", models.TextField(blank=True, default="")),
        migrations.AddIndex("Product", models.Index(fields=["price", "stock"], name="by_price")),
        migrations.AddConstraint(
            "Product", models.CheckConstraint(condition=models.Q(price__gte=0), name="price_not_negative")
        ),
        migrations.RunPython(first_stock, migrations.RunPython.noop),
    )
