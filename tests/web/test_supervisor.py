"""The processes behind the address: what stops them, what brings them back, what stands in their way."""

import os
import signal
import socket
import time

import pytest


def test_a_taken_port_is_one_sentence_and_leaves_nothing(stacks, home):
    """The sentence names the port, who has it and the option that helps."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        answer = stacks.command(home, "up", "--port", str(port))

    assert answer.returncode == 2
    assert f"Port {port} is taken by " in answer.stderr
    assert f"process {os.getpid()}" in answer.stderr
    assert "--port" in answer.stderr
    assert len(answer.stderr.strip().splitlines()) == 1
    assert not home.exists()


def test_a_second_start_says_where_the_first_answers(stack, stacks):
    """Two supervisors on one data folder would fight over its database."""
    answer = stacks.command(stack.home, "up")

    assert answer.returncode == 0
    assert stack.address in answer.stdout


def test_a_second_start_on_another_port_is_refused(stack, stacks):
    """It does not answer there, so success would be a lie."""
    port = stacks.free_port()
    answer = stacks.command(stack.home, "up", "--port", str(port))

    assert answer.returncode == 2
    assert stack.address in answer.stderr
    assert f"not on port {port}" in answer.stderr


def test_a_folder_that_cannot_be_made_is_one_sentence(stacks, home):
    home.write_text("a file where a folder is needed")
    answer = stacks.command(home / "data", "up", "--port", str(stacks.free_port()))

    assert answer.returncode == 2
    assert "PRISMA_HOME" in answer.stderr
    assert len(answer.stderr.strip().splitlines()) == 1


def test_a_crashed_process_is_started_again(stack, stacks):
    """The daemon starts queued runs; without it nothing would, and nobody would notice."""
    [before] = [pid for pid, name in stacks.processes_of(stack.home).items() if name == "daemon"]
    os.kill(before, signal.SIGKILL)
    deadline = time.monotonic() + 30
    after: list[int] = [before]
    while after in ([before], []) and time.monotonic() < deadline:
        time.sleep(0.1)
        after = [pid for pid, name in stacks.processes_of(stack.home).items() if name == "daemon"]

    assert after not in ([before], [])
    assert "The daemon stopped unexpectedly" in stack.output


def test_a_stop_while_starting_leaves_no_process(stacks, home):
    """Ctrl-C in the first seconds is when people use it."""
    started = stacks.start(home)
    deadline = time.monotonic() + 30
    while "Loading the workflows" not in started.output and time.monotonic() < deadline:
        time.sleep(0.05)
    started.stop()

    assert started.process.returncode == 0
    assert stacks.left_after(started.home, 5) == {}


@pytest.mark.slow
@pytest.mark.timeout(240)  # Two whole starts, each up to 60 s on a busy machine.
def test_nothing_outlives_a_killed_supervisor_and_the_next_start_works(stacks, home):
    """After kill -9 only the database stays, which `down` stops and a start joins."""
    first = stacks.start(home)
    first.wait_until_ready()
    first.process.kill()
    first.process.wait()

    assert stacks.left_after(home, 5, database=False) == {}

    second = stacks.start(home)
    second.wait_until_ready()
    down = stacks.command(home, "down")
    again = stacks.command(home, "down")

    assert f"Stopped {second.address}" in down.stdout
    assert second.process.wait(5) == 0
    assert stacks.left_after(home, 5) == {}
    assert "Nothing is running" in again.stdout
    assert again.returncode == 0
