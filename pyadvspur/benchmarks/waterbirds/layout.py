"""What Waterbirds looks like on disk, and how many images its authors put where."""

from __future__ import annotations

METADATA = "metadata.csv"
#: The folder's name as published, and as the WILDS mirror names it.
FOLDERS = ("waterbird_complete95_forest2water2", "waterbirds_v1.0")
CLASSES = ("landbird", "waterbird")
PLACES = ("land", "water")
#: Group g = 2 y + place.
GROUPS = tuple(f"{bird}/{place}" for bird in CLASSES for place in PLACES)
#: Number of a split in the csv is its place here.
SPLITS = ("train", "val", "test")
#: Columns that are read; the csv also has img_id (checked where it is there) and place_filename.
NEEDED = ("img_filename", "y", "split", "place")
#: Images by split and group, as published.
COUNTS = {
    "train": (3498, 184, 56, 1057),
    "val": (467, 466, 133, 133),
    "test": (2255, 2255, 642, 642),
}
PREPROCESSING = "pil-bilinear-256x256-224"
HOMEPAGE = "https://nlp.stanford.edu/data/dro/waterbird_complete95_forest2water2.tar.gz"
LICENCE = "non-commercial research and education (CUB-200-2011 and Places)"
