"""The experiments on the Liquid Attention Network, each against strong baselines under one runner."""
