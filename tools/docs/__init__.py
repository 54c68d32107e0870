"""What is done with the documentation: its code blocks are looked at, and its site is built."""
