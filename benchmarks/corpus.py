"""What the audit finds of the corpus of small set-ups: every fault, and nothing in the sound ones."""

import torch

from benchmarks.measure import save, show
from tests.auditing.corpus.scoring import outcomes, score


def main() -> None:
    """Audit every set-up once."""
    torch.set_num_threads(1)
    found = list(outcomes())
    figures = score(found)
    show(the_corpus={name: value for name, value in figures.items() if isinstance(value, int | float)})
    for outcome in found:
        if outcome.missed or outcome.alarms:
            print(outcome)
    save("corpus", figures)


if __name__ == "__main__":
    main()
