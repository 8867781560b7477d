"""Write the reference of commands and file formats: ``python docs/write_reference.py``."""

import sys
from pathlib import Path

from fractalctl.cli import build_app
from fractalctl.cli.reference import commands_page
from fractalctl.documents.reference import write_reference
from fractalctl.measures.metrics import metrics
from store.files import write_aside

if __name__ == "__main__":
    docs = Path(__file__).parent
    results = {name: metric.result for name, metric in metrics().items()}
    with write_aside(docs / "commands.md") as aside:
        aside.write_text(commands_page(build_app()), encoding="utf-8")
    sys.stdout.writelines(f"{path}\n" for path in [docs / "commands.md", *write_reference(docs, results)])
