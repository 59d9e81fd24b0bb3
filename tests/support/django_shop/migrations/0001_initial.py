from __future__ import annotations

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True
    operations = (
        migrations.CreateModel(
            "Tag",
            [
                ("id", models.BigAutoField(primary_key=True)),
                ("label", models.CharField(max_length=20)),
            ],
        ),
        migrations.CreateModel(
            "Product",
            [
                ("id", models.BigAutoField(primary_key=True)),
                ("sku", models.CharField(max_length=20, unique=True)),
                ("title", models.CharField(max_length=50)),
                ("price", models.DecimalField(max_digits=8, decimal_places=2)),
                ("details", models.JSONField(default=dict)),
                ("photo", models.BinaryField(null=True)),
                ("created", models.DateTimeField(auto_now_add=True)),
                ("tags", models.ManyToManyField("django_shop.tag", related_name="products")),
            ],
        ),
        migrations.CreateModel(
            "Purchase",
            [
                ("id", models.BigAutoField(primary_key=True)),
                (
                    "product",
                    models.ForeignKey(
                        "django_shop.product", on_delete=django.db.models.deletion.CASCADE, related_name="purchases"
                    ),
                ),
                ("amount", models.IntegerField()),
            ],
        ),
    )
