"""`padl evaluate`: the evaluation of a run, repeated."""


def test_evaluate_repeats_the_numbers_of_the_run(padl_command, small_run):
    code, out, _ = padl_command("evaluate", str(small_run.folder))
    assert code == 0
    row = next(line for line in out.splitlines() if "accuracy" in line)
    now, before = [cell.strip() for cell in row.strip("│").split("│")][1:]
    assert now == before
