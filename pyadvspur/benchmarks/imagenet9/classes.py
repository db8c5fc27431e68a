"""ImageNet-9's nine classes, and which of ImageNet's 1,000 outputs belong to each.

Source: the class table of Xiao, Engstrom, Ilyas & Madry (ICLR 2021), as ranges of ILSVRC2012 indices.
"""

from __future__ import annotations

DIRECTORIES = (
    "00_dog",
    "01_bird",
    "02_wheeled vehicle",
    "03_reptile",
    "04_carnivore",
    "05_insect",
    "06_musical instrument",
    "07_primate",
    "08_fish",
)
#: Pixel statistics that networks trained on IN-9 (nine outputs) were normalised with. They belong to the model: give
#: your factory's network these as `mean` and `std`. Networks with ImageNet's 1,000 outputs keep ImageNet's.
MEAN = (0.4717, 0.4499, 0.3837)
STD = (0.2600, 0.2516, 0.2575)
NAMES = tuple(directory[3:] for directory in DIRECTORIES)

# Inclusive ranges. 630 outputs belong to no class; 171, 172 (two dogs) and 281-285 (house cats) are among them.
_RANGES = (
    "151-170 173-268",
    "7-24 87-100 127-146",
    "407-408 428 436 444 468 511 547 555 561 565 569 573 586 603 609 612 627 656 661 665 670-671 675 690 705 717 "
    "734 751 757 791 802-803 817 820 829 847 864 866-867 870 880",
    "33-68",
    "269-280 286-299 356-362 387-388",
    "300-326",
    "401-402 420 432 486 494 513 541 546 558 566 577 579 593-594 641-642 683-684 687 699 776 822 875 881 889",
    "365-384",
    "0-6 389-397",
)


def class_of_output() -> list[int]:
    """The class of each of the 1,000 outputs, -1 = none."""
    classes = [-1] * 1000
    for label, ranges in enumerate(_RANGES):
        for part in ranges.split():
            first, _, last = part.partition("-")
            for output in range(int(first), int(last or first) + 1):
                classes[output] = label
    return classes
