"""Fields of operations: their models, their plain rules, and the rows that name them."""
