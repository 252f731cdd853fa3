"""Every file that crosses a stage: one typed, versioned record each, with its read and its write.

A stage reads another stage's folder through `folders.open_finished` alone, and what the folder's files hold through the
records of this package; nobody else looks a key up in their JSON.
"""
