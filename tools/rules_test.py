"""Each rule of tools/rules finds its offence in a small tree, and nothing in one that keeps it."""

import importlib.machinery
import importlib.util
import re
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
        # A header here without "#pragma once" is about another rule than that on its opening comment.
        whole = {path for path in self.root.rglob("*.hpp") if path.read_text().startswith("#pragma once")}
        return [f"{o.path}:{o.line}" for o in rules.offences(self.root)
                if "the comment at the top" not in o.what or self.root / o.path in whole]

    def test_downward_includes_are_kept(self):
        self.assertEqual([], self.offences(
            src__sallyport__server__a_cpp="#include <sallyport/proto/b.hpp>\n#include <sallyport/server/a.hpp>\n#include <vector>\n"))

    def test_upward_include(self):
        self.assertEqual(["src/sallyport/net/a.cpp:2"], self.offences(
            src__sallyport__net__a_cpp="#include <vector>\n#include <sallyport/server/b.hpp>\n"))

    def test_sideways_include(self):
        self.assertEqual(["src/sallyport/gate/a.hpp:1"], self.offences(
            src__sallyport__gate__a_hpp="#include <sallyport/server/b.hpp>\n"))

    def test_historic_faults_are_tested(self):
        page = "| fault | numbers | test |\n|---|---|---|\n| a | 2001-0001, 2002-12345 | `One` in `src/a_test.cpp` |\n| b | 2003-0001 | none |\n"
        test = "// CVE-2001-0001 CVE-2002-12345.\nTEST(A, One) {}\n"
        self.assertEqual([], self.offences(**{"docs__historic-faults_md": page, "src__a_test_cpp": test}))
        self.assertEqual(["docs/historic-faults.md:3"], self.offences(src__a_test_cpp=test.replace("CVE-2002-12345", "none")))
        self.assertEqual(["docs/historic-faults.md:3"], self.offences(src__a_test_cpp=test.replace("One", "Two")))
        self.assertEqual(["src/a_test.cpp:3"], self.offences(src__a_test_cpp=test + "// CVE-2004-0001\n"))

    def test_layers_are_read_from_the_build(self):
        self.assertEqual({"base"}, rules.LAYERS["vfs"])
        self.assertIn("proto", rules.LAYERS["frontend"])  # by way of reach
        self.assertIn("client", rules.LAYERS["gate"])
        self.assertNotIn("server", rules.LAYERS["gate"])
        self.assertEqual(set(rules.LAYERS) - {"cli"}, rules.LAYERS["cli"])

    def line_of_layers(self, line):
        (self.root / "ARCHITECTURE.md").write_text("# A\n" + line + "\n")
        return self.offences()

    def test_line_of_layers(self):
        real = (rules.HERE / "ARCHITECTURE.md").read_text()
        true = next(line for line in real.splitlines() if line.startswith("base ←"))
        self.assertEqual([], self.line_of_layers(true))
        for false in (true.replace("← frontend ← server, gate ←", "← server, gate ← frontend ←"), true.replace(", vfs", ""), true.replace("vfs", "vfs, other"),
                      true.replace("base ← ", "base, net ← ").replace("← net, vfs", "← vfs")):
            self.assertNotEqual(true, false)
            self.assertEqual(["ARCHITECTURE.md:2"], sorted(set(self.line_of_layers(false))), false)
        self.assertEqual(["ARCHITECTURE.md:1"], self.line_of_layers("nothing"))

    def test_option_in_the_library(self):
        self.assertEqual(["src/sallyport/client/a.cpp:2"], self.offences(
            src__sallyport__client__a_cpp='// see --resume\nauto s = "use --resume";\n',
            src__sallyport__client__a_test_cpp='auto s = "--resume";\n', src__sallyport__cli__a_cpp='auto s = "--resume";\n'))

    def test_include_in_quotes(self):
        self.assertEqual(["src/sallyport/base/a.cpp:1"], self.offences(src__sallyport__base__a_cpp='#include "b.hpp"\n'))

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

    def excepting(self, text):
        (self.root / "tools").mkdir()
        (self.root / "tools/size_exceptions").write_text(text)

    def test_many_methods(self):
        few, many = ("\n".join(f"    void m{i}();" for i in range(n)) for n in (40, 41))
        self.assertEqual(["src/sallyport/net/b.hpp:2"], self.offences(
            src__sallyport__net__a_hpp=f"class a {{\npublic:\n{few}\n}};\n",
            src__sallyport__net__b_hpp=f"// b\nclass b {{\npublic:\n{many}\n}};\n"))

    def test_many_members(self):
        few, many = ("\n".join(f"    int m{i}_ = 0;" for i in range(n)) for n in (20, 21))
        self.assertEqual(["src/sallyport/net/b.hpp:2"], self.offences(
            src__sallyport__net__a_hpp=f"class a {{\n{few}\n}};\n", src__sallyport__net__b_hpp=f"\nstruct b {{\n{many}\n}};\n"))

    def test_long_function(self):
        short, long = ("\n".join(["    work();"] * n) for n in (68, 69))
        self.assertEqual(["src/sallyport/net/a.cpp:71"], self.offences(
            src__sallyport__net__a_cpp=f"void f() {{\n{short}\n}}\nvoid g() {{\n{long}\n}}\n"))

    def test_class_over_two_files(self):
        self.assertEqual(["src/sallyport/net/a_more.cpp:2"], self.offences(
            src__sallyport__net__a_cpp="namespace sallyport::net {\nint a::f() { return 1; }\n}\n",
            src__sallyport__net__a_more_cpp="namespace sallyport::net {\nint a::g() { return 2; }\n}\n"))

    def test_classes_of_one_name_in_two_files(self):
        self.assertEqual([], self.offences(
            src__sallyport__net__a_cpp="namespace sallyport::net { namespace {\nint reader::f() { return 1; }\n} }\n",
            src__sallyport__net__b_cpp="namespace sallyport::net { namespace {\nint reader::f() { return 2; }\n} }\n",
            src__sallyport__gate__a_cpp="namespace sallyport::gate {\nint x::f() { return 1; }\n}\n",
            src__sallyport__server__a_cpp="namespace sallyport::server {\nint x::f() { return 2; }\n}\n"))

    def test_large_class_with_a_reason(self):
        self.excepting("# kind, name, reason\nmembers net::a  a table\n")
        many = "\n".join(f"    int m{i}_ = 0;" for i in range(21))
        self.assertEqual([], self.offences(src__sallyport__net__a_hpp=f"namespace sallyport::net {{\nstruct a {{\n{many}\n}};\n}}\n"))

    def test_reason_that_is_not_needed_any_more(self):
        self.excepting("members net::a  a table\nlines net::gone\n")
        self.assertEqual(["tools/size_exceptions:2", "tools/size_exceptions:1", "tools/size_exceptions:2"], self.offences(
            src__sallyport__net__a_hpp="namespace sallyport::net {\nstruct a {\n    int one;\n};\n}\n"))

    def test_trailing_comment(self):
        self.assertEqual(["src/sallyport/base/a.cpp:3", "src/sallyport/base/a.cpp:5"], self.offences(
            src__sallyport__base__a_cpp="// above\nint a = 1;\nint b = 2;  // after code\nauto c = \"// text\";\nint d = f(  // here\n    1);\n"
                                        "// alone\nint e;  // NOLINT(x)\n}  // namespace sallyport\n",
            src__sallyport__base__a_test_cpp="int a = 1;  // RX-06\n"))

    def test_header_that_says_how_it_is_used(self):
        self.assertEqual([], self.offences(
            src__sallyport__base__a_hpp="#pragma once\n// A sum. Pure functions;\n// any thread.\n\nint a;\n",
            src__sallyport__base__test_a_hpp="#pragma once\n// For tests.\nint a;\n"))

    def test_header_that_does_not_say_how_it_is_used(self):
        self.assertEqual(["src/sallyport/base/a.hpp:2", "src/sallyport/base/a.hpp:2", "src/sallyport/base/b.hpp:2"], self.offences(
            src__sallyport__base__a_hpp="#pragma once\n// A sum.\nint a;\n// A value; any thread.\n",
            src__sallyport__base__b_hpp="#pragma once\n// A value.\n"))

    def test_decisions(self):
        long = "\n   more" * 4
        self.assertEqual(["ARCHITECTURE.md:1", "ARCHITECTURE.md:8", "docs/decisions/03-c.md:1", "ARCHITECTURE.md:1"], self.offences(
            ARCHITECTURE_md=f"## Decisions\n\n1. **A**, briefly.\n   more\n   more\n   more\n2. **B** ([why](docs/decisions/02-b.md)).\n"
                            f"3. **C**{long}\n4. **D** ([why](docs/decisions/04-d.md)).\n\n## Libraries\n\n1. a list{long}\n",
            **{"docs__decisions__02-b_md": "# B\n", "docs__decisions__03-c_md": "# C\n"}))

    def listing(self, text):
        (self.root / "tools").mkdir(exist_ok=True)
        (self.root / "tools/word_exceptions").write_text(text)

    def test_words_in_identifiers(self):
        self.assertEqual([f"src/sallyport/net/a.cpp:{n}" for n in (1, 2, 3, 4, 5)] + ["tests/integration/test_a.py:1"], self.offences(
            src__sallyport__net__a_cpp="int stranger_port;\nstruct SessionVitals {};\nint leg_behind_;\nint most;\nint leads_in_front();\n"
                                       "int at_most, least_sessions, behind_nat, doorstep, almost, mostly;\n",
            tests__integration__test_a_py="def test_nobody_comes():\n    least_sessions = 1\n"))

    def test_words_in_text(self):
        self.assertEqual([f"src/sallyport/net/a.cpp:{n}" for n in (1, 2, 3, 8)] + ["docs/a.md:3", "tools/a.py:1"], sorted(self.offences(
            src__sallyport__net__a_cpp="// Nobody waits for it.\nauto s = \"the server behind this gateway\";\n// Led by the kernel.\n"
                                       "// Of most clients, at least one at a time; a guest logs in behind a NAT router, or behind its own firewall.\n"
                                       "// Put it in front of a server.\n/* As TLS is\n   told apart: the gateway\n   hears 421. */\n",
            docs__a_md="Two clients can be told apart.\nA kill leaves its socket behind.\nIt is told 421.\n", tools__a_py='"""Beside it."""\nx = 1\n'),
            key=lambda place: (place.split("/")[0] != "src", place)))

    def test_exceptions_of_words(self):
        self.listing("# word, files, reason\nnobody  docs/*.md  the name of an account\nanew  docs/a.md\nled_color  src/*  a light\n")
        self.assertEqual(["tools/word_exceptions:3"], self.offences(
            docs__a_md="the account nobody\nanew\n", src__sallyport__net__a_cpp="int led_color;\n"))

    def test_exception_that_is_not_needed_any_more(self):
        self.listing("nobody  docs/*.md  the name of an account\n")
        self.assertEqual(["tools/word_exceptions:1"], self.offences(docs__a_md="no account\n"))

    def test_path_of_a_machine(self):
        self.assertEqual(["docs/a.md:1"], self.offences(
            docs__a_md="see /ro" + "ot/notes\n", docs__b_md="see build/work/x, $HOME/ro" + "ot/y and /srv/ftp\n"))


