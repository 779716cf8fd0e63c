"""Tensors, the tape, Programs: what is recorded and how gradients are found."""
