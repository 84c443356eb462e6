"""Recipes in the Trainer of transformers: a mixin for any Trainer, and a callback for closed ones."""

from paramgroups.integrations.transformers.arguments import RecipeArguments
from paramgroups.integrations.transformers.callback import RecipeCallback
from paramgroups.integrations.transformers.trainer import RecipeMixin, RecipeTrainer

__all__ = ["RecipeArguments", "RecipeCallback", "RecipeMixin", "RecipeTrainer"]
