// Directories that are made on a server, and those that it refuses to make.

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include <sallyport/client/pool_fixture.hpp>
#include <sallyport/client/remote_change.hpp>

namespace sallyport::client {
namespace {

net::task<> make(pool& connections, const std::vector<std::string>& paths, std::vector<remote_problem>& out) {
    out = co_await make_directories(connections, paths);
}

std::vector<remote_problem> refused(const ftp_stub& server, const std::vector<std::string>& paths) {
    std::vector<remote_problem> out;
    with_pool(server.url(""), quick_pool(1), [&](pool& connections) { return make(connections, paths, out); });
    return out;
}

TEST(client_changes, a_directory_that_is_refused_and_missing_is_a_problem) {
    behaviour b;
    b.replies["MKD"] = "550 Permission denied.";
    b.directories.insert("/there");
    ftp_stub server(b);
    const auto got = refused(server, {"/there", "/closed", "/closed/below"});
    ASSERT_EQ(got.size(), 1U);
    EXPECT_EQ(got[0].path, "/closed");
    EXPECT_EQ(got[0].why.reply_code, 550);
    EXPECT_NE(got[0].why.text().find("Permission denied"), std::string::npos) << got[0].why.text();
}

TEST(client_changes, a_directory_that_cannot_be_entered_exists_if_one_below_it_does) {
    behaviour b;
    b.replies["MKD"] = "550 Permission denied.";
    b.directories.insert("/closed/open");
    ftp_stub server(b);
    EXPECT_TRUE(refused(server, {"/closed", "/closed/open"}).empty());
}

}  // namespace
}  // namespace sallyport::client
