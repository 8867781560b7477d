"""Run the command line as ``python -m fractalctl``."""

from fractalctl.cli import main

main()
