"""Evaluation: what is weak in a policy, and what would be better."""
