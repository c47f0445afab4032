#include <sallyport/cli/declared_differences.hpp>

#include <string>

#include <gtest/gtest.h>

namespace sallyport::cli {
namespace {

using enum replaced_server;

std::string reason(replaced_server old, std::string name, std::string before, std::string after) {
    const bool is_same = before == after;
    return std::string(declared_reason(old, {std::move(name), std::move(before), std::move(after), is_same}));
}

TEST(declared_differences, those_of_every_server) {
    for (const auto old : {vsftpd, proftpd, pure_ftpd}) {
        EXPECT_TRUE(reason(old, "owner of an uploaded file", "alice ftp", "ftp ftp").contains("--run-as"));
        EXPECT_NE(reason(old, "FEAT HASH", "-", "yes"), "");
        EXPECT_NE(reason(old, "HASH NAME", "500", "550"), "");
        EXPECT_NE(reason(old, "ALLO 1", "202", "200"), "");
        EXPECT_NE(reason(old, "overwrite a file", "550", "553"), "");
        EXPECT_NE(reason(old, "SITE CHMOD of a file", "200", "550"), "");
        EXPECT_NE(reason(old, "upload secret.key", "226", "553"), "");
        EXPECT_NE(reason(old, ".sallyport is listed", "yes", "no"), "");
    }
    EXPECT_EQ(reason(unknown, "owner of an uploaded file", "alice ftp", "ftp ftp"), "");
    EXPECT_EQ(reason(vsftpd, "FEAT", "211", "211"), "");
}

TEST(declared_differences, what_permits_more_or_less_is_none) {
    for (const auto old : {vsftpd, proftpd, pure_ftpd}) {
        for (const auto* const name :
             {"upload a file", "download a file", "overwrite a file", "delete a file", "rename a file", "make a directory",
              "upload secret.key", "download secret.key", "SITE CHMOD of a file"})
            EXPECT_EQ(reason(old, name, "550", "226"), "") << name;
        for (const auto* const name : {"upload a file", "download a file", "delete a file", "make a directory"})
            EXPECT_EQ(reason(old, name, "226", "550"), "") << name;
        EXPECT_EQ(reason(old, "an uploaded file is listed", "yes", "no"), "");
        EXPECT_EQ(reason(old, "secret.key is listed", "no", "yes"), "");
        EXPECT_EQ(reason(old, "download a file", "226, 57 bytes", "226, 38 bytes"), "");
        EXPECT_EQ(reason(old, "mode of an uploaded file", "0600", "0644"), "");
        EXPECT_EQ(reason(old, "FEAT AUTH", "yes", "-"), "");
        EXPECT_EQ(reason(old, "TLS of data connections", "yes", "no"), "");
        EXPECT_EQ(reason(old, "PWD", "257", "550"), "");
    }
}

TEST(declared_differences, those_of_one_server) {
    EXPECT_NE(reason(proftpd, "continue an upload", "554", "226"), "");
    EXPECT_EQ(reason(vsftpd, "continue an upload", "554", "226"), "");
    EXPECT_NE(reason(pure_ftpd, "remove a directory", "250", "550"), "");
    EXPECT_EQ(reason(proftpd, "remove a directory", "250", "550"), "");
    EXPECT_NE(reason(vsftpd, "MFMT of a file", "500", "213"), "");
}

}  // namespace
}  // namespace sallyport::cli
