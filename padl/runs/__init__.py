"""What a run leaves behind: its folder is the truth, written as the run goes; the console and W&B follow.

run_folder.py makes the folder, writes and reads its files; run_files.py holds those that numbers depend on against
manifest.py, the digests of files; what checked_json.py writes carries its own; status.py writes whether the run is
running and what came of it; environment.py says what it depends on; redaction.py keeps secrets out; processes.py lets
one process write for all; owner.py tells whether a process still lives; writing.py knows of full disks. overview.py
finds run folders, and says at a glance what each holds. recorder.py leads what is measured through windows.py, which
makes rows, to a sink (sink.py): jsonl.py, console.py (in a notebook by notebook_line.py), those that sinks.py finds by
name (metrics_csv.py, tensorboard.py), wandb.py, which speaks to W&B through wandb_process.py and, in a process of its
own, wandb_worker.py; wandb_limits.py has what W&B takes as names. exit_codes.py has those of the command, git.py
commits. checkpoint.py saves parameters; pictures.py says how pictures are drawn, figures.py shows them in a notebook,
curves.py draws the metrics, csv_table.py writes tables.

snapshots.py keeps all that a run needs to go on: a tree of arrays as named leaves (leaves.py), by message pack or Orbax
(array_store.py), what its rows had come to as JSON (array_json.py). lock.py lets one process have a folder;
fault_points.py lets tests end the process at named points.
"""
