"""What packages of other people could offer under their entry points, good and bad."""

from collections.abc import Iterator
from typing import Any

from fractalctl.corpora import CorpusSpec, ReadContext


def read(context: ReadContext) -> Iterator[dict[str, Any]]:
    """Two rows of each of four topics in every split, one of them without a label of the coarser level."""
    context.note("of the weather station")
    for split in ("train", "test"):
        for number, (season, month) in enumerate(
            [("spring", "may"), ("spring", "june"), ("autumn", "october"), ("autumn", "november")] * 2
        ):
            yield {"text": f"{split} {month} {number}", "season": season, "month": month, "split": split}


WEATHER = CorpusSpec(name="weather", levels=("season", "month"), read=read, edition="1.0", licence="CC0 1.0")
CLINC = CorpusSpec(name="clinc", levels=("domain", "intent"), read=read, edition=1)
LOCAL = CorpusSpec(name="papers", levels=("field", "topic"), files={"all": "papers.csv"})
SEVERAL = (WEATHER, LOCAL)
NUMBER = 17
BROKEN_LIST = [WEATHER, NUMBER]
