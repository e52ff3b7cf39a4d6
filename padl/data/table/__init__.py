"""Tables as they arrive: text, Parquet, Arrow or a data frame -> columns of one kind each -> float32 inputs.

source_table.py: columns as they were read. reading.py reads them from a file, whose bytes layout.py tells the encoding,
delimiter and header of, and delimited.py takes apart; frames.py takes them from a data frame. columns.py gives each
column its kind, by one rule, with spelling.py (what a field looks like), numbers.py and dates.py; missing.py deals with
what is not there. encoding.py makes inputs of columns, by a description that is data: a later table is encoded alike.
summary.py says what was read. Nothing here knows of tasks, splits or devices.

    table = reading.read("train.csv")
    typed = columns.typed(table, columns.Types())
    description = encoding.describe(typed, ...)
    inputs, notes = encoding.encode(description, frames.from_frame(new_rows))
"""
