"""The program that writes `hosting.generated`; a part of the checkout, not of the wheel."""
