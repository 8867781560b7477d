"""Write the generated part of file-formats.md and the JSON schemas: ``python docs/write_reference.py``."""

import sys
from pathlib import Path

from fractalctl.documents.reference import write_reference
from fractalctl.measures.metrics import metrics

if __name__ == "__main__":
    results = {name: metric.result for name, metric in metrics().items()}
    sys.stdout.writelines(f"{path}\n" for path in write_reference(Path(__file__).parent, results))
