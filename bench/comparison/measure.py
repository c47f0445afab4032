"""Runs the load generator against the servers, in turns: drift of the machine then affects all of them, and the ratio within
a round is reliable even if the absolute numbers are not."""

import contextlib
import json
import statistics
import subprocess
import time

import stalled_sessions

from .figures import Outcome, Wait
from .servers import ANONYMOUS

LIMIT = 90  # seconds that one run may take


class Failed(Exception):
    pass


def quantile(values, share):
    """The value below which `share` (0 to 1) of `values` lie."""
    return sorted(values)[int(share * (len(values) - 1))]


class Meter:
    def __init__(self, site, generator, seconds, rounds, say):
        self.site, self.generator, self.seconds, self.rounds, self.say = site, generator, seconds, rounds, say
        self.checked = set()  # whose content was compared, by figure

    def rates(self, figure, servers, ours):
        """The outcomes of a figure, and of its waits. `servers` are running, by the names of their columns; `ours` is one of
        those."""
        outcome = Outcome(figure)
        seen = {name: [] for name in servers}
        waits, shares = {}, []
        for _ in range(1 if figure.single_round else self.rounds):
            for name, server in servers.items():
                if name in outcome.failures:
                    continue
                try:
                    with self._idle_sessions(server, figure.idle_sessions):
                        answer = self._run(figure, server)
                except Failed as problem:
                    outcome.failures[name] = str(problem)
                    self.say(f"  {figure.name}: {name}: {problem}")
                    continue
                seen[name].append(answer[figure.per] / figure.scale)
                waits[name] = max(waits.get(name, 0), answer["longest_wait_ms"])
                if name == ours:
                    shares.append(answer["cpu"])
        outcome.values = {name: statistics.median(values) for name, values in seen.items()
                          if values and name not in outcome.failures}
        if ours in outcome.values:
            outcome.ratios = {name: statistics.median(mine / theirs for mine, theirs in zip(seen[ours], seen[name]))
                              for name in outcome.values if name != ours}
            outcome.generator = statistics.median(shares)
        return [outcome, self._alone(Wait(figure), waits, outcome.failures, ours)] if figure.waits else [outcome]

    @staticmethod
    def _alone(figure, values, failures, ours):
        """The outcome of one measurement for each server."""
        ratios = {name: values[ours] / value for name, value in values.items() if name != ours} if values.get(ours) else {}
        return Outcome(figure, values, ratios, failures=failures)

    def memory(self, figure, servers, ours):
        """Each of `servers` is started for this alone, so that its heap contains no memory of earlier work."""
        values, failures = {}, {}
        for name, server in servers.items():
            try:
                server.start()
                measured = self._stalled_memory if figure.stalled else self._idle_memory
                values[name] = figure.shown(measured(server, figure))
            except (Failed, RuntimeError, OSError) as problem:
                failures[name] = str(problem)
                self.say(f"  {figure.name}: {name}: {problem}")
            finally:
                server.stop()
        return self._alone(figure, values, failures, ours)

    def _arguments(self, server, mode, tls, login):
        user, password = login
        return [*server.enter, self.generator, mode, "--host", server.address, "--port", str(server.port), "--user", user, "--pass", password, *(["--tls"] if tls else [])]

    def _run(self, figure, server):
        mode = server.mlsd if figure.mode == "mlsd" else figure.mode
        login = server.writer if figure.writes else ANONYMOUS
        options = [option.format(upload=self.site.upload) for option in figure.options]
        argv = [*self._arguments(server, mode, figure.tls, login), "--seconds", str(figure.duration(self.seconds)), *options]
        if figure.looked_at and (figure.name, server) not in self.checked:
            self.checked.add((figure.name, server))
            argv += ["--expect", self.site.tree / figure.looked_at]
        try:
            done = subprocess.run(argv, capture_output=True, text=True, timeout=LIMIT)
        except subprocess.TimeoutExpired:
            raise Failed(f"no end after {LIMIT} s") from None
        finally:
            for left in (self.site.tree / "up").iterdir():
                left.unlink()
        if done.returncode != 0 or done.stderr:
            raise Failed(done.stderr.strip() or f"the generator ended with {done.returncode}")
        answer = json.loads(done.stdout)
        if figure.size and answer["bytes"] != answer["operations"] * figure.size(self.site):
            raise Failed(f"{answer['bytes']} bytes in {answer['operations']} transfers: some were not whole")
        return answer

    def _stalled_memory(self, server, figure):
        stalled_sessions.allow_descriptors()
        context = stalled_sessions.client_context()
        held = []
        try:
            for number in range(figure.sessions):
                held.append(stalled_sessions.Stalled((server.address, server.port), figure.stalled, server.writer, context,
                                                     source=f"127.0.0.{1 + number % 8}"))
            time.sleep(2)  # slow clients have been noticed
            return server.memory()
        finally:
            for session in held:
                session.close()

    def _idle_memory(self, server, figure):
        with self._idle_sessions(server, figure.sessions, figure.tls, ("--sources", "8")):
            return server.memory()

    @contextlib.contextmanager
    def _idle_sessions(self, server, count, tls=False, sources=()):
        if not count:
            yield
            return
        argv = [*self._arguments(server, "hold", tls, ANONYMOUS), "--count", str(count), *sources]
        with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as holder:
            try:
                line = holder.stdout.readline()
                if not line or json.loads(line)["operations"] != count:
                    holder.stdin.close()
                    raise Failed(holder.stderr.read().strip() or "not all sessions could be opened")
                yield
            finally:
                holder.kill()
