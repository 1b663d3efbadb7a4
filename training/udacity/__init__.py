"""Everything that makes the weights for the Udacity simulator from recordings."""
