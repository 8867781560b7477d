"""What commands do: every other part put together, one function per command."""
