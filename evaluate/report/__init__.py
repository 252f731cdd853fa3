"""The report on an evaluation folder, as HTML, Markdown and terminal text.

Import what is needed from:

    build      report.html and report.md of a folder
    content    what every form of the report says, as text ready to print
    html, markdown, terminal    its three forms
    training, lineage, examples    the training behind it
    costs, behaviour, viewer, answers    test-time compute, habits, and the browsable answers
"""
