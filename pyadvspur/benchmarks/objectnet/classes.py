"""ObjectNet's 113 classes that ImageNet also has, by folder name, and ImageNet's outputs for each.

Keyed on folder names and nothing else: ObjectNet numbers its classes by sorted *label*, which is another order than
that of folders, so positions in a directory listing mean nothing.

Source: the mapping files of ObjectNet 1.0 (Barbu et al., NeurIPS 2019), joined by name once.
"""

from __future__ import annotations

from functools import cache

from pyadvspur.labels import LabelMap

_TABLE = """
alarm_clock 409,530  backpack 414  banana 954  band_aid 419  basket 790  beer_bottle 440  bench 703  bicycle 444,671
binder_closed 446  bottle_cap 455  bread_loaf 930  broom 462  bucket 463  butchers_knife 499  can_opener 473
candle 470  cellphone 487  chair 423,559,765  clothes_hamper 588  coffee_french_press 550  combination_lock 507
computer_mouse 673  desk_lamp 846  doormat 539  dress 578  dress_shoe_men 630  drill 740  drinking_cup 968
drying_rack_for_dishes 729  envelope 549  fan 545  frying_pan 567  full_sized_towel 434  hair_dryer 589  hammer 587
hand_towel_or_rag 533  helmet 518,560  iron_for_clothes 606  jeans 608  keyboard 508  ladle 618  lampshade 619
laptop_open 620  lemon 951  letter_opener 623  lighter 626  lipstick 629  match 644  measuring_cup 647
microwave 651  mixing_salad_bowl 659  monitor 664  mug 504  nail_fastener 677  necklace 679  orange 950  padlock 695
paintbrush 696  paper_towel 700  pen 418,563,749  pill_bottle 720  pillow 721  pitcher 725  plastic_bag 728
plate 923  plunger 731  pop_can 737  portable_heater 811  printer 742  remote_control 761  ruler 769
running_shoe 770  safety_pin 772  salt_shaker 773  sandal 774  screw 783  shovel 792  skirt 601,655,689
sleeping_bag 797  soap_dispenser 804  sock 806  soup_bowl 809  spatula 813  speaker 632  still_camera 732,759
strainer 828  stuffed_animal 850  suit_jacket 834  sunglasses 837  sweater 841  swimming_trunks 842  t-shirt 610
teapot 849  tennis_racket 752  tie 457,906  toaster 859  toilet_paper_roll 999  trash_bin 412  tray 868  tv 851
umbrella 879  vacuum_cleaner 882  vase 883  wallet 893  watch 531  water_bottle 898  weight_exercise 543
weight_scale 778  wheel 479,694  whistle 902  wine_bottle 907  winter_glove 658  wok 909
"""

#: folder -> ImageNet outputs, ascending. 104 folders have one, 6 two, 3 three; no output belongs to two folders.
OUTPUTS: dict[str, tuple[int, ...]] = {
    folder: tuple(map(int, outputs.split(",")))
    for folder, outputs in zip(_TABLE.split()[::2], _TABLE.split()[1::2])
}
#: Class k of the benchmark is FOLDERS[k].
FOLDERS = tuple(OUTPUTS)
#: The 125 outputs, ascending.
RESTRICTED = tuple(sorted(output for outputs in OUTPUTS.values() for output in outputs))
N_OUTPUTS = 1000


def class_of_output() -> list[int]:
    """The class of each of ImageNet's 1,000 outputs, -1 = none."""
    classes = [-1] * N_OUTPUTS
    for label, outputs in enumerate(OUTPUTS.values()):
        for output in outputs:
            classes[output] = label
    return classes


@cache
def all_compete() -> LabelMap:
    """Convention A: the best of 1,000 outputs must be one of the folder's."""
    return LabelMap.many_to_one(class_of_output())


@cache
def only_known_compete() -> LabelMap:
    """Convention B: the best of the 125 outputs must be one of the folder's."""
    classes = class_of_output()
    return LabelMap.restricted(RESTRICTED, [classes[output] for output in RESTRICTED], N_OUTPUTS)


def folder_key(name: str) -> str:
    """A directory's name as the table writes it: lower case, "_" for blanks."""
    return name.strip().lower().replace(" ", "_")
