"""Foreign keys point down: config -> recycling -> collection -> accounts."""

from __future__ import annotations

from django.apps import apps

RANK = {"accounts": 0, "collection": 1, "recycling": 2}


def test_foreign_keys_point_down() -> None:
    for model in apps.get_models():
        own = RANK.get(model._meta.app_label)
        if own is None:
            continue
        for field in model._meta.get_fields():
            if field.auto_created or not field.is_relation or field.related_model is None:
                continue
            other = RANK.get(field.related_model._meta.app_label)
            assert other is None or other <= own, f"{model.__name__}.{field.name} points up"


def test_there_are_no_generic_foreign_keys() -> None:
    for model in apps.get_models():
        if model._meta.app_label in RANK:
            assert not model._meta.private_fields, model


def test_every_model_says_who_may_see_it() -> None:
    """`visible_to` stands on every model of ours; histories are read through their records only."""
    for label in RANK:
        for model in apps.get_app_config(label).get_models():
            if hasattr(model, "pgh_tracked_model"):
                continue
            assert hasattr(model._default_manager.all(), "visible_to"), model
