"""PyTorch Lightning: a recipe in one line of `configure_optimizers`, a callback for all else.

Lightning trains a module by a `Trainer`, which asks the module for its optimizers and schedulers once.
"""

from paramgroups.integrations.lightning.configuring import configure as configure
from paramgroups.integrations.lightning.finetuning import BackboneFinetuning as BackboneFinetuning
from paramgroups.integrations.lightning.recipe_callback import RecipeCallback as RecipeCallback
