"""skorch's classifier with a recipe: a function of what is searched, within scikit-learn's own search."""

import torch
from data import digits
from sklearn.model_selection import GridSearchCV
from torch import Tensor, nn

import paramgroups as pg
from paramgroups.integrations.skorch import RecipeClassifier
from paramgroups.schedules import cosine, warmup


def finetune(head: float = 1.0, thaw: str = "20%") -> pg.Recipe:
    """The head at its own rate, the stem frozen for a while."""
    stem = pg.rule("0 | 1", trainable=False, until=thaw)
    rules = [pg.recipes.no_decay(), stem, pg.rule(":head", lr_scale=head, group="head", schedule=cosine())]
    return pg.Recipe(optimizer="adamw", lr=3e-3, schedule=warmup("5%").then(cosine()), rules=rules)


class Net(nn.Sequential):
    """A small convolutional net."""

    def __init__(self) -> None:
        stem = nn.Conv2d(1, 16, 3, padding=1), nn.BatchNorm2d(16)
        super().__init__(*stem, nn.ReLU(), nn.Flatten(), nn.Linear(1024, 10))


def main() -> float:
    """The share of digits that are told right."""
    torch.manual_seed(0)
    (images, labels), (held, wanted) = (tuple(map(Tensor.numpy, part.tensors)) for part in digits())
    net = RecipeClassifier(Net, criterion=nn.CrossEntropyLoss, recipe=finetune, max_epochs=5, batch_size=32)
    search = GridSearchCV(net.set_params(verbose=0), {"recipe__head": [1, 3]}, cv=2).fit(images, labels)
    print(search.best_params_, search.best_estimator_.history[:, "lr/head"])
    return float((search.predict(held) == wanted).mean())


if __name__ == "__main__":
    print(f"accuracy {main():.1%}")
