"""Models of timm, by name, without their weights."""

from torch import nn

from paramgroups.errors import ModelError
from paramgroups.integrations.hosts import import_host, near
from paramgroups.integrations.models.building import built_on_meta, offline


def build(name: str) -> nn.Module:
    """Build a model of timm on the `meta` device.

    Args:
        name: As `timm.create_model` takes it, such as `"resnet18"`. Nothing is fetched from a hub.

    Raises:
        ModelError: timm is not installed, or has no such model; the nearest is named.
    """
    timm = import_host("timm")
    asked = f"timm:{name}"
    if ":" in name:
        fix = "Nothing is fetched from a hub: give the name of an architecture, such as timm:resnet18."
        raise ModelError(f'"{asked}" is not among the models of timm.\n  {fix}')
    if not timm.is_model(name):
        fix = near(name, timm.list_models(), "Python lists them: timm.list_models().")
        raise ModelError(f'"{asked}": timm {timm.__version__} has no model "{name}".\n  {fix}')
    with offline():
        return built_on_meta(asked, lambda: timm.create_model(name, pretrained=False))
