// Directories that are removed with everything in them: what proves that an entry is no link (CL-04).

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include <sallyport/client/pool_fixture.hpp>
#include <sallyport/client/remote_removal.hpp>

namespace sallyport::client {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;

TEST(client_removal, a_refusal_proves_that_a_directory_is_not_empty) {
    for (const auto* reply : {
             "550 /d: Directory not empty",                      // ProFTPD
             "550 Can't remove directory: Directory not empty",  // Pure-FTPd
             "550 Directory not empty.",                         // pyftpdlib, FileZilla Server
             "550 The directory is not empty. ",                 // IIS
             "550 removing /d: the directory is not empty.",     // Sallyport
         })
        EXPECT_EQ(read_rmd_refusal(reply, "/d"), rmd_refusal::not_empty) << reply;
    EXPECT_EQ(read_rmd_refusal("550 Remove directory operation failed.", "/d"), rmd_refusal::other);
    EXPECT_EQ(read_rmd_refusal("550 /d: Permission denied", "/d"), rmd_refusal::not_permitted);
    EXPECT_EQ(read_rmd_refusal("550 Access is denied.", "/d"), rmd_refusal::not_permitted);
}

TEST(client_removal, CL04_a_name_proves_nothing) {
    EXPECT_EQ(read_rmd_refusal("550 /a/not empty: failed", "/a/not empty"), rmd_refusal::other);
    EXPECT_EQ(read_rmd_refusal("550 /a/Not Empty: Permission denied", "/a/Not Empty"), rmd_refusal::not_permitted);
    EXPECT_EQ(read_rmd_refusal("550 /a/e: Permission denied", "/a/e"), rmd_refusal::not_permitted);
}

net::task<> remove(pool& connections, const std::string& path, removal& out) {
    co_await remove_tree(connections, path, out);
}

removal removed(const ftp_stub& server, const std::string& path) {
    removal out;
    with_pool(server.url(""), quick_pool(1), [&](pool& connections) { return remove(connections, path, out); });
    return out;
}

/// Refuses to remove /d and what is in it, without a reason.
behaviour server_without_reasons(const std::string& list_line) {
    behaviour b;
    b.directories = {"/", "/start", "/d"};
    b.listings["/d"] = "type=file;size=1; x\r\n";
    b.list_listing = list_line + "\r\n";
    b.replies["DELE"] = "550 Failed.";
    b.replies["RMD"] = "550 Failed.";
    return b;
}

TEST(client_removal, CL04_the_type_letter_of_LIST_proves_a_directory) {
    ftp_stub server(server_without_reasons("drwxr-xr-x    2 ftp      ftp          4096 Jan 02  2026 d"));
    const auto got = removed(server, "/d");
    EXPECT_THAT(server.commands(), Contains("DELE /d/x"));
    EXPECT_FALSE(server.saw("RNFR"));
    ASSERT_EQ(got.problems.size(), 1U);
    EXPECT_EQ(got.problems[0].path, "/d/x");
}

TEST(client_removal, CL04_a_link_is_not_entered) {
    ftp_stub server(server_without_reasons("lrwxrwxrwx    1 ftp      ftp             4 Jan 02  2026 d -> other"));
    const auto got = removed(server, "/d");
    EXPECT_THAT(server.commands(), Not(Contains("DELE /d/x")));
    ASSERT_EQ(got.problems.size(), 1U);
    EXPECT_EQ(got.problems[0].path, "/d");
}

TEST(client_removal, CL04_what_nothing_proves_is_not_entered_and_said) {
    ftp_stub server(server_without_reasons("01-02-26  03:04AM       <DIR>          d"));
    const auto got = removed(server, "/d");
    EXPECT_THAT(server.commands(), Not(Contains("DELE /d/x")));
    ASSERT_EQ(got.problems.size(), 1U);
    EXPECT_THAT(got.problems[0].why.text(), HasSubstr("may be a link"));
    EXPECT_THAT(got.problems[0].why.text(), HasSubstr("rmdir"));
}

}  // namespace
}  // namespace sallyport::client
