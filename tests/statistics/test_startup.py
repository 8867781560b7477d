import subprocess
import sys


def test_nothing_heavy_is_imported():
    code = """
import sys
import fractalctl.statistics
heavy = {"torch", "sklearn", "pandas", "statsmodels", "matplotlib", "h5py", "transformers"} & set(sys.modules)
assert not heavy, heavy
"""
    subprocess.run([sys.executable, "-c", code], check=True)
