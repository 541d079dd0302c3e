"""The program that writes `partition_table`; a part of the checkout, not of the wheel."""
