"""Giving the tests of bad input to a fuzzer that follows coverage."""
