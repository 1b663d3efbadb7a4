"""The CarRacing expert, its demonstrations, and the trainer that clones it."""
