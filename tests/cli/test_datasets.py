"""`advspur datasets`, options after a question mark, and what `evaluate` says of images that cannot be used."""

import pytest

from pyadvspur import benchmarks

pytestmark = pytest.mark.usefixtures("here")


def test_list_has_one_line_a_benchmark(advspur, capsys):
    assert advspur("datasets", "list") == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == benchmarks.names()
    assert any("made at run time" in line for line in lines)
    assert any("https://" in line for line in lines)


def test_options_follow_a_question_mark(advspur, capsys):
    assert advspur("datasets", "sample", "waterbirds", "wb") == 0
    assert advspur("datasets", "verify", "waterbirds", "wb?size=32") == 0
    assert advspur("datasets", "verify", "waterbirds", "wb?sise=32") == 2
    assert "Did you mean 'size'" in capsys.readouterr().err
    assert benchmarks.parse("waterbirds=wb?size=32").preprocessing == "pil-bilinear-37x37-32"


def test_another_size_is_answered_with_what_to_write(advspur, capsys):
    assert advspur("datasets", "sample", "waterbirds", "wb") == 0
    run = ["evaluate", "-m", "embedded:cnn_standard", "-o", "runs/a", "-q"]
    assert advspur(*run, "-b", "waterbirds=wb") == 2
    assert "Write waterbirds=wb?size=32" in capsys.readouterr().err


def test_a_truncated_image_costs_its_row(advspur, capsys, tmp_path):
    assert advspur("datasets", "sample", "waterbirds", "wb") == 0
    named = "waterbirds=wb?size=32&readout=none"
    before = _errors(named)
    for victim in sorted(tmp_path.glob("wb/**/*.jpg")):
        content = victim.read_bytes()
        victim.write_bytes(content[:400])
        if len(_errors(named)) > len(before):  # one of the images that are shown
            break
        victim.write_bytes(content)
    run = ["evaluate", "-m", "random:2", "-q", "-b", named, "-o"]
    assert advspur(*run, "runs/raise") == 1
    assert "on_error='record'" in capsys.readouterr().err
    assert advspur(*run, "runs/record", "--on-error", "record") == 0
    shown = capsys.readouterr()
    assert f"waterbirds: {len(before) + 1} image" in shown.err
    assert victim.name in shown.err


def _errors(name):
    benchmark = benchmarks.parse(name)
    sources = {condition.source for condition in benchmark.conditions}
    batches = [benchmark.read(source, 0, benchmark.size(source)) for source in sources]
    return {error for batch in batches for error in batch.errors or () if error}


def test_options_already_given_are_kept_in_what_to_write(advspur, capsys):
    assert advspur("datasets", "sample", "waterbirds", "wb") == 0
    run = ["evaluate", "-m", "embedded:cnn_standard", "-o", "runs/a", "-q", "-b"]
    assert advspur(*run, "waterbirds=wb?val=true&size=224&readout=none") == 2
    assert "Write waterbirds=wb?val=true&readout=none&size=32 for" in capsys.readouterr().err


def test_a_switch_takes_true_or_false(advspur, capsys):
    assert advspur("datasets", "sample", "waterbirds", "wb") == 0
    capsys.readouterr()
    assert advspur("datasets", "verify", "waterbirds", "wb?val=maybe") == 2
    assert "option 'val' got 'maybe', takes true or false" in capsys.readouterr().err


def test_names_of_files_are_whole_in_tables(advspur, capsys, tmp_path):
    assert advspur("datasets", "sample", "rival10", "[red]r") == 0
    assert advspur("datasets", "verify", "rival10", "[red]r") == 1  # one mask is missing
    shown = "".join(capsys.readouterr().out.split())
    images = {path.name for path in tmp_path.glob("*/test/ordinary/*.JPEG") if "_merged" not in path.name}
    masks = {path.name for path in tmp_path.glob("*/test/entire_object_masks/*")}
    (missing,) = images - masks
    assert f"wrong{missing.removesuffix('.JPEG')}" in shown
