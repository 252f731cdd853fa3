"""Ctrl-C in a process of its own, really sent: once, twice, and within what is written whole."""

from __future__ import annotations

import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import psutil

from journey import interrupts

BEGIN = """
import os, signal, sys, threading, time
from journey import interrupts, processes

def ctrl_c():
    os.kill(os.getpid(), signal.SIGINT)

interrupts.handle()
"""


def run(code: str, **more: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-P", "-c", BEGIN + textwrap.dedent(code)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, **more)  # type: ignore[call-overload,no-any-return]


def ended(pid: int) -> bool:
    _, alive = psutil.wait_procs([psutil.Process(pid)] if psutil.pid_exists(pid) else [], 10)
    return not alive


def test_once_is_an_exception() -> None:
    done = run(
        """
        try:
            ctrl_c()
            time.sleep(60)
        except KeyboardInterrupt:
            print("interrupted", interrupts.received())
        """
    )
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "interrupted True", "")


def test_what_is_written_is_finished_first() -> None:
    done = run(
        """
        try:
            with interrupts.uninterrupted():
                with interrupts.uninterrupted():
                    ctrl_c()
                    print("written")
                print("as well")
            print("never")
        except KeyboardInterrupt:
            print("interrupted")
        try:
            with interrupts.uninterrupted():
                pass
            print("once only")
        except KeyboardInterrupt:
            print("twice")
        """
    )
    assert done.stdout.split("\n") == ["written", "as well", "interrupted", "once only", ""]
    assert done.stderr.strip() == interrupts._FINISHING.decode().strip()


def test_twice_ends_at_once_with_all_children() -> None:
    """In the midst of writing, with a thread that never ends and a program that would work on for minutes."""
    done = run(
        """
        import subprocess
        program = processes.start_program([sys.executable, "-c", "import time; time.sleep(600)"])
        print(program.pid, flush=True)
        threading.Thread(target=time.sleep, args=(600,)).start()
        try:
            with interrupts.uninterrupted():
                ctrl_c()
                ctrl_c()
                time.sleep(60)
        finally:
            print("unwound")
        """
    )
    assert done.returncode == 130 and "unwound" not in done.stdout
    assert "Traceback" not in done.stderr and done.stderr.strip().endswith(interrupts._STOPPED.decode().strip())
    assert ended(int(done.stdout))


def test_leaving_waits_for_no_thread_and_leaves_no_child() -> None:
    done = run(
        """
        program = processes.start_program([sys.executable, "-c", "import time; time.sleep(600)"])
        threading.Thread(target=time.sleep, args=(600,)).start()
        print(program.pid, end="")
        interrupts.leave()
        """
    )
    assert (done.returncode, done.stderr) == (130, "")
    assert ended(int(done.stdout))


def test_where_ctrl_c_is_ignored_it_stays_so() -> None:
    """As in a background job of a shell script."""
    code = "ctrl_c(); time.sleep(0.1); print('goes on', signal.getsignal(signal.SIGINT) is signal.SIG_IGN)"
    done = run(code, preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN))
    assert done.stdout.strip() == "goes on True"


def test_the_notes_of_the_interrupt_behind_an_exception() -> None:
    try:
        try:
            error = KeyboardInterrupt()
            error.add_note("3 are kept")
            raise error
        except KeyboardInterrupt as caught:
            raise RuntimeError from caught
    except RuntimeError:
        try:
            sys.exit(130)
        except SystemExit as exit_:
            assert interrupts.kept(exit_) == ["3 are kept"]
    assert interrupts.kept(ValueError()) == []


def test_a_shard_is_whole_or_not_there(tmp_path: Path) -> None:
    """Ctrl-C while the first of two files is written: both are there and marked, and the note says so."""
    done = run(
        f"""
        from pathlib import Path
        from journey import store
        write = store.write_atomic

        def interrupted(path, data):
            write(path, data)
            if path.name == "one.jsonl":
                ctrl_c()

        store.write_atomic = interrupted
        try:
            with store.Folder.open(Path({str(tmp_path / "out")!r}), "generate", {{}}) as folder:
                for key in folder.missing([0, 1]):
                    folder.write_shard(key, {{"one.jsonl": b"1", "two.jsonl": b"2"}})
        except KeyboardInterrupt as error:
            print(*error.__notes__)
        """
    )
    partial = tmp_path / "out.partial"
    assert done.stdout.strip() == f"1 finished part of {tmp_path / 'out'} is kept in {partial}"
    assert (partial / "two.jsonl").read_bytes() == b"2" and (partial / ".done/00000.json").is_file()
    assert not (partial / ".done/00001.json").exists()


def test_a_folder_is_finished_or_not(tmp_path: Path) -> None:
    """Ctrl-C while the manifest is written: the folder gets its name, and nothing is said to be kept elsewhere."""
    done = run(
        f"""
        from pathlib import Path
        from journey import store
        write = store.write_atomic

        def interrupted(path, data):
            write(path, data)
            if path.name == "manifest.json":
                ctrl_c()

        store.write_atomic = interrupted
        try:
            with store.Folder.open(Path({str(tmp_path / "out")!r}), "generate", {{}}) as folder:
                folder.finish({{}})
        except KeyboardInterrupt as error:
            print(getattr(error, "__notes__", "no notes"))
        """
    )
    assert done.stdout.strip() == "no notes" and (tmp_path / "out" / "manifest.json").is_file()
