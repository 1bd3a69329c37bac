"""The operation of the first migrations: many tables for the price of one."""

from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.operations import CreateModel
from django.db.migrations.operations.base import Operation, OperationCategory
from django.db.migrations.state import ProjectState
from pgtrigger.compiler import Trigger


class CreateModels(Operation):
    """Create the tables of `models`, which may refer to each other in any order.

    After each operation Django renders anew every model that a changed one is related to, and nearly all of ours are
    related; one operation for all tables renders them once. What it holds is plain: fields, constraints, indexes and,
    by pgtrigger, triggers are part of a CreateModel. It is for first migrations alone: a later one has few operations,
    as `makemigrations` writes them.
    """

    category = OperationCategory.ADDITION
    serialization_expand_args = ["models"]

    def __init__(self, models: list[CreateModel]) -> None:
        self.models = models

    def state_forwards(self, app_label: str, state: ProjectState) -> None:
        if "apps" in state.__dict__:
            del state.apps  # a cached property: all is rendered when it is next read, nothing until then
        for model in self.models:
            model.state_forwards(app_label, state)

    def database_forwards(
        self, app_label: str, schema_editor: BaseDatabaseSchemaEditor, from_state: ProjectState, to_state: ProjectState
    ) -> None:
        for model in self.models:
            model.database_forwards(app_label, schema_editor, from_state, to_state)
            for trigger in _triggers_of_proxy(model):
                schema_editor.execute(trigger.install_sql, params=None)

    def database_backwards(
        self, app_label: str, schema_editor: BaseDatabaseSchemaEditor, from_state: ProjectState, to_state: ProjectState
    ) -> None:
        for model in reversed(self.models):
            for trigger in _triggers_of_proxy(model):
                schema_editor.execute(trigger.uninstall_sql, params=None)
            model.database_backwards(app_label, schema_editor, from_state, to_state)

    def describe(self) -> str:
        return f"Create {len(self.models)} models"


def _triggers_of_proxy(model: CreateModel) -> list[Trigger]:
    """The triggers that a proxy adds to a table of another app. Django makes no table for it, so pgtrigger none of these."""
    triggers: list[Trigger] = model.options.get("triggers", []) if model.options.get("proxy") else []
    return triggers
