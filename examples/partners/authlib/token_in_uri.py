"""Defect: sends its token in the URL. Fails: no-secret-in-url."""

from good import main

main(token_placement="uri")
