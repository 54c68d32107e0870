"""Prove that each distribution works with nothing but what it declares."""
