"""Tables as they arrive: text, Parquet, Arrow or a data frame -> columns of one kind each -> float32 inputs.

source_table.py: columns as they were read. reading.py reads them from a file, whose bytes layout.py tells the encoding,
delimiter and header of, and delimited.py takes apart; frames.py takes them from a data frame. columns.py gives each
column one of the kinds of kinds.py: text_columns.py does so for text, by one rule, with spelling.py (what a field looks
like), numbers.py and dates.py; advice.py says which option settles what is in doubt, missing.py deals with what is not
there. encoding.py makes inputs of columns, by a description that is data: a later table is encoded alike; stored.py
checks one that was stored. summary.py says what was read; arrow.py imports Arrow. Nothing here knows of splits, models
or devices.

    table = reading.read("train.csv")                       # or frames.from_frame(data_frame)
    features = columns.typed(table, kinds.Types())          # {name: Column}
    description = encoding.describe(list(features.values()))
    inputs = encoding.inputs_of(description, features)      # float32, NaN where a number is missing
    description = encoding.fitted(description, means, seen) # what the training rows say; JSON can hold it
    inputs, notes = encoding.encode(description, frames.from_frame(new_rows))
    ages = columns.array_of(table, "age")                   # a column that is no feature: it groups or orders the rows
"""
