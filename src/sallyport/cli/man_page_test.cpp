#include <sallyport/cli/man_page.hpp>

#include <string>

#include <gtest/gtest.h>

#include <sallyport/cli/test_program.hpp>

namespace sallyport::cli {
namespace {

TEST(ManPage, HasEverySectionOfTheHelp) {
    const test_program p;
    EXPECT_EQ(
        man_page(*p.serve, "1.2"),
        ".TH PROG\\-SERVE 1 \"\" \"Sallyport 1.2\" \"User Commands\"\n"
        ".SH NAME\nprog\\-serve \\- Serve a directory\n"
        ".SH SYNOPSIS\n\\fBprog serve [OPTIONS] DIR [COMMAND]\\fR\n"
        ".SH COMMANDS\n.TP\n\\fBstatus\\fR\nShow the state\n"
        ".SH OPTIONS\n.SS Arguments\n.TP\n\\fBDIR\\fR\nDirectory to share [required]\n"
        ".SS Shared\n.TP\n\\fB\\-\\-backend\\fR \\fIURL\\fR\nA server [required, or another]\n"
        ".RS\n.TP\n\\fBweight=N\\fR\nShare of sessions [default: 1]\n.TP\n\\fBstate=a|b\\fR\nState\n.RE\n"
        ".TP\n\\fB\\-\\-loud\\fR\nShout\n"
        ".SS Help\n.TP\n\\fB\\-h, \\-\\-help\\fR\nPrint this help\n"
        ".SH EXAMPLES\n.nf\n"
        "  prog serve /a/very/long/line/that/stays/as/it/is/because/it/is/an/example \\-\\-with \\-\\-many \\-\\-options\n"
        ".fi\n.PP\nEnd.\n"
        ".SH SEE ALSO\n\\fBprog\\fR(1),\n\\fBprog\\-serve\\-status\\fR(1),\n\\fBsallyport.toml\\fR(5)\n");
}

TEST(ManPage, NoLineOfTextIsARequest) {
    CLI::App app{".SH is not a heading here", "prog"};
    set_table(app, {.notes = "'quoted' \\fBnot bold\\fR"});
    const auto page = man_page(app, "1");
    EXPECT_NE(page.find("prog \\- \\&.SH is not"), std::string::npos) << page;
    EXPECT_NE(page.find("\n\\&'quoted' \\efBnot bold\\efR\n"), std::string::npos) << page;
}

TEST(ManPage, TheConfigurationFileHasTheKeysOfTheCommandsThatReadOne) {
    CLI::App app{"Program", "prog"};
    auto* const serve = app.add_subcommand("serve", "Serve");
    serve->add_subcommand("check", "Check");
    auto* const other = app.add_subcommand("other", "Other");
    std::string value;
    command_table reading;
    reading.add("Files",
                {{"--config", "FILE", not_in_file(text(value)), "Configuration"}, {"--root", "DIR", text(value), "Root"}});
    set_table(*serve, std::move(reading));
    command_table plain;
    plain.add("Files", {{"--secret", "FILE", text(value), "Secret"}});
    set_table(*other, std::move(plain));
    const auto page = configuration_man_page(app, "1");
    EXPECT_NE(page.find(".TP\n\\fBroot\\fR\nRoot [default: none] (serve)\n"), std::string::npos) << page;
    EXPECT_EQ(page.find("secret"), std::string::npos);
    EXPECT_EQ(page.find("fBconfig"), std::string::npos);
    EXPECT_NE(page.find("\\fBprog\\-serve\\fR(1)\n"), std::string::npos);
}

}  // namespace
}  // namespace sallyport::cli
