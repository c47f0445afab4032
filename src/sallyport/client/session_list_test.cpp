// Listings: which directory is listed, the entry of a single file, and lines in an unknown format.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sallyport/client/session_fixture.hpp>

namespace sallyport::client {
namespace {

using ::testing::ElementsAre;
using testing::hang_up;
using ::testing::HasSubstr;

/// The commands after the login, without EPSV, PASV, EPRT and PORT.
std::vector<std::string> requests(const ftp_stub& server) {
    std::vector<std::string> out;
    for (const auto& c : server.commands()) {
        const auto verb = c.substr(0, c.find(' '));
        if (verb != "USER" && verb != "PASS" && verb != "FEAT" && verb != "TYPE" && verb != "EPSV" && verb != "QUIT")
            out.push_back(c);
    }
    return out;
}

std::vector<std::string> names(const run_result<listing_report>& r) {
    std::vector<std::string> out;
    if (r.got)
        for (const auto& e : r.got->entries) out.push_back(e.name);
    return out;
}

behaviour old_server(std::string listing) {
    behaviour b;
    b.has_mlsd = false;
    b.list_listing = std::move(listing);
    return b;
}

TEST(client_list, lists_by_MLSD_from_inside_the_directory) {
    behaviour b;
    b.listing = "type=cdir; .\r\ntype=pdir; ..\r\ntype=dir;modify=20260102030405; sub\r\ntype=file;size=7; a b\r\n";
    ftp_stub server(b);
    const auto r = list(server.url("dir"));
    ASSERT_TRUE(r.got) << r.text();
    EXPECT_THAT(names(r), ElementsAre("sub", "a b"));
    EXPECT_EQ(r.got->entries[1].size, 7U);
    EXPECT_FALSE(server.saw("TYPE"));
    EXPECT_THAT(requests(server), ElementsAre("PWD", "CWD dir", "MLSD"));
}

TEST(client_list, the_login_directory_needs_no_CWD) {
    ftp_stub server({});
    EXPECT_TRUE(list(server.url("")).got);
    EXPECT_THAT(requests(server), ElementsAre("MLSD"));
}

TEST(client_list, lists_by_LIST_where_MLSD_is_unknown) {
    for (const bool feat_says_so : {true, false}) {
        behaviour b;
        b.has_mlsd = false;
        if (!feat_says_so) b.replies["FEAT"] = "500 what";
        ftp_stub server(b);
        const auto r = list(server.url("dir"));
        ASSERT_TRUE(r.got) << r.text();
        EXPECT_THAT(names(r), ElementsAre("file"));
        EXPECT_EQ(server.saw("MLSD"), !feat_says_so);
        EXPECT_EQ(requests(server).back(), "LIST");
    }
}

TEST(client_list, names_that_ls_would_take_for_something_else) {
    for (const auto* name : {"a b", "-rf", "-", "*", "[x]", "~user", "a\\b", "--help", " lead", "trail "}) {
        auto b = old_server("-rw-r--r-- 1 0 0 7 Jan 02 15:04 inside\r\n");
        b.directories.insert(name);
        ftp_stub server(b);
        const auto r = run<listing_report>({job::list, server.url(""), quick(), -1, false, {}});
        ASSERT_TRUE(r.got);
        std::string encoded;
        for (const char* c = name; *c != '\0'; ++c) {
            constexpr std::string_view hex = "0123456789ABCDEF";
            encoded += {'%', hex[static_cast<unsigned char>(*c) / 16], hex[static_cast<unsigned char>(*c) % 16]};
        }
        const auto inside = list(server.url(encoded + "/"));
        ASSERT_TRUE(inside.got) << name << ": " << inside.text();
        EXPECT_THAT(names(inside), ElementsAre("inside"));
        EXPECT_THAT(requests(server), ElementsAre("LIST", "PWD", std::string("CWD ") + name, "LIST"));
    }
}

TEST(client_list, a_missing_directory_is_an_error) {
    for (const bool old : {true, false}) {
        auto b = old ? old_server("") : behaviour{};
        if (old) b.says_sizes = false;
        ftp_stub server(b);
        for (const auto* path : {"none", "none/", "dir/none"}) {
            const auto r = list(server.url(path));
            ASSERT_FALSE(r.got) << path;
            EXPECT_EQ(r.got.error().at, step::request);
            EXPECT_EQ(r.got.error().reply_code, 550);
            EXPECT_THAT(r.text(), HasSubstr("550 no such directory"));
        }
    }
}

TEST(client_list, a_file_is_its_own_entry) {
    ftp_stub by_mlst({});
    auto r = list(by_mlst.url("file"));
    ASSERT_TRUE(r.got) << r.text();
    EXPECT_THAT(names(r), ElementsAre("file")) << "whatever the server calls it (CL-04)";
    EXPECT_EQ(r.got->entries[0].size, 420U);
    EXPECT_THAT(requests(by_mlst), ElementsAre("PWD", "CWD file", "MLST file"));

    ftp_stub by_size(old_server(""));
    r = list(by_size.url("file"));
    ASSERT_TRUE(r.got) << r.text();
    EXPECT_THAT(names(r), ElementsAre("file"));
    EXPECT_EQ(r.got->entries[0].size, 420U);
    EXPECT_EQ(proto::format_time(r.got->entries[0].modified), "20260102030405");
    EXPECT_THAT(requests(by_size), ElementsAre("PWD", "CWD file", "SIZE file", "MDTM file"));

    auto b = old_server("-rw-r--r-- 1 0 0 7 Jan 02 15:04 other\r\n-rw-r--r-- 1 0 0 9 Jan 02 15:04 -file\r\n");
    b.says_sizes = false;
    ftp_stub by_list(b);
    r = list(by_list.url("-file"));
    ASSERT_TRUE(r.got) << r.text();
    EXPECT_EQ(r.got->entries.size(), 1U);
    EXPECT_EQ(r.got->entries[0].size, 9U);
    EXPECT_EQ(requests(by_list).back(), "LIST ./-file");
}

TEST(client_list, a_server_without_CWD_gets_the_directory_as_an_argument) {
    auto b = old_server("-rw-r--r-- 1 0 0 7 Jan 02 15:04 inside\r\n");
    b.replies["CWD"] = "502 not here";
    ftp_stub server(b);
    const auto r = list(server.url("dir"));
    ASSERT_TRUE(r.got) << r.text();
    EXPECT_EQ(requests(server).back(), "LIST dir");
}

TEST(client_list, a_lost_connection_is_no_refusal) {
    for (const auto* verb : {"PWD", "CWD", "MLST"}) {
        ftp_stub server({.replies = {{verb, std::string(hang_up)}}});
        const auto r = list(server.url("file"));
        ASSERT_FALSE(r.got) << verb;
        EXPECT_EQ(r.got.error().cause.code, errc::closed);
    }
}

net::task<> list_then_get(net::loop& home, std::string url, int file, outcome<transfer_report>& out) {
    const auto location = url::parse(url);
    session s(home, quick());
    auto opened = co_await s.open(*location);
    EXPECT_TRUE(opened);
    auto listed = co_await s.list("dir", 0);
    EXPECT_TRUE(listed);
    download_resume none;
    out = co_await s.get("file", file, std::move(none), {});
    auto again = co_await s.list("/start", 0);
    EXPECT_TRUE(again);
    co_await s.quit();
}

TEST(client_list, paths_of_later_calls_start_where_the_session_started) {
    ftp_stub server({});
    net::loop_group loops(1);
    memory_file to;
    outcome<transfer_report> got = std::unexpected(failure{});
    loops.run_until_done(list_then_get(loops.at(0), server.url(""), to.get(), got));
    ASSERT_TRUE(got) << got.error().text();
    EXPECT_THAT(requests(server),
                ElementsAre("PWD", "CWD dir", "MLSD", "CWD /start", "SIZE file", "RETR file", "CWD /start", "MLSD"));
}

TEST(client_list, a_relative_path_is_refused_if_the_start_directory_is_unknown) {
    ftp_stub server({.replies = {{"PWD", "257 somewhere"}}});
    net::loop_group loops(1);
    memory_file to;
    outcome<transfer_report> got;
    loops.run_until_done(list_then_get(loops.at(0), server.url(""), to.get(), got));
    ASSERT_FALSE(got);
    EXPECT_THAT(got.error().text(), HasSubstr("start directory"));
    EXPECT_FALSE(server.saw("RETR"));
}

TEST(client_list, CL_04_traps_in_listings_are_left_out) {
    behaviour b;
    b.listing =
        "type=file; ../x\r\ntype=file; /etc/x\r\ntype=file; a/../../x\r\ntype=file; ..\r\ntype=file; fine\r\ntype=file; \r\n"
        "type=file; x\ty\r\n";
    ftp_stub server(b);
    auto r = list(server.url("dir"));
    ASSERT_TRUE(r.got) << r.text();
    EXPECT_THAT(names(r), ElementsAre("fine"));
    EXPECT_EQ(r.got->skipped_names, 4U);
    // The other formats of LIST cannot name files outside either.
    ftp_stub other(
        old_server("../X.TXT;1 2 2-JUL-2003 10:30 [A] (RWED,,,)\r\n"
                   "QSYS 77824 02/23/00 15:09:55 *STMF ../../x\r\n"
                   "QSYS 77824 02/23/00 15:09:55 *DIR ../\r\n"
                   "+r,s1,\t/etc/x\r\n"
                   "  36611      A           04-23-103  10:57  ../x\r\n"
                   "- [R----F--] rhesus 1 Oct 20 15:27 ../x\r\n"
                   "[A]..;1 2 2-JUL-2003 10:30 [A] (RWED,,,)\r\n"
                   "FINE.TXT;1 2 2-JUL-2003 10:30 [A] (RWED,,,)\r\n"));
    r = list(other.url("dir"));
    ASSERT_TRUE(r.got) << r.text();
    EXPECT_THAT(names(r), ElementsAre("FINE.TXT"));
    EXPECT_EQ(r.got->skipped_names, 5U);
}

TEST(client_list, lines_in_no_known_form_are_counted) {
    ftp_stub server(old_server("total 1\r\n-rw-r--r-- 1 0 0 7 Jan 02 15:04 known\r\nwhat is this\r\n" +
                               std::string(10000, 'x') + "\r\n"));
    auto r = list(server.url("dir"));
    ASSERT_TRUE(r.got) << r.text();
    EXPECT_THAT(names(r), ElementsAre("known"));
    EXPECT_EQ(r.got->unrecognized_lines, 2U);
    EXPECT_EQ(r.got->first_unrecognized, "what is this");
    behaviour b;
    b.listing = "type=file; known\r\nnonsense\r\n";
    ftp_stub facts(b);
    r = list(facts.url("dir"));
    ASSERT_TRUE(r.got) << r.text();
    EXPECT_EQ(r.got->unrecognized_lines, 1U);
    EXPECT_EQ(r.got->first_unrecognized, "nonsense");
}

TEST(client_list, a_listing_of_which_nothing_is_understood_is_an_error) {
    for (const auto* listing : {"total 0\r\nwhat\r\nis this\r\n", "ls: .: Permission denied\r\n", "LONG.NAME;1\r\n"}) {
        ftp_stub server(old_server(listing));
        const auto r = list(server.url("dir"));
        ASSERT_FALSE(r.got) << listing;
        EXPECT_EQ(r.got.error().at, step::listing);
        EXPECT_THAT(r.text(), HasSubstr("none of the"));
    }
    ftp_stub empty(old_server("total 0\r\n\r\n"));
    EXPECT_TRUE(list(empty.url("dir")).got) << "an empty directory is none";
    ftp_stub dots(old_server("drwxr-xr-x 1 0 0 7 Jan 02 15:04 .\r\nwhat\r\n"));
    EXPECT_TRUE(list(dots.url("dir")).got) << "the form is known";
}

TEST(client_list, an_empty_directory_may_be_refused) {
    for (const auto* said : {"550 No members found.", "550 No data sets found.", "450 No files found"}) {
        auto b = old_server("");
        b.replies["LIST"] = said;
        ftp_stub server(b);
        const auto r = list(server.url("dir"));
        ASSERT_TRUE(r.got) << r.text();
        EXPECT_THAT(names(r), ElementsAre());
    }
    auto b = old_server("");
    b.replies["LIST"] = "550 Permission denied";
    ftp_stub server(b);
    EXPECT_EQ(list(server.url("dir")).got.error().reply_code, 550);
}

TEST(client_list, unknown_facts_are_followed_by_LIST) {
    behaviour b;
    b.listing = "-rw-r--r-- 1 0 0 7 Jan 02 15:04 x\r\n";
    ftp_stub server(b);
    const auto r = list(server.url("dir"));
    ASSERT_TRUE(r.got) << r.text();
    EXPECT_THAT(names(r), ElementsAre("file"));
    EXPECT_EQ(requests(server).back(), "LIST");
}

}  // namespace
}  // namespace sallyport::client