class OutlineTest(unittest.TestCase):
    """What tools/cpp_outline.py makes of the C++ that is written here."""

    def one(self, source):
        outline = rules.outline_of(source)
        self.assertEqual(1, len(outline.classes), outline)
        return outline.classes[0].methods, outline.classes[0].members

    def functions(self, source):
        return [(f.name, f.of, f.line, f.lines) for f in rules.outline_of(source).functions]

    def test_methods_and_members(self):
        self.assertEqual((["x", "~x", "text", "run", "operator()", "operatorbool", "pick"],
                          ["a_", "b_", "b_", "report_", "hook_", "room_", "names_", "bits_", "made_"]), self.one("""
            /// class nothing { int c; };
            template <class T, std::size_t N = 4>
            class x final : public base<T> {
            public:
                explicit x(int a) : a_(a), b_{a, 1}, list{} { run(); }
                x(const x&) = delete;
                x& operator=(const x&) = default;
                virtual ~x();
                [[nodiscard]] std::string text(std::string_view s = "; } \\" {") const noexcept(true) { return R"(})" + '}'; }
                static net::task<> run(int from = 1'000, std::function<void(int)> f = [] { return 1; });
                friend bool operator!=(const x&, const x&);
                bool operator==(const x&) const = default;
                int operator()(int) const { return 1 < 2 ? 1 : 2; }
                explicit operator bool() const;
                template <class U> requires (sizeof(U) > 1) auto pick(U u) -> decltype(u.get()) { return u; }
                using list_type = std::vector<int>;
                static constexpr int most = 4;
                friend class y;
                class z;

            private:
                int a_ = 1 << 3;
                int b_{1}, b2_ = 2;
                std::function<void(std::string, std::map<int, int>)> report_{};
                void (*hook_)(int) = nullptr;
                alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> room_{};
                std::vector<std::string> names_ = [] { return std::vector<std::string>{"a", "b"}; }();
                unsigned bits_ : 3;
                struct stat made_{};
            };
            """.replace("b2_", "b_")))

    def test_nested_classes_count_for_themselves(self):
        outline = rules.outline_of("namespace a::b { struct c { struct d { int e; void f(); }; enum class g { h, i }; d one; struct { int k; } two; }; }")
        self.assertEqual([("a::b::c", [], ["one", "two"]), ("a::b::c::d", ["f"], ["e"])],
                         [(c.name, c.methods, c.members) for c in outline.classes if not c.name.endswith("::")])

    def test_functions(self):
        self.assertEqual([("a::x::f", "a::x", 3, 4), ("a::x::x", "a::x", 7, 1), ("a::(unnamed)::g", "", 8, 1), ("main", "", 10, 2)],
                         self.functions("""
            namespace a {
            std::vector<int> x::f(int n) const {
                if (n < 2) { return {1}; }
                return std::vector<int>{n};
            }
            x::x(int n) : one_{n}, two_(n), base<int>{n} { return; }
            namespace { void g() { return; } int h{3}; }
            }
            int main(int, char**)
            { return 0; }
            """))

    def test_reads_after_the_preprocessor(self):
        self.assertEqual([("f", "", 4, 1)], self.functions("\n#define X(a) { \\\n    a (\nvoid f() {}\n"))

    def test_reads_all_of_the_tree(self):
        """Nothing is lost on the way: each function that ends at the margin is found."""
        tree = rules.Tree(Path(__file__).resolve().parent.parent)
        for name in tree.sources("src/"):
            if name.endswith(".cpp"):
                source = (tree.root / name).read_text()
                code = re.sub(r'R"\(.*?\)"', lambda raw: "\n" * raw[0].count("\n"), source, flags=re.DOTALL)
                ends = {number for number, line in enumerate(code.splitlines(), 1) if line == "}"}
                found = {f.line + f.lines - 1 for f in rules.outline_of(source).functions}
                self.assertLessEqual(ends, found, name)


if __name__ == "__main__":
    unittest.main()
