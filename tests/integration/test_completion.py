"""What is written from the table of options, tried by the programs that read it: bash, zsh, fish, man and the daemons themselves."""

import os
import pty
import re
import select
import shutil
import subprocess
import time

import pytest

from conftest import cannot

POLICIES = {"least-sessions", "round-robin", "least-response-time", "client-address", "user"}


def written(sallyport, form, *command):
    return subprocess.run([sallyport, "help", "--format", form, *command], check=True, capture_output=True, text=True, timeout=10).stdout


def shell(name):
    return shutil.which(name) or cannot(f"{name} is not installed")


def in_bash(script, line):
    words = re.findall(r"[^\s=]+|=", line) + ([""] if line.endswith((" ", "=")) else [])
    program = f'source {script}; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _sallyport; printf "%s\\n" "${{COMPREPLY[@]}}"'
    return set(subprocess.run([shell("bash"), "-c", program, "bash", *words], check=True, capture_output=True, text=True, timeout=10).stdout.split())


def in_fish(script, line):
    done = subprocess.run([shell("fish"), "--no-config", "-c", f"source {script}; complete -C '{line}'"], check=True, capture_output=True, text=True, timeout=20)
    return {each.split("\t")[0] for each in done.stdout.splitlines()}


def in_zsh(script, line):
    """On a terminal, since zsh completes nowhere else: ^D lists the candidates."""
    place = script.parent / "zsh"
    place.mkdir()
    shutil.copy(script, place / "_sallyport")
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ.update(TERM="dumb", COLUMNS="200", LINES="200")
        os.execv(shell("zsh"), ["zsh", "-f", "-i"])
    seen = ""
    try:
        def wait_for(mark):
            nonlocal seen
            end = time.monotonic() + 60
            while mark not in seen:
                assert select.select([terminal], [], [], max(0, end - time.monotonic()))[0], f"no {mark!r} in {seen!r}"
                seen += os.read(terminal, 65536).decode(errors="replace")
            before, seen = seen.split(mark, 1)
            return before
        start = f"PS1=READY; stty cols 200; LISTMAX=1000; fpath=({place} $fpath); autoload -U compinit; compinit -u -D; unsetopt zle_bracketed_paste; echo begin''ning\n"
        os.write(terminal, start.encode())
        wait_for("beginning")
        wait_for("READY")
        # The candidates are printed below the line, which is then drawn again.
        os.write(terminal, line.encode() + b"\x04")
        wait_for(line)
        return set(wait_for("READY").split())
    finally:
        os.close(terminal)
        os.kill(pid, 9)
        os.waitpid(pid, 0)


@pytest.fixture(params=[("bash", in_bash), ("fish", in_fish), ("zsh", in_zsh)], ids=lambda each: each[0])
def complete(request, sallyport, tmp_path):
    name, run = request.param
    shell(name)
    script = tmp_path / f"completion.{name}"
    script.write_text(written(sallyport, name))
    subprocess.run([shell(name), "-n", script], check=True, timeout=10)
    return lambda line: run(script, line)


def test_commands_are_completed(complete, sallyport):
    commands = {line.split()[1] for line in written(sallyport, "commands").splitlines() if " " in line}
    assert len(commands) > 5 and commands <= complete("sallyport ")


def test_values_of_a_choice_are_completed(complete):
    found = complete("sallyport gate --balance ")
    assert POLICIES <= found and "--backend" not in found


def test_subcommands_have_their_own_options_and_those_of_the_command_above(complete):
    found = complete("sallyport gate status --")
    assert {"--json", "--sessions", "--control-socket"} <= found


def test_an_equals_sign_before_the_value(sallyport, tmp_path):
    script = tmp_path / "completion.bash"
    script.write_text(written(sallyport, "bash"))
    assert in_bash(script, "sallyport gate --balance=") == POLICIES
    assert in_bash(script, "sallyport gate --balance=r") == {"round-robin"}
    assert in_bash(script, "sallyport gate --tls-cert=") == set(), "bash completes file names by itself"


def test_manual_pages_are_well_formed(sallyport):
    if not shutil.which("groff"):
        cannot("groff is not installed")
    for command in [line.split()[1:] for line in written(sallyport, "commands").splitlines()] + [None]:
        page = written(sallyport, "toml") if command is None else written(sallyport, "man", *command)
        done = subprocess.run(["groff", "-man", "-Tutf8", "-ww", "-Kutf8", "-P-c"], input=page, capture_output=True, text=True, timeout=20)
        assert not done.stderr, (command, done.stderr)
        shown = re.sub(".\b", "", done.stdout)
        assert "NAME" in shown and "SEE ALSO" in shown
        if command == ["gate"]:
            assert "--balance POLICY" in shown and "weight=N" in shown


@pytest.mark.parametrize("daemon", ["serve", "gate"])
def test_a_sample_file_has_every_key_and_its_defaults_are_valid(sallyport, daemon, tmp_path):
    sample = written(sallyport, "toml", daemon)
    keys = re.findall(r"^#([a-z][a-z-]*) = ", sample, re.MULTILINE)
    helped = set(re.findall(r"^  (?:-\w, )?--([a-z-]+)", subprocess.run([sallyport, daemon, "--help"], capture_output=True, text=True).stdout, re.MULTILINE))
    assert len(keys) == len(set(keys)) and set(keys) == helped - {"help", "config"}
    # A setting with a form in place of a default has capital letters.
    settings = [line[1:] for line in sample.splitlines() if re.match(r"#[a-z-]+ = [^A-Z]*$", line)]
    assert len(settings) > 20
    with_defaults = tmp_path / "defaults.toml"
    with_defaults.write_text("\n".join(settings) + "\n")
    arguments = [str(tmp_path), "--anonymous"] if daemon == "serve" else ["--backend", "ftp://127.0.0.1"]
    checks = [subprocess.run([sallyport, daemon, *arguments, "--listen", "127.0.0.1:0", *extra, "check"], capture_output=True, text=True, timeout=20)
              for extra in ([], ["--config", str(with_defaults)])]
    assert [each.returncode for each in checks] == [0, 0], checks[1].stderr
    assert checks[1].stdout.splitlines()[0] == checks[0].stdout.splitlines()[0]
    as_packaged = tmp_path / "sample.toml"
    as_packaged.write_text(sample)
    assert subprocess.run([sallyport, daemon, *arguments, "--config", str(as_packaged), "check"], capture_output=True, timeout=20).returncode == 0


def test_a_command_without_configuration_file_has_no_sample(sallyport):
    done = subprocess.run([sallyport, "help", "--format", "toml", "get"], capture_output=True, text=True, timeout=10)
    assert done.returncode == 2 and "there is no sample file for" in done.stderr and not done.stdout
