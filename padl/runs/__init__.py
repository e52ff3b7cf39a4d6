"""What a run leaves behind: its folder is the truth, written as the run goes; the console and W&B follow.

run_folder.py makes the folder, writes and reads its files; run_files.py holds those that numbers depend on against
manifest.py, the digests of files; status.py writes whether the run is running and what came of it; environment.py says
what it depends on; redaction.py keeps secrets out; processes.py lets one process write for all. recorder.py leads what
is measured through windows.py, which makes rows, to a sink (sink.py): jsonl.py, console.py, wandb.py. checkpoint.py
saves parameters; curves.py draws the metrics, csv_table.py writes tables.
"""
