"""Where rows come from, and how a run takes them: a batch is a dict of arrays, whoever reads it.

source.py: what a program is given of the data, and the contract of a source; resident.py draws batches of rows that lie
on the device, streamed.py reads them on the host ahead of it. batches.py says which rows a step takes. split.py, with
sides.py, holds rows out, checks.py refuses what cannot be trained on. table/ reads tables; image_files.py finds the
images of a folder, image_pixels.py reads them, sklearn_files.py finds what scikit-learn ships.
"""
