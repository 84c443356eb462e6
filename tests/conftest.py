"""What every test needs."""

import torch

from tests.support import import_transformers

import_transformers()
# The models are small: threads that wait for each other on a busy machine cost more than they bring.
torch.set_num_threads(1)
