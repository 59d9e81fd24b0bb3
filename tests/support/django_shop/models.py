from __future__ import annotations

from django.db import models


class Tag(models.Model):
    name = models.CharField(max_length=30, unique=True)

    class Meta:
        app_label = "django_shop"


class Product(models.Model):
    sku = models.CharField(max_length=20, unique=True)
    title = models.CharField(max_length=100, db_index=True)
    price = models.DecimalField(max_digits=8, decimal_places=2)
    stock = models.PositiveIntegerField(default=0)
    details = models.JSONField(default=dict)
    photo = models.BinaryField(null=True)
    created = models.DateTimeField(auto_now_add=True)
    tags = models.ManyToManyField(Tag, related_name="products")

    class Meta:
        app_label = "django_shop"
        constraints = (models.CheckConstraint(condition=models.Q(price__gte=0), name="price_not_negative"),)
        indexes = (models.Index(fields=["price", "stock"], name="by_price"),)


class Purchase(models.Model):
    product = models.ForeignKey(Product, on_delete=models.CASCADE, related_name="purchases")
    amount = models.IntegerField()
    note = models.TextField(blank=True)

    class Meta:
        app_label = "django_shop"
