#include <sallyport/cli/settings_reference.hpp>

#include <gtest/gtest.h>

#include <sallyport/cli/test_program.hpp>

namespace sallyport::cli {
namespace {

TEST(SettingsReference, JoinsWhatCommandsShare) {
    const test_program p;
    EXPECT_EQ(
        settings_page(p.app),
        "### Arguments\n\n| option | commands | default, range | meaning |\n|---|---|---|---|\n"
        "| `DIR` | serve | required | Directory to share |\n"
        "| `SOURCE ...` | copy | required | What to copy |\n\n"
        "### Shared\n\n| option | commands | default, range | meaning |\n|---|---|---|---|\n"
        "| `--backend URL` | serve | required, or another | A server |\n"
        "| `--loud` | serve, copy |  | Shout |\n"
        "| `-o, --output FILE` | copy | default: none | Where the copy goes, in a sentence that is too long for one line of "
        "eighty columns |\n\n"
        "### Output\n\n| option | commands | default, range | meaning |\n|---|---|---|---|\n"
        "| `--speed slow\\|fast` | serve status | default: slow | The user's speed: how fast |\n\n"
        "### Parameters of --backend\n\n| parameter | default | meaning |\n|---|---|---|\n"
        "| `weight=N` | 1 | Share of sessions |\n"
        "| `state=a\\|b` |  | State |\n");
}

}  // namespace
}  // namespace sallyport::cli
