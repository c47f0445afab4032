#include <sallyport/cli/completion.hpp>

#include <string>

#include <gtest/gtest.h>

#include <sallyport/cli/test_program.hpp>

namespace sallyport::cli {
namespace {

// What the shells make of the scripts is tested with the shells (tests/integration/test_completion.py).

TEST(Completion, BashHasCommandsOptionsAndValues) {
    test_program p;
    p.status->fallthrough();
    const auto script = bash_completion(p.app);
    EXPECT_NE(script.find("'prog serve') words='status --backend --loud -h --help' ;;\n"), std::string::npos) << script;
    EXPECT_NE(script.find("'prog serve status --speed') words='slow fast'; value=1 ;;\n"), std::string::npos) << script;
    EXPECT_NE(script.find("'prog copy -o' | 'prog copy --output') words=''; value=1 ;;\n"), std::string::npos) << script;
    // Options of the command above are valid too.
    EXPECT_NE(script.find("'prog serve status') words='--speed --backend --loud -h --help' ;;\n"), std::string::npos)
        << script;
}

TEST(Completion, TextsAreQuotedForTheirShell) {
    const test_program p;
    EXPECT_NE(zsh_completion(p.app).find("'--speed:The user'\\''s speed: how fast'"), std::string::npos);
    EXPECT_NE(fish_completion(p.app).find(" -l speed -d 'The user\\'s speed: how fast' -x -a 'slow fast'\n"),
              std::string::npos);
    EXPECT_NE(fish_completion(p.app).find(" -s o -l output -d "), std::string::npos);
}

}  // namespace
}  // namespace sallyport::cli
