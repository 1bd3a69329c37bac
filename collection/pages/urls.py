"""Addresses of the pages that need no log-in."""

from django.urls import path

from collection.pages import views

urlpatterns = [path("receipts/<str:link>/", views.receipt, name="collection_receipt")]
