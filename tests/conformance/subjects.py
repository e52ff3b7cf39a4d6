"""Items of the house, and broken ones, as checks see them."""
