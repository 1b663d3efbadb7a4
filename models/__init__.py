"""What the network is: the Liquid Attention Network layer and everything built from it."""
