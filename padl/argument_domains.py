"""What losses take, in words: PREDICTIONS and TARGETS explain the words by which a loss declares its arguments.

`@loss(predictions="logits", targets="labels")` says that the first argument holds logits and the second labels. Any
other word is refused; one of a plugin's own is added here first: `TARGETS["trees"] = "parse trees"`.
"""

PREDICTIONS = {
    "values": "real numbers",
    "scores": "scores: real numbers",
    "logits": "logits: real numbers, or -∞ for never",
    "frames": "logits of each frame: real numbers, or -∞ for never",
    "log_probabilities": "log-probabilities: [-∞, 0]",
    "probabilities": "probabilities: [0, 1]",
    "distances": "distances: [0, ∞)",
    "rates": "logarithms of rates: real numbers; or rates: [0, ∞)",
    "moments": "means: real numbers; and how wide they spread: [0, ∞)",
    "embeddings": "vectors of real numbers",
    "hidden": "vectors of real numbers, from which a matrix makes logits",
}
TARGETS = {
    "values": "real numbers",
    "counts": "counts: [0, ∞), usually whole numbers",
    "distributions": "probabilities: [0, 1]",
    "indicators": "[0, 1], usually 0 or 1",
    "signs": "-1 or 1",
    "order": "1 where the first score is to be the larger, -1 where the second is",
    "pairs": "1 for a similar pair, -1 for a dissimilar one",
    "labels": "whole numbers 0 .. classes-1",
    "label_lists": "whole numbers 0 .. classes-1, behind them -1",
    "tokens": "whole numbers 0 .. vocabulary-1",
    "sequences": "whole numbers 0 .. classes-1, without the blank",
    "keys": "whole numbers 0 .. keys-1; left out, each query has the key of its own row",
    "views": "vectors of real numbers: another view of each example",
    "triplets": "vectors of real numbers: one of its own kind, one of another",
}
