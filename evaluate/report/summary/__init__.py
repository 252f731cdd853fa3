"""The first screen: who won, whether it can be trusted, what it cost, what to do next.

Import what is needed from:

    record      the one record that HTML, Markdown and terminal show
    build       that record from an evaluation folder and what lies behind it
    commands    what to do next, as commands
    flipped     one problem that the arms answer differently
"""
