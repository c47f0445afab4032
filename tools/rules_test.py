"""Each rule of tools/rules finds its offence in a small tree, and nothing in one that keeps it."""

import importlib.machinery
import importlib.util
import subprocess
import tempfile
import unittest
from pathlib import Path


def load_rules():
    path = str(Path(__file__).with_name("rules"))
    spec = importlib.util.spec_from_loader("rules", importlib.machinery.SourceFileLoader("rules", path))
    module = importlib.util.module_from_spec(spec)
    import sys
    sys.dont_write_bytecode = True
    sys.modules["rules"] = module
    spec.loader.exec_module(module)
    return module


rules = load_rules()


class RulesTest(unittest.TestCase):
    def setUp(self):
        self.scratch = tempfile.TemporaryDirectory()
        self.addCleanup(self.scratch.cleanup)
        self.root = Path(self.scratch.name)
        subprocess.run(["git", "init", "-q", self.root], check=True)

    def offences(self, **files):
        """Of a tree with these files; in the names __ stands for / and a last _ for the dot before cpp, hpp."""
        for name, text in files.items():
            stem, _, suffix = name.rpartition("_")
            path = self.root / f"{stem.replace('__', '/')}.{suffix}"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return [f"{o.path}:{o.line}" for o in rules.offences(self.root)]

    def test_downward_includes_are_kept(self):
        self.assertEqual([], self.offences(
            src__sallyport__server__a_cpp="#include <sallyport/proto/b.hpp>\n#include <sallyport/server/a.hpp>\n#include <vector>\n"))

    def test_upward_include(self):
        self.assertEqual(["src/sallyport/net/a.cpp:2"], self.offences(
            src__sallyport__net__a_cpp="#include <vector>\n#include <sallyport/server/b.hpp>\n"))

    def test_sideways_include(self):
        self.assertEqual(["src/sallyport/gate/a.hpp:1"], self.offences(
            src__sallyport__gate__a_hpp="#include <sallyport/client/b.hpp>\n"))

    def test_include_in_quotes(self):
        self.assertEqual(["src/sallyport/base/a.hpp:1"], self.offences(src__sallyport__base__a_hpp='#include "b.hpp"\n'))

    def test_folder_without_a_place(self):
        self.assertEqual(["src/sallyport/misc/a.hpp:1"], self.offences(src__sallyport__misc__a_hpp="\n"))

    def test_socket_in_proto(self):
        self.assertEqual(["src/sallyport/proto/a.hpp:1"], self.offences(
            src__sallyport__proto__a_hpp="#include <sys/socket.h>\n"))

    def test_asio_in_proto(self):
        self.assertEqual(["src/sallyport/proto/a.hpp:1"], self.offences(
            src__sallyport__proto__a_hpp="#include <boost/asio/io_context.hpp>\n"))

    def test_proto_without_a_test(self):
        self.assertEqual(["src/sallyport/proto/a.cpp:1"], self.offences(src__sallyport__proto__a_cpp="\n"))

    def test_proto_with_its_test(self):
        self.assertEqual([], self.offences(src__sallyport__proto__a_cpp="\n", src__sallyport__proto__a_test_cpp="\n"))

    def test_part_with_the_test_of_the_whole(self):
        self.assertEqual([], self.offences(src__sallyport__proto__a_b_cpp="\n", src__sallyport__proto__a_test_cpp="\n"))

    def test_clock_in_a_test_of_proto(self):
        self.assertEqual([], self.offences(src__sallyport__proto__a_test_cpp="#include <chrono>\n"))

    def test_detached(self):
        self.assertEqual(["src/sallyport/net/a.cpp:2"], self.offences(
            src__sallyport__net__a_cpp="// never detached\nasio::co_spawn(l, f(), asio::detached);\n"))

    def test_awaitable_operators(self):
        self.assertEqual(["src/sallyport/net/a.cpp:1"], self.offences(
            src__sallyport__net__a_cpp="using namespace asio::experimental::awaitable_operators;\n"))

    def test_mutex_in_a_session(self):
        self.assertEqual(["src/sallyport/gate/session_data.cpp:1"], self.offences(
            src__sallyport__gate__session_data_cpp="std::mutex m;\n", src__sallyport__gate__pool_cpp="std::mutex m;\n"))

    def test_long_file(self):
        self.assertEqual(["src/sallyport/net/a.cpp:501"], self.offences(src__sallyport__net__a_cpp="\n" * 501))

    def test_long_file_with_a_reason(self):
        (self.root / "tools").mkdir()
        (self.root / "tools/long_files").write_text("# path, why\nsrc/sallyport/net/a.cpp a table\n")
        self.assertEqual([], self.offences(src__sallyport__net__a_cpp="\n" * 501))

    def test_reason_for_a_file_that_is_gone(self):
        (self.root / "tools").mkdir()
        (self.root / "tools/long_files").write_text("src/sallyport/net/gone.cpp a table\n")
        self.assertEqual(["tools/long_files:1"], self.offences())

    def test_path_of_a_machine(self):
        self.assertEqual(["docs/a.md:1"], self.offences(
            docs__a_md="see /ro" + "ot/notes\n", docs__b_md="see build/work/x, $HOME/ro" + "ot/y and /srv/ftp\n"))


if __name__ == "__main__":
    unittest.main()
