"""The parts of the experiment `lane-keeping`: its data, networks and drives."""
