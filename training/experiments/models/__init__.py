"""The layers that compete in the experiments, each between the same encoder and the same head."""
